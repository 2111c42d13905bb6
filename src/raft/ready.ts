import type { Entry, HardState, LogIndex, ReplicaId, Snapshot, Term } from "./entry.ts";
import type { Message } from "./message.ts";

/**
 * What the host must do now. The parts may be carried out side by side, with two rules: `persist.messages` leave
 * only when `persist` is durable, and several `persist`s become durable in the order in which they came.
 *
 * The host hands `persist` to its log before it calls the core again, so that the core's {@link LogReader} shows the
 * new entries at once, long before they are durable.
 */
export interface Ready {
  /** Make this durable, send its messages, then call `persisted(persist.id)`. The next Ready need not wait for it. */
  readonly persist: Persist | undefined;
  /** Send now, in this order. */
  readonly messages: readonly Message[];
  /** Committed: apply in this order, then call `applied(index)`. */
  readonly apply: readonly Entry[];
  /** Reads whose leadership is confirmed: serve each once `index` is applied. */
  readonly reads: readonly ConfirmedRead[];
  /** Reads that this replica can no longer answer (it lost its leadership). */
  readonly failedReads: readonly number[];
}

/** One atomic record set: reset the log to the snapshot, then append, then the hard state (CONSENSUS O-3, O-4). */
export interface Persist {
  readonly id: number;
  /**
   * Replaces the log and the state machine; `persisted` says that both are done. Entries that were handed out before
   * it and are not applied yet must not be applied any more: the snapshot holds them.
   */
  readonly snapshot: Snapshot | undefined;
  /** Entries stored at and above the first of these are discarded. */
  readonly entries: readonly Entry[];
  /** Undefined when it did not change. */
  readonly hardState: HardState | undefined;
  /**
   * Whether anyone relies on this being durable: entries, a snapshot, a changed term or vote. Without it there is
   * nothing to sync (a new commit index alone, or messages that wait for an earlier persist); it is still answered by
   * `persisted`, after those before it.
   */
  readonly mustSync: boolean;
  /** Votes and acknowledgements that stand on it, and every other message of a term that is not durable yet. */
  readonly messages: readonly Message[];
}

export interface ConfirmedRead {
  /** What the host passed to `readIndex`. */
  readonly context: number;
  readonly index: LogIndex;
}

/** The stored log as the core reads it: what has been handed to the host in `persist`, whether durable yet or not. */
export interface LogReader {
  /** Index of the first entry that is still stored; one after the snapshot's. */
  readonly firstIndex: LogIndex;
  /** `firstIndex - 1` when there is none. */
  readonly lastIndex: LogIndex;
  /** For `firstIndex - 1` up to `lastIndex`. Always in memory. */
  term(index: LogIndex): Term;
  /**
   * Entries from `from` up to, not including, `to`: as many as fit `bytesMax`, but at least one. "unavailable" when
   * they must be fetched first; the host fetches them by itself and calls `entriesAvailable()`.
   */
  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | "unavailable";
  /**
   * Whether an entry from `from` up to and including `to` changes the configuration. Without it the core looks through the
   * entries, and stands for no election before all that is committed has been fetched once.
   */
  hasConfiguration?(from: LogIndex, to: LogIndex): boolean;
}

/** Where a leader gets the snapshot for a follower that lacks entries which are no longer in the log. */
export interface SnapshotSource {
  /**
   * The newest one; undefined when there is none at the moment. It is asked again at the next sign of life of
   * `follower`. A snapshot from before `follower` was added is of no use to it and is not sent: the host sees by these
   * calls that a newer one is needed.
   */
  latest(follower: ReplicaId): Snapshot | undefined;
}
