import { AsyncLocalStorage } from "node:async_hooks";
import { writeSync } from "node:fs";

/** Whether this process was started for development: `NODE_ENV=development`. */
export function isDevelopment(): boolean {
  return process.env.NODE_ENV === "development";
}

/** A value that follows the code it is given to across `await`s, timers and callbacks. */
export class AsyncLabel<T> {
  readonly #storage = new AsyncLocalStorage<T>();

  /** What the running code was given; undefined outside of any `run`. */
  get current(): T | undefined {
    return this.#storage.getStore();
  }

  run<R>(value: T, body: () => R): R {
    return this.#storage.run(value, body);
  }
}

/**
 * Asks `examine` whenever the process has nothing left to do and is about to end. What it returns goes to standard error,
 * and the process ends with exit code 2, as a Go program that is deadlocked, unless it has set a code of its own.
 */
export function examineAtIdle(examine: () => string | undefined): void {
  process.on("beforeExit", () => {
    const complaint = examine();
    if (complaint === undefined) return;
    process.exitCode ??= 2;
    try {
      writeSync(2, complaint);
    } catch {
      // Nobody reads standard error; the exit code still says it.
    }
  });
}
