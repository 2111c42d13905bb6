import type { Clock, Timer } from "./clock.ts";

/** `setTimeout` takes no longer delay than this: 2^31 - 1 ms, about 25 days. Longer timers are armed in steps. */
const timeoutMsMax = 0x7fff_ffff;

/**
 * The clock of the operating system. All callbacks of one turn share one `setImmediate`, which Node runs after it has
 * handed out every I/O event that was waiting; what they register in turn runs in the next turn.
 */
export class NodeClock implements Clock {
  #callbacks: (() => void)[] = [];
  /** The array of the last turn, emptied, so that no turn allocates one. */
  #spare: (() => void)[] = [];
  #isArmed = false;

  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return new NodeTimer(performance.now() + delayMs, callback);
  }

  atEndOfTurn(callback: () => void): void {
    this.#callbacks.push(callback);
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(this.#runTurn);
  }

  readonly #runTurn = (): void => {
    const callbacks = this.#callbacks;
    this.#callbacks = this.#spare;
    this.#isArmed = false;
    let count = 0;
    try {
      while (count < callbacks.length) (callbacks[count++] as () => void)();
    } finally {
      // One that throws does not take the others with it: they come first in the next turn.
      if (count < callbacks.length) {
        this.#callbacks.unshift(...callbacks.slice(count));
        this.#arm();
      }
      callbacks.length = 0;
      this.#spare = callbacks;
    }
  };
}

/** Node rounds to whole milliseconds and may fire up to one early; this fires at its time or later. */
class NodeTimer implements Timer {
  readonly #dueMs: number;
  readonly #callback: () => void;
  #handle: NodeJS.Timeout | undefined;

  constructor(dueMs: number, callback: () => void) {
    this.#dueMs = dueMs;
    this.#callback = callback;
    this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  #arm(): void {
    const delayMs = Math.ceil(this.#dueMs - performance.now());
    this.#handle = setTimeout(this.#fire, Math.min(Math.max(delayMs, 0), timeoutMsMax));
  }

  readonly #fire = (): void => {
    if (performance.now() < this.#dueMs) {
      this.#arm();
    } else {
      this.#handle = undefined;
      this.#callback();
    }
  };
}
