import { assert, type Clock, type Disk, DiskError, type Logger } from "../platform/index.ts";
import type { HardState, LogIndex, ReplicaId, Snapshot } from "../raft/index.ts";
import { BatchReads } from "./batch-reads.ts";
import { EntryFetcher } from "./entry-fetcher.ts";
import type { GroupLog } from "./group-log.ts";
import { type LogDamagedError, LogDiskError, type SnapshotDamagedError } from "./log-errors.ts";
import { type LogOptions, type LogSettings, settingsOf } from "./log-settings.ts";
import { LogWriter } from "./log-writer.ts";
import type { LogRecords, NodeLog } from "./node-log.ts";
import { Reclaimer, type ReclaimerHost } from "./reclaimer.ts";
import { RecordSet, type ReplicaRecord, type ReplicaState } from "./record-set.ts";
import { type DamagedRange, type ReadLog, type RecoverySource, readLog } from "./recovery.ts";
import { Scrubber, type ScrubberHost, type ScrubStatus } from "./scrubber.ts";
import { SegmentReads } from "./segment-files.ts";
import type { GroupAtStart } from "./segment-header.ts";
import { type OpenedSegment, openSegment, removeAll } from "./segment-opening.ts";
import type { SnapshotMeta, SnapshotReader, SnapshotWriter, StoredSnapshot } from "./snapshot.ts";
import { type FoundSnapshots, findSnapshots } from "./snapshot-recovery.ts";
import { SnapshotStore, type SnapshotStoreHost } from "./snapshot-store.ts";
import { type GroupHost, StoredGroup } from "./stored-group.ts";
import type { SyncTimes } from "./sync-times.ts";

/** What was found at the start. */
export interface LogRecovery {
  /** All groups that have records, sorted. */
  readonly groups: readonly RecoveredGroup[];
  /** A group that is not listed may have had records that are lost; {@link GroupLog.isDamaged} says so of every such group. */
  readonly mayMissGroups: boolean;
  readonly diskEpoch: number;
  /** Bytes cut from the end: they were never proven durable, and are not whole. */
  readonly tornBytes: number;
  /** Bytes written again: they are whole, and were not proven durable. */
  readonly rewrittenBytes: number;
  readonly damage: readonly DamagedRange[];
}

export interface RecoveredGroup {
  readonly group: number;
  readonly hardState: HardState;
  /** What the state machine starts from, before the log behind it; undefined: from nothing. Its index is committed. */
  readonly snapshot: StoredSnapshot | undefined;
  /** It lost acknowledged records: it must neither vote nor count until it is rebuilt as a new replica (CONSENSUS D-3). */
  readonly isDamaged: boolean;
}

const cacheBytesDefault = 8 * 1_048_576;
const fetchBytesDefault = 1_048_576;
/** How soon entries are asked for again when the system had no file to spare. */
const readRetryMs = 100;

/**
 * The node's one write-ahead log for all its groups, on disk. One write and one `fdatasync` make everything durable that
 * was queued in a turn, for all groups together. format.ts draws what is written, recovery.ts says what happens at a start.
 */
export class Log implements NodeLog {
  /**
   * Recovers the log in `directory`, or makes a new one. When it resolves, all that was found is durable in a segment of this
   * run, under a higher disk epoch.
   *
   * @throws LogLostError (LOG_LOST), LogFormatError (LOG_FORMAT_UNSUPPORTED), LogForeignError (LOG_FOREIGN), LogNewerError
   *   (LOG_NEWER_THAN_NODE), LogUnreadableError (LOG_UNREADABLE), LogDiskFullError (LOG_DISK_FULL), LogDiskError
   *   (LOG_DISK_FAILED)
   */
  static async open(options: LogOptions): Promise<{ readonly log: Log; readonly recovery: LogRecovery }> {
    const source: RecoverySource = {
      ...options,
      bootCounter: options.bootCounter,
      diskEpochSeen: options.diskEpochSeen,
    };
    try {
      const settings = settingsOf(options);
      const found = await readLog(source);
      const opened = await openSegment(source, found, settings.segmentBytes);
      const snapshots = await findSnapshots(options, found.names, found.replay.groups);
      await removeAll(source, snapshots.leftovers);
      const file = await options.disk.open(opened.path, "write");
      const log = new Log(options, settings, { found, opened, snapshots, file });
      const recovery = describe(found, opened, log);
      report(options.logger, recovery);
      return { log, recovery };
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      throw new LogDiskError(`${options.directory}: the log could not be opened`, { cause: error });
    }
  }

  get isFull(): boolean {
    return this.#writer.isFull;
  }

  get roomBeforeVitalBytes(): number {
    return this.#writer.roomBeforeVitalBytes;
  }

  get roomForFreeingBytes(): number {
    return this.#writer.roomForFreeingBytes;
  }

  get syncTimes(): SyncTimes {
    return this.#writer.syncTimes;
  }

  get scrub(): ScrubStatus {
    return this.#scrubber.status;
  }

  get diskEpoch(): number {
    return this.#writer.current.segment;
  }

  get sizeBytes(): number {
    return this.#reclaimer.sizeBytes + this.#writer.current.end + this.#snapshots.sizeBytes;
  }

  group(group: number): GroupLog {
    return this.#group(group);
  }

  append(groupId: number, records: LogRecords, done: () => void): void {
    const group = this.#group(groupId);
    assert(!group.isDamaged, "nothing is appended to a damaged group");
    const { entries, hardState, snapshot } = records;
    if (snapshot !== undefined) {
      this.#install(group, records, snapshot, done);
      return;
    }
    const isVital = records.isVital === true || !isHint(group.hardState, hardState);
    if (entries.length === 0 && isHint(group.hardState, hardState) && !(isVital && group.mayBeHeldBack)) {
      this.#appendHint(group, hardState, done);
      return;
    }
    group.append(records);
    const content = { entries, hardState: isVital ? group.hardState : hardState };
    this.#push(new RecordSet(group, content, { isHint: false, isVital, dones: [done] }));
  }

  beginReplica(groupId: number, replica: ReplicaId, done: () => void): void {
    const group = this.#group(groupId);
    assert(Number.isSafeInteger(replica) && replica > group.replica, "a replica id is never used again [C-4]");
    this.#replace(group, { replica, isEnd: false }, done);
  }

  endReplica(groupId: number, replica: ReplicaId, done: () => void): void {
    const group = this.#group(groupId);
    assert(Number.isSafeInteger(replica) && replica >= group.replica, "with a replica those before it are gone [M-10]");
    assert(!group.isEnded || replica > group.replica, "a replica ends once");
    this.#replace(group, { replica, isEnd: true }, done);
  }

  /**
   * Begins a snapshot with which another replica of the group is to begin, by {@link beginReplicaWith} after its `commit`,
   * whatever has become of the one that is there.
   */
  prepareBeginning(group: number, meta: SnapshotMeta): SnapshotWriter {
    return this.#snapshots.receive(group, meta);
  }

  /**
   * As {@link beginReplica}, but the replica has from its beginning what a snapshot holds that {@link prepareBeginning} made
   * ready: in one atomic step, so that there is either all of the replica before, or all of this one.
   */
  beginReplicaWith(groupId: number, replica: ReplicaId, state: ReplicaState, done: () => void): void {
    const group = this.#group(groupId);
    assert(Number.isSafeInteger(replica) && replica > group.replica, "a replica id is never used again [C-4]");
    const received = this.#snapshots.beginInstall(groupId, state.snapshot);
    this.#replace(group, { replica, isEnd: false, state }, () => {
      this.#snapshots.installed(groupId, received);
      done();
    });
  }

  limitCache(bytesPerGroup: number): void {
    this.#host.cacheBytesMax = bytesPerGroup;
  }

  createSnapshot(groupId: number, meta: SnapshotMeta): SnapshotWriter {
    const group = this.#group(groupId);
    assert(!group.isDamaged, "no snapshot is made of a damaged group");
    assert(meta.index > (group.snapshot?.index ?? 0), "a snapshot is newer than the one before");
    assert(meta.index <= group.lastIndex && meta.index >= group.firstIndex, "a snapshot ends with an entry of the log");
    assert(meta.term === group.term(meta.index), "a snapshot has the term of the entry that it ends with");
    return this.#snapshots.create(groupId, meta);
  }

  receiveSnapshot(groupId: number, meta: SnapshotMeta): SnapshotWriter {
    assert(!this.#group(groupId).isDamaged, "a damaged group takes no snapshot");
    return this.#snapshots.receive(groupId, meta);
  }

  openSnapshot(group: number): SnapshotReader | undefined {
    return this.#snapshots.open(group);
  }

  compact(group: number, index: LogIndex): void {
    this.#compact(this.#group(group), index);
  }

  onSnapshotWanted(handler: (group: number) => void): void {
    this.#onSnapshotWanted = handler;
  }

  flush(): void {
    this.#writer.flush();
    this.#writer.runFreeDones();
  }

  onFailure(handler: (error: LogDiskError) => void): void {
    this.#writer.onFailure(handler);
  }

  onDamage(handler: (error: LogDamagedError) => void): void {
    this.#onDamage = handler;
  }

  onSnapshotDamage(handler: (error: SnapshotDamagedError) => void): void {
    this.#onSnapshotDamage = handler;
  }

  async close(): Promise<void> {
    await this.#scrubber.close();
    await this.#reclaimer.close();
    await this.#snapshots.close();
    await this.#writer.close();
    for (const group of this.#groups.values()) await group.idle();
    await this.#reads.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #reads: SegmentReads;
  readonly #writer: LogWriter;
  readonly #snapshots: SnapshotStore;
  readonly #host: GroupHost;
  readonly #groups: Map<number, StoredGroup> = new Map();
  readonly #mayMissGroups: boolean;
  readonly #reclaimer: Reclaimer;
  readonly #scrubber: Scrubber;
  #onDamage: ((error: LogDamagedError) => void) | undefined;
  #onSnapshotDamage: ((error: SnapshotDamagedError) => void) | undefined;
  #onSnapshotWanted: ((group: number) => void) | undefined;

  private constructor(options: LogOptions, settings: LogSettings, start: LogStart) {
    const { disk, directory, identity, logger } = options;
    const { found, opened, snapshots, file } = start;
    this.#clock = options.clock;
    this.#logger = logger;
    this.#reads = new SegmentReads(disk, directory);
    this.#snapshots = new SnapshotStore(this.#snapshotHost(options), snapshots.snapshots);
    this.#host = {
      fetcher: new EntryFetcher(this.#reads, identity, options.fetchBytes ?? fetchBytesDefault),
      cacheBytesMax: options.cacheBytesPerGroupMax ?? cacheBytesDefault,
      snapshot: (group) => this.#snapshots.get(group),
      onDamage: (error) => this.#damaged(error),
      troubled: (error) => this.#troubled(error),
    };
    for (const [id, group] of found.replay.groups) {
      const restored = group.restored();
      const isDamaged = restored.isDamaged || snapshots.damaged.has(id);
      this.#groups.set(id, new StoredGroup(id, this.#host, { ...restored, isDamaged }));
    }
    this.#mayMissGroups = found.replay.mayMissGroups;
    this.#reclaimer = new Reclaimer(this.#reclaimerHost(options), opened.usedBytes, settings.reclaimBytes);
    const state = {
      mayMissGroups: this.#mayMissGroups,
      groups: () => this.#groupsAtStart(),
      oldestSegment: () => this.#reclaimer.oldestSegment(),
      hasGarbage: () => this.#reclaimer.hasGarbage,
      left: (filled: { readonly segment: number; readonly bytes: number }, oldestNeeded: number) =>
        this.#reclaimer.left(filled, oldestNeeded),
    };
    const place = { ...options, bootCounter: options.bootCounter ?? 0, frees: options.frees ?? freesNothing };
    this.#writer = new LogWriter(place, settings, state, { ...opened, file });
    this.#reclaimer.consider();
    this.#scrubber = new Scrubber(this.#scrubberHost(options), settings);
  }

  #group(id: number): StoredGroup {
    let group = this.#groups.get(id);
    if (group === undefined) {
      assert(Number.isSafeInteger(id) && id >= 0, "a group id is a whole number from 0");
      group = new StoredGroup(id, this.#host, { isDamaged: this.#mayMissGroups });
      this.#groups.set(id, group);
    }
    return group;
  }

  #snapshotHost({ disk, clock, logger, directory, identity }: LogOptions): SnapshotStoreHost {
    return {
      disk,
      clock,
      logger,
      directory,
      identity,
      fail: (what, error) => this.#writer.fail(what, error),
      troubled: (error) => this.#troubled(error),
      name: (group, snapshot) => this.#name(this.#group(group), snapshot),
    };
  }

  #reclaimerHost({ disk, clock, identity }: LogOptions): ReclaimerHost {
    const append = (sets: readonly RecordSet[]): void => {
      for (const set of sets) this.#push(set);
      this.#writer.flush();
    };
    const batches = new BatchReads(this.#reads, identity);
    return {
      groups: () => this.#groups.values(),
      currentSegment: () => this.#writer.current.segment,
      oldestWaiting: () => this.#writer.queue.oldestSegment(),
      snapshotBytes: () => this.#snapshots.sizeBytes,
      isFull: () => this.#writer.isFull,
      restating: { clock, batches, append, troubled: (error) => this.#troubled(error) },
      remove: (segment) => this.#removeSegment(disk, segment),
      wantSnapshot: (group) => this.#onSnapshotWanted?.(group),
      restated: (segment, bytes) => this.#logger.log("info", "log entries restated", { segment, bytes }),
      keptByDamage: (segment, group) =>
        this.#logger.log("warn", "log segment kept for a damaged group", { segment, group }),
    };
  }

  #scrubberHost({ clock, identity, logger }: LogOptions): ScrubberHost {
    return {
      clock,
      logger,
      nodeId: identity.nodeId,
      groups: () => this.#groups.values(),
      openSnapshot: (group) => this.openSnapshot(group),
      cut: (group, index) => {
        this.#logger.log("warn", "stored entries damaged, which a snapshot holds", { group, index });
        this.compact(group, index);
      },
      snapshotDamaged: (error) => {
        this.#logger.log("error", "stored snapshot damaged", { group: error.group, path: error.path });
        this.#onSnapshotDamage?.(error);
      },
    };
  }

  async #removeSegment(disk: Disk, segment: number): Promise<boolean> {
    const path = this.#reads.path(segment);
    await this.#reads.forget(segment);
    try {
      await disk.remove(path);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      if (error.code === "ENOENT") return true;
      this.#logger.log("warn", "log segment not removed", { path, code: error.code });
      return false;
    }
    this.#logger.log("info", "log segment given up", { segment });
    return true;
  }

  #push(set: RecordSet): void {
    const { group } = set;
    group.newestSet = set;
    group.newestUrgentSet = set;
    this.#writer.queue.push(set);
  }

  /** Nothing stays of the replica that the group has, whoever comes next. */
  #replace(group: StoredGroup, { state, ...replica }: Beginning, done: () => void): void {
    group.begin(replica, state);
    this.#snapshots.disown(group.group);
    const written = (): void => {
      void this.#snapshots.drop(group.group).then(() => {
        this.#reclaimer.consider();
        done();
      });
    };
    const snapshot = state && { ...state.snapshot, isReset: true };
    const content = { entries: [], hardState: state?.hardState, replica, ...(snapshot && { snapshot }) };
    this.#push(new RecordSet(group, content, { isHint: false, dones: [written] }));
  }

  /** It is a hint: where it is lost the log begins earlier, as long as its segments are there. */
  #compact(group: StoredGroup, index: LogIndex): void {
    if (group.isDamaged || index < group.firstIndex) return;
    group.compact(index);
    const content = { entries: [], hardState: undefined, compacted: { index, term: group.term(index) } };
    const set = new RecordSet(group, content, { isHint: true, dones: [] });
    group.newestSet = set;
    this.#writer.queue.push(set);
    this.#reclaimer.consider();
  }

  /** Everything that the group had is replaced, in one record set (CONSENSUS O-3, N-3). */
  #install(group: StoredGroup, records: LogRecords, { index, term }: Snapshot, done: () => void): void {
    const received = this.#snapshots.beginInstall(group.group, { index, term });
    group.append(records);
    const { entries, hardState } = records;
    const installed = (): void => {
      this.#snapshots.installed(group.group, received);
      this.#reclaimer.consider();
    };
    const content = { snapshot: { index, term, isReset: true }, entries, hardState };
    this.#push(new RecordSet(group, content, { isHint: false, dones: [installed, done] }));
  }

  /** By a record of its own, behind all that the snapshot holds (CONSENSUS O-6). */
  #name(group: StoredGroup, { index, term }: StoredSnapshot): Promise<boolean> {
    if (group.isDamaged) return Promise.resolve(false);
    return new Promise((resolve) => {
      const content = { snapshot: { index, term, isReset: false }, entries: [], hardState: undefined };
      this.#push(new RecordSet(group, content, { isHint: false, dones: [() => resolve(true)] }));
      this.#writer.flush();
    });
  }

  /** A new commit index alone: of several that wait only the newest is written. */
  #appendHint(group: StoredGroup, hardState: HardState | undefined, done: () => void): void {
    if (hardState !== undefined) {
      group.append({ entries: [], hardState, snapshot: undefined });
      const newest = group.newestSet;
      if (newest?.hardState !== undefined && newest.isHint && !newest.isComplete) {
        newest.hardState = hardState;
      } else {
        const hint = new RecordSet(group, { entries: [], hardState }, { isHint: true, dones: [] });
        group.newestSet = hint;
        this.#writer.queue.push(hint);
      }
    }
    if (group.newestUrgentSet !== undefined) group.newestUrgentSet.dones.push(done);
    else this.#writer.freeDones.push(done);
  }

  /** Sorted, for the header of a segment. */
  #groupsAtStart(): readonly GroupAtStart[] {
    const groups: GroupAtStart[] = [];
    for (const each of this.#groups.values()) {
      const { group, durable, durableFirstIndex: firstIndex, isDamagedDurably: isDamaged } = each;
      if (durable.batchCount > 0 || isDamaged) groups.push({ group, ...durable, firstIndex, isDamaged });
    }
    return groups.sort((a, b) => a.group - b.group);
  }

  #troubled(error: DiskError): Promise<void> {
    this.#logger.log("warn", "stored entries not read", { path: error.path, code: error.code });
    return new Promise((resolve) => {
      this.#clock.setTimer(readRetryMs, resolve);
    });
  }

  #damaged(error: LogDamagedError): void {
    this.#logger.log("error", "stored entries damaged", { group: error.group, path: error.path, offset: error.offset });
    this.#onDamage?.(error);
  }
}

/** Who begins, or ends, and what it has from the beginning. */
interface Beginning extends ReplicaRecord {
  readonly state?: ReplicaState;
}

interface LogStart {
  readonly found: ReadLog;
  readonly opened: OpenedSegment;
  readonly snapshots: FoundSnapshots;
  readonly file: Awaited<ReturnType<Disk["open"]>>;
}

/** Then deletes on a full disk wait for space like other entries. */
const freesNothing = (): boolean => false;

/** Term and vote as before, and perhaps a new commit index: losing it would be harmless. */
function isHint(before: HardState, hardState: HardState | undefined): boolean {
  return hardState === undefined || (hardState.term === before.term && hardState.vote === before.vote);
}

function describe(found: ReadLog, opened: OpenedSegment, log: Log): LogRecovery {
  const groups = [...found.replay.groups.keys()].map((id) => {
    const { group, hardState, snapshot, isDamaged } = log.group(id);
    return { group, hardState, snapshot, isDamaged };
  });
  return {
    groups: groups.sort((a, b) => a.group - b.group),
    mayMissGroups: found.replay.mayMissGroups,
    diskEpoch: opened.segment,
    tornBytes: found.tornBytes,
    rewrittenBytes: opened.rewrittenBytes,
    damage: found.damage,
  };
}

function report(logger: Logger, recovery: LogRecovery): void {
  const { groups, diskEpoch, tornBytes, rewrittenBytes } = recovery;
  logger.log("info", "log opened", { groups: groups.length, diskEpoch, tornBytes, rewrittenBytes });
  for (const { segment, offset, bytes, groups: named } of recovery.damage) {
    logger.log("error", "log damaged", { segment, offset, bytes, groups: named?.join(",") ?? "unknown" });
  }
}
