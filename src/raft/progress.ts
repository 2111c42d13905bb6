import { assert } from "../platform/index.ts";
import type { LogIndex, ReplicaId } from "./entry.ts";
import { Inflights } from "./inflights.ts";
import { InvariantViolation } from "./invariants.ts";

/**
 * What the leader knows of one follower's log, and how it sends to it.
 *
 *      reset, rejection,
 *      unreachable           acknowledged
 *   ┌──────────────► probe ────────────────► replicate ──┐
 *   │                  │  ▲                     │        │ rejection, unreachable
 *   │   entries gone   │  │ host reports the    │        │
 *   │                  ▼  │ end of the sending  ▼        │
 *   └────────────── snapshot ◄───────────── (entries gone)
 *
 * - probe: where the logs part is not known; one append at a time, the next when it is answered or at a heartbeat's
 *   answer.
 * - replicate: appends are sent ahead of their acknowledgements, as far as the window of {@link Inflights} reaches.
 * - snapshot: what the follower lacks is no longer in the log; nothing is appended until it acknowledges an index
 *   that is, or the host reports how the sending ended.
 */
export class Progress {
  readonly id: ReplicaId;
  kind: "probe" | "replicate" | "snapshot" = "probe";
  isLearner: boolean;
  /** The highest index known to be the same in both logs. Never decreases in a term. */
  matchIndex: LogIndex = 0;
  /** The first index that the next append carries. Always above `matchIndex`. */
  nextIndex: LogIndex;
  /** The highest commit index that was sent; it may be lost on the way. */
  sentCommit: LogIndex = 0;
  /** What `matchIndex` was when a heartbeat was answered last. */
  matchAtHeartbeat: LogIndex = 0;
  /** With "snapshot": the index of the snapshot that was sent; otherwise 0. */
  pendingSnapshotIndex: LogIndex = 0;
  /** Whether the follower answered anything since the quorum was checked last. */
  isRecentlyActive: boolean;
  /** Whether it did in the period before that. */
  wasActiveBefore = false;
  /** The flow of appends stands until the follower answers an append or a heartbeat. */
  isFlowPaused = false;
  /** With "probe": entries from `nextIndex` on were sent, and nothing was learned of them yet. */
  isProbeUnderWay = false;
  /** Entries for this follower are being fetched from disk; see `LogReader.entries`. */
  isWaitingForEntries = false;
  readonly inflights: Inflights;

  constructor(
    id: ReplicaId,
    start: { readonly nextIndex: LogIndex; readonly isLearner: boolean; readonly isRecentlyActive: boolean },
    limits: { readonly messagesMax: number; readonly bytesMax: number },
  ) {
    this.id = id;
    this.nextIndex = start.nextIndex;
    this.isLearner = start.isLearner;
    this.isRecentlyActive = start.isRecentlyActive;
    this.inflights = new Inflights(limits);
  }

  /** Forgets all: a new term begins, in which only `matchIndex` (0, or the leader's own last index) is known. */
  reset(matchIndex: LogIndex, nextIndex: LogIndex): void {
    this.#enter("probe");
    this.matchIndex = matchIndex;
    this.nextIndex = nextIndex;
    this.sentCommit = 0;
    this.matchAtHeartbeat = matchIndex;
    this.isRecentlyActive = false;
    this.wasActiveBefore = false;
    this.isWaitingForEntries = false;
    this.#check();
  }

  /** A new period of watching begins. */
  resetActivity(): void {
    this.wasActiveBefore = this.isRecentlyActive;
    this.isRecentlyActive = false;
  }

  becomeProbe(): void {
    // After a snapshot that is believed to have arrived, probing starts behind it.
    const snapshotIndex = this.kind === "snapshot" ? this.pendingSnapshotIndex : 0;
    this.#enter("probe");
    this.nextIndex = Math.max(this.matchIndex, snapshotIndex) + 1;
    this.sentCommit = Math.min(this.sentCommit, this.nextIndex - 1);
    this.#check();
  }

  becomeReplicate(): void {
    this.#enter("replicate");
    this.nextIndex = this.matchIndex + 1;
    this.#check();
  }

  becomeSnapshot(snapshotIndex: LogIndex): void {
    this.#enter("snapshot");
    this.pendingSnapshotIndex = snapshotIndex;
    this.nextIndex = snapshotIndex + 1;
    this.sentCommit = snapshotIndex;
    this.#check();
  }

  /** Whether no append may be sent now. */
  get isPaused(): boolean {
    return this.kind === "snapshot" || this.isFlowPaused;
  }

  /** Notes that an append with `count` entries from `nextIndex` on, of `bytes` in all, and `commit` was sent. */
  sent(count: number, bytes: number, commit: LogIndex): void {
    assert(this.kind !== "snapshot", "an append was sent to a follower that awaits a snapshot");
    if (this.kind === "replicate") {
      if (count > 0) {
        this.nextIndex += count;
        this.inflights.add(this.nextIndex - 1, bytes);
      }
      this.isFlowPaused = this.inflights.isFull;
    } else if (count > 0 || this.isProbeUnderWay) {
      this.isProbeUnderWay = true;
      this.isFlowPaused = true;
    }
    this.sentCommit = commit;
    this.#check();
  }

  /** Whether telling the follower that `commit` is committed can make it commit more than it was told before. */
  canBumpCommit(commit: LogIndex): boolean {
    return commit > this.sentCommit && this.sentCommit < this.nextIndex - 1;
  }

  /** The follower acknowledged `index`. False if that is old news. */
  acknowledged(index: LogIndex): boolean {
    if (index <= this.matchIndex) return false;
    this.matchIndex = index;
    this.nextIndex = Math.max(this.nextIndex, index + 1);
    this.isFlowPaused = false;
    this.isProbeUnderWay = false;
    this.#check();
    return true;
  }

  /**
   * The follower refused an append behind `rejectedIndex`; its log may match at `hintIndex`. False if the refusal is
   * stale: of an append that was sent before something else was learned.
   */
  rejected(rejectedIndex: LogIndex, hintIndex: LogIndex): boolean {
    if (this.kind === "replicate") {
      if (rejectedIndex <= this.matchIndex) return false;
      this.nextIndex = this.matchIndex + 1;
      this.sentCommit = Math.min(this.sentCommit, this.nextIndex - 1);
      this.#check();
      return true;
    }
    // Probes go one by one, so that a genuine refusal is of the last one.
    if (this.nextIndex - 1 !== rejectedIndex) return false;
    this.nextIndex = Math.max(Math.min(rejectedIndex, hintIndex + 1), this.matchIndex + 1);
    this.sentCommit = Math.min(this.sentCommit, this.nextIndex - 1);
    this.isFlowPaused = false;
    this.isProbeUnderWay = false;
    this.#check();
    return true;
  }

  #enter(kind: Progress["kind"]): void {
    this.kind = kind;
    this.isFlowPaused = false;
    this.isProbeUnderWay = false;
    this.pendingSnapshotIndex = 0;
    this.inflights.reset();
  }

  #check(): void {
    const { id, matchIndex, nextIndex } = this;
    if (matchIndex >= nextIndex)
      throw new InvariantViolation("I-11", `replica ${id}'s match ${matchIndex} is not below its next ${nextIndex}`);
  }
}
