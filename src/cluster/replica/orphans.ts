/**
 * Batches that a leader proposed before it was deposed (CONSENSUS O-8). Each of them is either committed in the log of
 * a later leader, and then applied here as the very entry that was proposed, or something else is committed in its
 * place, or before it an entry of a later term: terms never fall along a log (Raft paper, 5.3), so that it is in none any
 * more that can win. Until one of the three is known its commands wait; after a while the truth is that we do not know.
 */
import type { Clock } from "../../platform/index.ts";
import type { LogIndex, Term } from "../../raft/index.ts";
import type { Batch } from "./batch.ts";
import { failOverwritten, failUncertain } from "./batch-fate.ts";

export class Orphans {
  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(batches: readonly Batch[]): void {
    const deadlineMs = this.#clock.nowMs() + this.#waitMs;
    for (const batch of batches) this.#waiting.push({ batch, deadlineMs });
  }

  /** The entry at `index` is being applied. Gives the batch that is this entry. */
  take(index: LogIndex, term: Term): Batch | undefined {
    if (this.#waiting.length === 0) return undefined;
    const isHere = (batch: Batch): boolean => batch.index === index && batch.term === term;
    const [taken] = this.#takeOut(isHere);
    for (const batch of this.#takeOut((other) => isOverwritten(other, index, term))) failOverwritten(batch);
    return taken;
  }

  /** A snapshot has taken the place of all entries up to `index`: whether they were these nobody can tell any more. */
  skipTo(index: LogIndex, term: Term): void {
    for (const batch of this.#takeOut((other) => other.index <= index))
      failUncertain(batch, "its leader was replaced, and a snapshot came in its place");
    for (const batch of this.#takeOut((other) => isOverwritten(other, index, term))) failOverwritten(batch);
  }

  /** Gives up on those that have waited for too long. */
  expire(): void {
    if (this.#waiting.length === 0) return;
    const nowMs = this.#clock.nowMs();
    for (const batch of this.#takeOut((_, deadlineMs) => deadlineMs <= nowMs))
      failUncertain(batch, "its leader was replaced, and nothing was heard since");
  }

  /** Nothing will be heard any more. */
  abandon(reason: string): void {
    for (const batch of this.#takeOut(() => true)) failUncertain(batch, reason);
  }

  readonly #clock: Clock;
  readonly #waitMs: number;
  #waiting: { readonly batch: Batch; readonly deadlineMs: number }[] = [];

  /** In the order in which they were proposed. */
  #takeOut(isMeant: (batch: Batch, deadlineMs: number) => boolean): readonly Batch[] {
    const out = this.#waiting.filter(({ batch, deadlineMs }) => isMeant(batch, deadlineMs));
    if (out.length > 0) this.#waiting = this.#waiting.filter(({ batch, deadlineMs }) => !isMeant(batch, deadlineMs));
    return out.map(({ batch }) => batch);
  }
}

/** Whether it can be in no log that holds an entry of this index and term, and is not this entry. */
function isOverwritten(batch: Batch, index: LogIndex, term: Term): boolean {
  return batch.index === index || (batch.index > index && batch.term < term);
}
