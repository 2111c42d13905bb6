import type { LogIndex } from "../../raft/index.ts";

/**
 * How long an entry waits for space. Ticks are counted, not time, so that a process that was paused looks at what has happened
 * meanwhile first.
 */
export class Stall {
  /** Whether an entry waited at the last tick. */
  get isRunning(): boolean {
    return this.#index !== undefined;
  }

  /** A tick has passed in which the entry at `index` waits; undefined: none does. True, and it begins anew: it is the same for so many. */
  tick(index: LogIndex | undefined, ticksMax: number): boolean {
    this.#ticks = index !== undefined && index === this.#index ? this.#ticks + 1 : 0;
    this.#index = index;
    if (index === undefined || this.#ticks < ticksMax) return false;
    this.#ticks = 0;
    return true;
  }

  #index: LogIndex | undefined;
  #ticks = 0;
}
