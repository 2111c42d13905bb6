import type { Process } from "../platform/index.ts";
import { turnPhase } from "./event-queue.ts";
import type { SimulatedWorld } from "./world.ts";

/** What unwinds the caller of `exit`. It is no failure of the run. */
export class SimulatedExit extends Error {
  override readonly name = "SimulatedExit";
}

/** How a process ended. */
export type ProcessEnd =
  | { readonly kind: "killed" }
  | { readonly kind: "exited"; readonly code: number; readonly reason: string }
  | { readonly kind: "crashed"; readonly error: unknown };

/**
 * One life of a process: an event loop as Node's. Whatever happens to it (data, a timer, a finished write) is posted
 * and waits; a *turn* hands out all that is waiting, one callback at a time with its promises' continuations, then runs
 * what was registered for the end of the turn. Time stands still within a turn; afterwards the process is busy for as
 * long as its callbacks cost. When it ends, nothing of it ever runs again.
 */
export class SimulatedProcess implements Process {
  readonly id: number;
  readonly runtimeVersion: string = "20.19.0";
  readonly machineName: string;
  readonly #world: SimulatedWorld;
  readonly #onEnd: (end: ProcessEnd) => void;
  /** What one callback costs. */
  callbackMs: number;
  #end: ProcessEnd | undefined;
  #isPaused = false;
  #isTurnScheduled = false;
  #isInTurn = false;
  #busyUntilMs = 0;
  #busyMs = 0;
  #posted: (() => void)[] = [];
  #endOfTurn: (() => void)[] = [];
  /** The callbacks of the turn that is under way. */
  #turn: (() => void)[] = [];
  #turnPosition = 0;
  #isTurnEnding = false;

  constructor(
    world: SimulatedWorld,
    options: {
      readonly id: number;
      readonly machineName: string;
      readonly callbackMs: number;
      readonly onEnd: (end: ProcessEnd) => void;
    },
  ) {
    this.#world = world;
    this.id = options.id;
    this.machineName = options.machineName;
    this.callbackMs = options.callbackMs;
    this.#onEnd = options.onEnd;
  }

  get isAlive(): boolean {
    return this.#end === undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Undefined while it lives. */
  get ended(): ProcessEnd | undefined {
    return this.#end;
  }

  readonly openFilesMax: number = Number.POSITIVE_INFINITY;

  memory(): { readonly residentBytes: number; readonly heapBytes: number } {
    return { residentBytes: 64 << 20, heapBytes: 16 << 20 };
  }

  cpu(): { readonly userUs: number; readonly systemUs: number } {
    return { userUs: Math.round(this.#busyMs * 500), systemUs: Math.round(this.#busyMs * 500) };
  }

  exit(code: number, reason: string): never {
    this.end({ kind: "exited", code, reason });
    throw new SimulatedExit(`exit code ${code}: ${reason}`);
  }

  /** Hands `callback` to the process: it runs in its next turn. */
  post(callback: () => void): void {
    if (this.#end !== undefined) return;
    this.#posted.push(callback);
    this.#scheduleTurn();
  }

  atEndOfTurn(callback: () => void): void {
    if (this.#end !== undefined) return;
    this.#endOfTurn.push(callback);
    this.#scheduleTurn();
  }

  /** It stands still from the end of its turn on; what happens to it waits. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#posted.length + this.#endOfTurn.length > 0) this.#scheduleTurn();
  }

  end(end: ProcessEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#posted = [];
    this.#endOfTurn = [];
    this.#turn = [];
    this.#onEnd(end);
  }

  /** Runs one callback of the turn under way; false if the turn is over. For the world alone. */
  runNext(): boolean {
    if (this.#turnPosition === this.#turn.length && !this.#isTurnEnding) {
      this.#isTurnEnding = true;
      this.#turn = this.#endOfTurn;
      this.#turnPosition = 0;
      this.#endOfTurn = [];
    }
    if (this.#end !== undefined || this.#turnPosition === this.#turn.length) {
      this.#finishTurn();
      return false;
    }
    const callback = this.#turn[this.#turnPosition++] as () => void;
    this.#busyUntilMs += this.callbackMs;
    this.#busyMs += this.callbackMs;
    try {
      callback();
    } catch (error) {
      this.crash(error);
    }
    return true;
  }

  /** An error that nobody caught ends a process. */
  crash(error: unknown): void {
    if (!(error instanceof SimulatedExit)) this.end({ kind: "crashed", error });
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled || this.#isPaused || this.#isInTurn) return;
    this.#isTurnScheduled = true;
    this.#world.at(Math.max(this.#busyUntilMs, this.#world.nowMs), turnPhase, this.#beginTurn);
  }

  readonly #beginTurn = (): void => {
    this.#isTurnScheduled = false;
    if (this.#end !== undefined || this.#isPaused) return;
    this.#isInTurn = true;
    this.#isTurnEnding = false;
    this.#turn = this.#posted;
    this.#turnPosition = 0;
    this.#posted = [];
    this.#busyUntilMs = this.#world.nowMs;
    this.#world.beginTurn(this, this.#turn.length);
  };

  #finishTurn(): void {
    this.#isInTurn = false;
    this.#turn = [];
    if (this.#end === undefined && this.#posted.length + this.#endOfTurn.length > 0) this.#scheduleTurn();
  }
}
