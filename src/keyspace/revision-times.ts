/**
 * When entries were applied, as well as idle times need it: to the second for what was just now, to a few hundredths of
 * its age for what was long ago. So no key has to hold a time. It is no replicated state (a replica that was restored
 * begins anew), so nothing but an answer about clocks may use it.
 */

const resolutionMs = 1_000;
/** Of two notes that are nearer to each other than this part of their age, one goes. */
const ageParts = 64;
/** The notes are gone through when there are so many. Those of a year that must stay are half as many. */
const noteCountMax = 2_048;

export class RevisionTimes {
  #indexes: number[] = [];
  #times: number[] = [];

  /** The entry at `index` was applied when the clock stood at `timeMs`. Indexes and times rise from call to call. */
  note(index: number, timeMs: number): void {
    const last = this.#times[this.#times.length - 1];
    if (last !== undefined && timeMs < last + resolutionMs) return;
    if (this.#times.length === noteCountMax) this.#thinOut(timeMs);
    this.#indexes.push(index);
    this.#times.push(timeMs);
  }

  /** When the entry at `index` was applied: at this time or a little later. Undefined if nothing is known. */
  timeOf(index: number): number | undefined {
    let low = 0;
    let high = this.#indexes.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#indexes[middle] as number) <= index) low = middle;
      else high = middle;
    }
    return this.#times[low];
  }

  /** Keeps the oldest note, and from then on those that are far enough from the one kept before them. */
  #thinOut(nowMs: number): void {
    const indexes: number[] = [];
    const times: number[] = [];
    let keptMs = Number.NEGATIVE_INFINITY;
    for (const [at, timeMs] of this.#times.entries()) {
      if (timeMs - keptMs < (nowMs - timeMs) / ageParts) continue;
      keptMs = timeMs;
      indexes.push(this.#indexes[at] as number);
      times.push(timeMs);
    }
    this.#indexes = indexes;
    this.#times = times;
  }
}
