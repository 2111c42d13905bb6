import type { Clock, Timer } from "../platform/index.ts";
import { arrivalPhase } from "./event-queue.ts";
import type { SimulatedProcess } from "./process.ts";
import type { SimulatedWorld } from "./world.ts";

/** The clocks of one machine, which need not run as the world's time does. */
export class MachineClock {
  readonly #world: SimulatedWorld;
  /** Local time passes this many times as fast as the world's, since `#changedAtMs`. */
  #rate = 1;
  #changedAtMs: number;
  #localAtChangeMs: number;
  /** Wall time minus local time. */
  #wallOffsetMs: number;
  #frozenWallMs: number | undefined;

  constructor(world: SimulatedWorld) {
    this.#world = world;
    this.#changedAtMs = world.nowMs;
    this.#localAtChangeMs = world.nowMs;
    this.#wallOffsetMs = world.startWallMs;
  }

  /** Milliseconds that this machine has counted; never goes back. */
  localMs(): number {
    return this.#localAtChangeMs + (this.#world.nowMs - this.#changedAtMs) * this.#rate;
  }

  wallMs(): number {
    return this.#frozenWallMs ?? Math.floor(this.localMs() + this.#wallOffsetMs);
  }

  /** Moves the wall clock, either way. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
    if (this.#frozenWallMs !== undefined) this.#frozenWallMs += byMs;
  }

  /** The wall clock stands still until {@link thawWall}, and then goes on where it would have been. */
  freezeWall(): void {
    this.#frozenWallMs = this.wallMs();
  }

  thawWall(): void {
    this.#frozenWallMs = undefined;
  }

  /** Both clocks run at this rate from now on: 1.1 is ten percent too fast. Timers that are set keep their times. */
  setRate(rate: number): void {
    if (!(rate > 0)) throw new RangeError(`a clock's rate must be above 0, and ${rate} is not`);
    this.#localAtChangeMs = this.localMs();
    this.#changedAtMs = this.#world.nowMs;
    this.#rate = rate;
  }

  get rate(): number {
    return this.#rate;
  }
}

/** The clock that one process sees. */
export class ProcessClock implements Clock {
  readonly #world: SimulatedWorld;
  readonly #process: SimulatedProcess;
  readonly #machineClock: MachineClock;
  /** Monotonic time has another origin in each life. */
  readonly #originMs: number;

  constructor(world: SimulatedWorld, process: SimulatedProcess, machineClock: MachineClock, originMs: number) {
    this.#world = world;
    this.#process = process;
    this.#machineClock = machineClock;
    this.#originMs = originMs;
  }

  nowMs(): number {
    return this.#machineClock.localMs() + this.#originMs;
  }

  wallMs(): number {
    return this.#machineClock.wallMs();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const dueMs = this.#world.later(delayMs / this.#machineClock.rate);
    const timer = new ProcessTimer(callback);
    timer.event = this.#world.at(dueMs, arrivalPhase, () => this.#process.post(timer.fire));
    return timer;
  }

  atEndOfTurn(callback: () => void): void {
    this.#process.atEndOfTurn(callback);
  }
}

class ProcessTimer implements Timer {
  event: Timer | undefined;
  readonly #callback: () => void;
  #isCancelled = false;

  constructor(callback: () => void) {
    this.#callback = callback;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.event?.cancel();
  }

  /** It may have been cancelled while it waited for its turn. */
  readonly fire = (): void => {
    if (!this.#isCancelled) this.#callback();
  };
}
