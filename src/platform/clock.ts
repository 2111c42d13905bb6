/** A pending callback. */
export interface Timer {
  /** Idempotent; after it returns the callback never runs. */
  cancel(): void;
}

/**
 * Time as the node sees it. There are two: `nowMs` is monotonic and is what durations are measured with; `wallMs` is
 * the wall clock, which an operator or NTP may move either way at any moment.
 */
export interface Clock {
  /** Milliseconds, fractional, since an arbitrary origin. Never goes back. */
  nowMs(): number;
  /** Whole milliseconds since the Unix epoch. May jump both ways. */
  wallMs(): number;
  /** Runs `callback` once, `delayMs` or more from now. A pending timer keeps the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /**
   * Runs `callback` once at the end of this turn: after every I/O event that is already waiting has been handed out,
   * before the loop waits for new ones. This is where batches are closed.
   */
  atEndOfTurn(callback: () => void): void;
}
