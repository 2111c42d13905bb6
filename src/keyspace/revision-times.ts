/**
 * When entries were applied, to the second: enough to say how long ago a key was changed without a time in every key.
 * It is no replicated state (a replica that was restored begins anew), so nothing but an answer about clocks may use it.
 */

const resolutionMs = 1_000;
/** When so many are noted every second one goes, so that what is long ago is known less exactly. */
const noteCountMax = 1_024;

export class RevisionTimes {
  #indexes: number[] = [];
  #times: number[] = [];

  /** The entry at `index` was applied when the clock stood at `timeMs`. Indexes and times rise from call to call. */
  note(index: number, timeMs: number): void {
    const last = this.#times[this.#times.length - 1];
    if (last !== undefined && timeMs < last + resolutionMs) return;
    if (this.#times.length === noteCountMax) {
      this.#indexes = this.#indexes.filter((_, at) => at % 2 === 0);
      this.#times = this.#times.filter((_, at) => at % 2 === 0);
    }
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
}
