import type { Clock, Logger } from "../platform/index.ts";

/** Between two warnings about the same thing. */
const repeatMs = 60_000;

/** Says so when this node's wall clock is outside of the band around the voters' median (CONSENSUS K-1). */
export class ClockAlarm {
  constructor(clock: Clock, logger: Logger, bandMs: number) {
    this.#clock = clock;
    this.#logger = logger;
    this.#bandMs = bandMs;
  }

  /** Returns whether the clock is off. */
  check(skewMs: number): boolean {
    const isOff = Math.abs(skewMs) > this.#bandMs;
    const nowMs = this.#clock.nowMs();
    if (isOff && (this.#saidMs === undefined || nowMs - this.#saidMs >= repeatMs)) {
      this.#saidMs = nowMs;
      this.#logger.log("warn", "this node's clock is off: correct it, or stop what sets it", { skewMs });
    } else if (!isOff && this.#saidMs !== undefined) {
      this.#saidMs = undefined;
      this.#logger.log("info", "this node's clock is right again", { skewMs });
    }
    return isOff;
  }

  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #bandMs: number;
  #saidMs: number | undefined;
}
