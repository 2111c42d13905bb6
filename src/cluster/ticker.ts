import type { Clock, Timer } from "../platform/index.ts";

/**
 * Raft's time. Ticks keep to their schedule on the monotonic clock; those that a busy or paused process has missed are
 * counted, and not made up for: all at once they would end every patience before the first message is read (H-4).
 */
export class Ticker {
  constructor(clock: Clock, tickMs: number, onTick: () => void) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#onTick = onTick;
    this.#dueMs = clock.nowMs() + tickMs;
    this.#arm();
  }

  /** Ticks that were left out. */
  get missedCount(): number {
    return this.#missedCount;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #onTick: () => void;
  #dueMs: number;
  #timer: Timer | undefined;
  #missedCount = 0;
  #isStopped = false;

  #arm(): void {
    if (this.#isStopped) return;
    this.#timer = this.#clock.setTimer(Math.max(0, this.#dueMs - this.#clock.nowMs()), () => {
      const missed = Math.floor((this.#clock.nowMs() - this.#dueMs) / this.#tickMs);
      if (missed > 0) this.#missedCount += missed;
      this.#dueMs += (Math.max(missed, 0) + 1) * this.#tickMs;
      this.#onTick();
      this.#arm();
    });
  }
}
