/**
 * How much this member trusts itself (Lifeguard §IV-A). Probes that fail although others are well, and suspicions that it
 * has to contradict, are signs that it is this process, or its network, that is slow: it then waits longer before it accuses
 * anybody.
 */
export class LocalHealth {
  /** `slownessMax`: how many times as long everything takes at worst. */
  constructor(slownessMax: number) {
    this.#pointsMax = slownessMax - 1;
  }

  /** Probes and their timeouts take so many times as long: 1 for a member that is well. */
  get slowness(): number {
    return this.#points + 1;
  }

  worsen(by = 1): void {
    this.#points = Math.min(this.#pointsMax, this.#points + by);
  }

  improve(): void {
    this.#points = Math.max(0, this.#points - 1);
  }

  #points = 0;
  readonly #pointsMax: number;
}
