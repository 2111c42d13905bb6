/** Ctrl-C and its relatives: the first asks for a clean end, a later one ends at once. */

export type StopReason = "signal" | "outputClosed" | "parentEnded" | "demoEnded" | "shutdown";

/** Ctrl-C in a terminal reaches us twice when npm stands between: what follows this soon is the same key. */
const sameKeyMs = 1_000;
const parentPollMs = 250;

export class StopSignals {
  readonly #nowMs: () => number;
  readonly #listeners: ((reason: StopReason) => void)[] = [];
  readonly #onForce: (() => void)[] = [];
  #firstMs = 0;
  #reason: StopReason | undefined;

  /** Listens from now on, until the process ends. `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => this.#signalled());
  }

  get isStopping(): boolean {
    return this.#reason !== undefined;
  }

  /** Why the process stops; undefined while it does not. */
  get reason(): StopReason | undefined {
    return this.#reason;
  }

  /** Calls `listener` when the process is asked to stop; at once, if it has been. */
  onStop(listener: (reason: StopReason) => void): void {
    if (this.#reason === undefined) this.#listeners.push(listener);
    else listener(this.#reason);
  }

  /** Calls `listener` before the process ends at once. */
  onForce(listener: () => void): void {
    this.#onForce.push(listener);
  }

  /** Asks for a clean end. Only the first call has an effect. */
  request(reason: StopReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#firstMs = this.#nowMs();
    for (const listener of this.#listeners) listener(reason);
  }

  /** Asks for a clean end when the parent of this process is gone: npm does not hand every signal on. */
  watchParent(): void {
    const parent = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(timer);
      this.request("parentEnded");
    }, parentPollMs);
    timer.unref();
  }

  #signalled(): void {
    if (this.#reason === undefined) this.request("signal");
    else if (this.#nowMs() - this.#firstMs > sameKeyMs) for (const listener of this.#onForce) listener();
  }
}
