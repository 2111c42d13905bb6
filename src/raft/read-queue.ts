import type { LogIndex, ReplicaId } from "./entry.ts";
import { committedIndex, type Halves, isMajority } from "./quorum.ts";

/** A read that waits for its leader to be confirmed. */
export interface PendingRead {
  /** Who asked: this replica or a follower. */
  readonly from: ReplicaId;
  readonly context: number;
}

/** A read and the commit index that was known when it came. */
export interface IndexedRead extends PendingRead {
  readonly index: LogIndex;
}

/**
 * A leader's reads (thesis §6.4). Each has a position: the first of the term has 1. A heartbeat carries the position
 * of the newest read; an answer to it confirms that read and all before it, and what a majority (of both halves) has
 * answered is confirmed. Positions and not the askers' contexts go out, so that a repeated request can never take the
 * confirmation of an earlier one (CONSENSUS R-3).
 */
export class ReadQueue {
  #confirmedCount = 0;
  #unconfirmed: IndexedRead[] = [];
  #waiting: PendingRead[] = [];
  readonly #acknowledged = new Map<ReplicaId, number>();
  #lastConfirmers: readonly ReplicaId[] = [];

  /** The position that a heartbeat must carry now; 0 when no read waits. */
  get round(): number {
    return this.#unconfirmed.length === 0 ? 0 : this.#confirmedCount + this.#unconfirmed.length;
  }

  /** A read that came before the leader had committed anything in its term (CONSENSUS R-2). */
  wait(read: PendingRead): void {
    this.#waiting.push(read);
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  takeWaiting(): readonly PendingRead[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  add(read: IndexedRead): void {
    this.#unconfirmed.push(read);
  }

  /** `from` has answered a heartbeat of `round`. */
  acknowledge(from: ReplicaId, round: number): void {
    this.#acknowledged.set(from, Math.max(this.#acknowledged.get(from) ?? 0, round));
  }

  /**
   * The voters whose answers had come when the last read was confirmed, this leader among them: the quickest of late.
   * None before the first one.
   */
  get lastConfirmers(): readonly ReplicaId[] {
    return this.#lastConfirmers;
  }

  /** Whether these are enough for the next read too: the configuration may have changed since (CONSENSUS R-4). */
  canConfirmAgain(halves: Halves): boolean {
    return this.#lastConfirmers.length > 0 && isMajority(halves, this.#lastConfirmers);
  }

  /** Takes out the reads that a majority of both halves has confirmed. */
  takeConfirmed(halves: Halves): readonly IndexedRead[] {
    const confirmed = committedIndex(halves, this.#acknowledged) - this.#confirmedCount;
    if (confirmed <= 0) return [];
    const reads = this.#unconfirmed.splice(0, confirmed);
    this.#confirmedCount += reads.length;
    const hasConfirmed = (id: ReplicaId): boolean => (this.#acknowledged.get(id) ?? 0) >= this.#confirmedCount;
    this.#lastConfirmers = [...halves.incoming, ...halves.outgoing].filter(hasConfirmed);
    return reads;
  }

  /** Forgets everything and tells which reads of `self` will not be answered any more. */
  clear(self: ReplicaId): readonly number[] {
    const lost: number[] = [];
    for (const read of this.#unconfirmed) if (read.from === self) lost.push(read.context);
    for (const read of this.#waiting) if (read.from === self) lost.push(read.context);
    this.#confirmedCount = 0;
    this.#unconfirmed = [];
    this.#waiting = [];
    this.#acknowledged.clear();
    this.#lastConfirmers = [];
    return lost;
  }
}
