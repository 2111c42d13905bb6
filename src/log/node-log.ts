import type { LogIndex, Persist, ReplicaId } from "../raft/index.ts";
import type { GroupLog } from "./group-log.ts";
import type { LogDamagedError, LogDiskError, SnapshotDamagedError } from "./log-errors.ts";
import type { ScrubStatus } from "./scrubber.ts";
import type { SnapshotMeta, SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import type { SyncTimes } from "./sync-times.ts";

/** A node's log for all its groups, on disk ({@link Log}) or in memory ({@link MemoryLog}). */
export interface NodeLog {
  /** The group's part; a group that the log has never heard of has an empty one. The same object each time. */
  group(group: number): GroupLog;

  /**
   * Queues one atomic record set. It can be read at once; it is written by {@link flush} or with what is being flushed.
   * `done` is called when it is durable, never within this call; for one group in the order of the calls. A set that brings
   * nothing but a new commit index needs no durability: it goes along with a later batch, and its `done` is called once the
   * sets before it are durable. The entries' bytes stay untouched for good.
   *
   * `records.snapshot` resets the group's log: entries follow its index. Its state comes from a {@link receiveSnapshot} of the
   * same index and term that was committed before; the log does not look at `snapshot.data`. Once `done` is called it is the
   * group's snapshot.
   *
   * Asserts that the group is not damaged, that entries follow each other, and that a snapshot was received.
   */
  append(group: number, records: LogRecords, done: () => void): void;

  /**
   * The group begins anew as `replica`, which has nothing: entries, hard state, snapshot and damage of the replica before
   * are gone, in one atomic step (CONSENSUS M-10). `done` is called when that is durable, never within this call; before
   * it nothing may be appended, and no message of `replica` may leave. What is being read or written of the group's
   * snapshots must have been closed or aborted.
   *
   * Asserts that `replica` is higher than any that the group had in this log: no id is ever used again (C-4).
   */
  beginReplica(group: number, replica: ReplicaId, done: () => void): void;

  /**
   * The group's replicas here up to `replica` are gone for good: what there is of them ends, as by {@link beginReplica}, and
   * nobody takes their place. `done` is called when that is durable. Nothing may be appended then until a higher one begins.
   *
   * Asserts that `replica` is as high as the one that the group has in this log, and higher if that has ended.
   */
  endReplica(group: number, replica: ReplicaId, done: () => void): void;

  /** From now on each group keeps so many bytes of its newest entries in memory, and as many again of those read back. */
  limitCache(bytesPerGroup: number): void;

  /** The end of a turn: everything queued is written in one batch, as soon as the one before it is durable. */
  flush(): void;

  /**
   * Begins a snapshot that this replica makes of its own state, once the entry at `meta.index` is applied. The log stays as
   * it is; {@link compact} cuts it behind the snapshot. Asserts that `meta.index` lies behind the group's snapshot and within
   * its log, and that the group is not damaged.
   */
  createSnapshot(group: number, meta: SnapshotMeta): SnapshotWriter;

  /** Begins to take a snapshot from a leader; {@link append} installs it after its `commit`. The last one of a group counts. */
  receiveSnapshot(group: number, meta: SnapshotMeta): SnapshotWriter;

  /** The group's snapshot, to be read; undefined if there is none. The caller closes it. */
  openSnapshot(group: number): SnapshotReader | undefined;

  /**
   * Entries up to and including `index` are not needed any more, neither here nor for other replicas; nothing happens if
   * they are gone already, or the group is damaged. Asserts that a durable snapshot holds them:
   * `index <= group(group).snapshot.index`. After a crash some of them may be there again.
   */
  compact(group: number, index: LogIndex): void;

  /**
   * The log takes more space than it should, and the oldest part of it is held by entries of this group: a snapshot of it,
   * then {@link compact}, would free it. Called again as long as it is so, now and then. One handler; the last set counts.
   */
  onSnapshotWanted(handler: (group: number) => void): void;

  /**
   * No space is left for entries. What was queued is kept and written when there is space again, without an operator; votes,
   * terms and vital entries ({@link isVital}) are still written from a reserve. Propose nothing meanwhile, and take no more from
   * a leader than what is vital and {@link roomBeforeVitalBytes} of what stands before it: a vote that is queued behind more entries
   * of its group waits for space with them.
   */
  readonly isFull: boolean;

  /**
   * While it is full: bytes of entries that would still be written, from the reserve, if something vital of their group stood
   * behind them; see {@link entryLogBytes}.
   */
  readonly roomBeforeVitalBytes: number;

  /**
   * While it is full: bytes of entries that would still be written, from a part of the reserve, if the last of them only frees
   * space. Those are to be told by their data alone, by everybody in the same way.
   */
  readonly roomForFreeingBytes: number;

  /** What a write and its sync take; undefined in memory. There is one who looks. */
  readonly syncTimes: SyncTimes | undefined;

  /** Number of the segment being written: higher after every start, and rising while the node runs (CONSENSUS D-10). */
  readonly diskEpoch: number;

  /** Bytes of the log and its snapshots, without what is allocated and not used yet. */
  readonly sizeBytes: number;

  /**
   * The disk failed (a failed sync, or a write error other than a lack of space): called once, nothing is written or
   * called back any more, and the process must end (CONSENSUS D-4).
   */
  onFailure(handler: (error: LogDiskError) => void): void;

  /** Entries that were read back are damaged: the group's replica on this node must stop (CONSENSUS D-3, D-8). */
  onDamage(handler: (error: LogDamagedError) => void): void;

  /**
   * The group's snapshot turned out to be damaged when all was read back. The state in memory is sound: a new one takes its
   * place (CONSENSUS D-8).
   */
  onSnapshotDamage(handler: (error: SnapshotDamagedError) => void): void;

  /** What reading everything back has come to in this run; undefined in memory. */
  readonly scrub: ScrubStatus | undefined;

  /** Writes what is queued, as far as the disk lets it, then a sync mark, and closes the files. Idempotent. */
  close(): Promise<void>;
}

/** What Raft hands over to be made durable. */
export interface LogRecords extends Pick<Persist, "entries" | "hardState" | "snapshot"> {
  /**
   * What waits for it must not wait for space: answers without which a group stands still. Where entries of the group are held back it is
   * a set of its own, even if it stores nothing, and takes them along. Default false.
   */
  readonly isVital?: boolean;
}
