/**
 * Whether a node's disk is slow beside the others' (CONSENSUS H-7). Where all are slow none is: there is nobody who would lead
 * better. Slow is soon, well again is late, and later each time that it did not last: leaders are not sent to and fro.
 *
 * ```
 *         slowLooks in a row: at least slowMsMin, and slowFactor × the others' median
 *   well ───────────────────────────────────────────────────────────────────────────► slow
 *        ◄───────────────────────────────────────────────────────────────────────────
 *         wellLooks in a row (doubled at each relapse): below half of either
 * ```
 */

/** A disk that writes and syncs within less is never slow, however quick the others are. In milliseconds. */
export const slowMsMin = 50;
/** So many times what the others need. */
export const slowFactor = 4;
/** Looks are half a second apart by default: two seconds. */
export const slowLooks = 4;
/** Half a minute. */
export const wellLooksMin = 60;
/** Eight minutes. */
export const wellLooksMax = 960;
/** Who was well for so long begins anew: ten minutes. */
export const steadyLooks = 1_200;

export class DiskSlowness {
  get isSlow(): boolean {
    return this.#isSlow;
  }

  /**
   * What this node's disk takes for a write and its sync, and those of the others as they say, in milliseconds. Undefined: it
   * has written too little to say, and so does no harm either. Looks are evenly spaced.
   */
  look(ownMs: number | undefined, othersMs: readonly number[]): void {
    this.#looks++;
    if (this.#isSlow) this.#lookSlow(ownMs, othersMs);
    else this.#lookWell(ownMs, othersMs);
  }

  #isSlow = false;
  /** Since it changed last. */
  #looks = steadyLooks;
  /** In a row, for the other verdict. */
  #contrary = 0;
  #wellLooks: number = wellLooksMin;

  #lookWell(ownMs: number | undefined, othersMs: readonly number[]): void {
    const othersMedianMs = lowerMedian(othersMs);
    const isWorse =
      ownMs !== undefined && othersMedianMs !== undefined && ownMs >= slowMsMin && ownMs >= slowFactor * othersMedianMs;
    this.#contrary = isWorse ? this.#contrary + 1 : 0;
    if (this.#contrary < slowLooks) return;
    this.#wellLooks = this.#looks >= steadyLooks ? wellLooksMin : Math.min(2 * this.#wellLooks, wellLooksMax);
    this.#turn(true);
  }

  #lookSlow(ownMs: number | undefined, othersMs: readonly number[]): void {
    const othersMedianMs = lowerMedian(othersMs);
    const isBetter =
      ownMs === undefined ||
      2 * ownMs < slowMsMin ||
      (othersMedianMs !== undefined && 2 * ownMs < slowFactor * othersMedianMs);
    this.#contrary = isBetter ? this.#contrary + 1 : 0;
    if (this.#contrary >= this.#wellLooks) this.#turn(false);
  }

  #turn(isSlow: boolean): void {
    this.#isSlow = isSlow;
    this.#looks = 0;
    this.#contrary = 0;
  }
}

/** Of an even number the lower one of the two: half of the others being well are enough to lead. */
function lowerMedian(values: readonly number[]): number | undefined {
  return values.toSorted((left, right) => left - right)[Math.floor((values.length - 1) / 2)];
}
