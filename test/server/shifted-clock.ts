/** The real clock, but a test can let time pass at once: timers that fall due then run before `advance` returns. */
import type { Clock, Timer } from "../../src/platform/index.ts";

interface Pending {
  readonly dueMs: number;
  readonly callback: () => void;
  readonly timer: Timer;
}

export class ShiftedClock implements Clock {
  readonly #clock: Clock;
  readonly #pending = new Set<Pending>();
  #shiftMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.#shiftMs;
  }

  wallMs(): number {
    return this.#clock.wallMs() + this.#shiftMs;
  }

  atEndOfTurn(callback: () => void): void {
    this.#clock.atEndOfTurn(callback);
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const pending: Pending = {
      dueMs: this.nowMs() + delayMs,
      callback,
      timer: this.#clock.setTimer(delayMs, () => this.#fire(pending)),
    };
    this.#pending.add(pending);
    return { cancel: () => this.#forget(pending) };
  }

  advance(milliseconds: number): void {
    this.#shiftMs += milliseconds;
    for (const pending of [...this.#pending]) if (pending.dueMs <= this.nowMs()) this.#fire(pending);
  }

  #fire(pending: Pending): void {
    if (!this.#pending.has(pending)) return;
    this.#forget(pending);
    pending.callback();
  }

  #forget(pending: Pending): void {
    pending.timer.cancel();
    this.#pending.delete(pending);
  }
}
