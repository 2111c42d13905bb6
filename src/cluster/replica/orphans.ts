/**
 * Batches that a leader proposed before it was deposed (CONSENSUS O-8). Each of them is either committed in the log of
 * a later leader, and then applied here as the very entry that was proposed, or something else is committed in its
 * place. Until one of the two is known its commands wait; after a while the truth is that we do not know.
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

  /** The entry at `index` is being applied. Gives the batch that is this entry; others at this index never happen. */
  take(index: LogIndex, term: Term): Batch | undefined {
    if (this.#waiting.length === 0) return undefined;
    let taken: Batch | undefined;
    const here = this.#waiting.filter(({ batch }) => batch.index === index);
    if (here.length > 0) this.#waiting = this.#waiting.filter(({ batch }) => batch.index !== index);
    for (const { batch } of here) {
      if (batch.term === term) taken = batch;
      else failOverwritten(batch);
    }
    return taken;
  }

  /** A snapshot has taken the place of all entries up to `index`: whether they were these nobody can tell any more. */
  skipTo(index: LogIndex): void {
    const skipped = this.#waiting.filter(({ batch }) => batch.index <= index);
    if (skipped.length === 0) return;
    this.#waiting = this.#waiting.filter(({ batch }) => batch.index > index);
    for (const { batch } of skipped) failUncertain(batch, "its leader was replaced, and a snapshot came in its place");
  }

  /** Gives up on those that have waited for too long. */
  expire(): void {
    if (this.#waiting.length === 0) return;
    const nowMs = this.#clock.nowMs();
    const late = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    for (const { batch } of late) failUncertain(batch, "its leader was replaced, and nothing was heard since");
  }

  /** Nothing will be heard any more. */
  abandon(reason: string): void {
    const all = this.#waiting;
    this.#waiting = [];
    for (const { batch } of all) failUncertain(batch, reason);
  }

  readonly #clock: Clock;
  readonly #waitMs: number;
  #waiting: { readonly batch: Batch; readonly deadlineMs: number }[] = [];
}
