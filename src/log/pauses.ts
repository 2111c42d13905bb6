import type { Clock, Timer } from "../platform/index.ts";

/** Written and synced at once: the more, the longer the log's own syncs wait behind it (p99 0.6 ms with 256 KiB, 1 to 6 with 1 MiB). */
export const bulkPieceBytes = 262_144;

/** A pause of this many times as long as a piece took leaves the disk to the log. */
const pauseFactorDefault = 2;
const pauseMsMax = 50;

/** The pauses between the pieces of bulk work, by which the log's own writes, and the node's other work, come first. */
export class Pauses {
  /** @param factor how many times as long as a piece the pause after it is, up to 50 ms */
  constructor(clock: Clock, factor: number = pauseFactorDefault) {
    this.#clock = clock;
    this.#factor = factor;
  }

  /** After a piece that took `workMs`. */
  async rest(workMs: number): Promise<void> {
    if (this.#isSkipped) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(Math.min(workMs * this.#factor, pauseMsMax), () => this.#end());
      this.#pause = { timer, resume: resolve };
    });
  }

  /** Ends the pause under way; there are no more, until {@link restore}. */
  skip(): void {
    this.#isSkipped = true;
    this.#end();
  }

  restore(): void {
    this.#isSkipped = false;
  }

  readonly #clock: Clock;
  readonly #factor: number;
  #isSkipped = false;
  #pause: { readonly timer: Timer; readonly resume: () => void } | undefined;

  #end(): void {
    const pause = this.#pause;
    this.#pause = undefined;
    pause?.timer.cancel();
    pause?.resume();
  }
}
