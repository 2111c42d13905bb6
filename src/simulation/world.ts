import { afterMicrotasks, type Timer } from "../platform/index.ts";
import { EventHash } from "./event-hash.ts";
import { type EventPhase, EventQueue, schedulePhase } from "./event-queue.ts";
import { type MachineOptions, SimulatedMachine } from "./machine.ts";
import { defaultNetworkSettings, type NetworkSettings, SimulatedNetwork } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";
import { SeededRandom } from "./seeded-random.ts";

export interface WorldOptions {
  /** Any safe integer. */
  readonly seed: number;
  /** The wall clocks' time at the beginning. Default: 2030-01-01. */
  readonly startWallMs?: number;
  readonly network?: Partial<NetworkSettings>;
  /** Hears of every event, in words: who, and what. Costs time. */
  readonly trace?: (timeMs: number, machineName: string, text: string) => void;
  /** Hears of the end of each turn of each process, when its promises have settled. */
  readonly onTurnEnd?: (machineName: string) => void;
}

/** Time has no smaller step. Being a power of two, sums of such steps are exact. */
const stepsPerMs = 1024;
/** Events at one instant; more means that the simulated program runs in a circle without time passing. */
const instantEventsMax = 1_000_000;

/**
 * A world in which machines run processes on a virtual clock, and whatever happens follows from one seed. Nothing in
 * it waits for real time, and the same seed with the same programs gives the same events, as {@link hash} shows.
 *
 * ```ts
 * const world = new SimulatedWorld({ seed: 1 });
 * const machine = world.machine("n1");
 * const { disk } = machine.start();
 * const file = await world.until(disk.open("/a", "create"));
 * machine.cutPower();
 * ```
 */
export class SimulatedWorld {
  readonly seed: number;
  readonly startWallMs: number;
  /** For whoever schedules faults; the machines and the network draw from sequences of their own. */
  readonly random: SeededRandom;
  readonly network: SimulatedNetwork;
  readonly #machines = new Map<string, SimulatedMachine>();
  readonly #queue = new EventQueue();
  readonly #hash = new EventHash();
  readonly #trace: WorldOptions["trace"];
  readonly #onTurnEnd: WorldOptions["onTurnEnd"];
  #nowMs = 0;
  #instantEvents = 0;
  #processCount = 0;
  /** The event was a user's callback, whose promises must settle. */
  #isUserCode = false;
  #turn: SimulatedProcess | undefined;
  /** What the world stands still for. */
  #holdCount = 0;
  #isHeld = false;
  #run: Run | undefined;

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.startWallMs = options.startWallMs ?? Date.UTC(2030, 0);
    this.random = new SeededRandom(options.seed);
    this.network = new SimulatedNetwork(this, this.random.fork(), { ...defaultNetworkSettings, ...options.network });
    this.#trace = options.trace;
    this.#onTurnEnd = options.onTurnEnd;
  }

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Of all events so far. */
  get hash(): string {
    return this.#hash.toString();
  }

  get eventCount(): number {
    return this.#hash.count;
  }

  get machines(): readonly SimulatedMachine[] {
    return [...this.#machines.values()];
  }

  /** The machine of that name; it is made at the first call, and `options` count only then. */
  machine(name: string, options: MachineOptions = {}): SimulatedMachine {
    let machine = this.#machines.get(name);
    if (machine === undefined) {
      const address = `10.0.${this.#machines.size >> 8}.${(this.#machines.size & 0xff) + 1}`;
      machine = new SimulatedMachine(this, { name, address, random: this.random.fork(), ...options });
      this.#machines.set(name, machine);
    }
    return machine;
  }

  /** By name or address. */
  findMachine(host: string): SimulatedMachine | undefined {
    const named = this.#machines.get(host);
    if (named !== undefined) return named;
    for (const machine of this.#machines.values()) if (machine.isHost(host)) return machine;
    return undefined;
  }

  /** Runs `callback` in the world, outside of all processes: for tests and faults. */
  schedule(delayMs: number, callback: () => void): Timer {
    return this.at(this.later(delayMs), schedulePhase, () => {
      this.note(0, 0);
      callback();
      this.#isUserCode = true;
    });
  }

  /** Lets `durationMs` pass. */
  async run(durationMs: number): Promise<void> {
    await this.#start(() => false, this.later(durationMs));
  }

  /** Lets time pass until `condition` holds; false if it does not within `limitMs`. */
  runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    return this.#start(condition, this.later(limitMs));
  }

  /** Lets time pass until `promise` settles, at most `limitMs` (default: ten minutes). */
  async until<T>(promise: Promise<T>, limitMs = 600_000): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    if (!(await this.runUntil(() => isSettled, limitMs))) {
      throw new Error(`seed ${this.seed}: the promise did not settle within ${limitMs} simulated ms`);
    }
    return promise;
  }

  /** Now and `delayMs`, rounded up to the next step. For the parts of the world. */
  later(delayMs: number): number {
    return this.#nowMs + Math.ceil(Math.max(delayMs, 0) * stepsPerMs) / stepsPerMs;
  }

  /** For the parts of the world: `action` is no user's code and makes no promises settle by itself. */
  at(timeMs: number, phase: EventPhase, action: () => void): Timer {
    return this.#queue.add(timeMs, phase, action);
  }

  /**
   * Nothing happens and no time passes until `promise` has settled: for what only the real machine can do, such as
   * importing a module. Where it belongs among the events is the same in every run, however long it takes. For the parts of
   * the world.
   */
  hold(promise: Promise<unknown>): void {
    this.#holdCount++;
    const release = (): void => {
      if (--this.#holdCount > 0 || !this.#isHeld) return;
      this.#isHeld = false;
      afterMicrotasks(this.#step);
    };
    promise.then(release, release);
  }

  /** The process takes its turn now. For {@link SimulatedProcess}. */
  beginTurn(process: SimulatedProcess, callbackCount: number): void {
    this.#turn = process;
    this.note(process.id, callbackCount);
  }

  /** The machine of the process whose turn it is. */
  get turnOf(): string | undefined {
    return this.#turn?.machineName;
  }

  /** Process ids begin at 1 and are never used twice. For {@link SimulatedMachine}. */
  takeProcessId(): number {
    return ++this.#processCount;
  }

  /** Makes what happened a part of the hash. */
  note(source: number, value: number): void {
    this.#hash.add(this.#nowMs);
    this.#hash.add(source);
    this.#hash.add(value);
  }

  noteBytes(bytes: Uint8Array): void {
    this.#hash.addBytes(bytes);
  }

  get isTraced(): boolean {
    return this.#trace !== undefined;
  }

  /** A line for the reader of the trace. Where the words cost something, ask {@link isTraced} first. */
  trace(machineName: string, text: string): void {
    this.#trace?.(this.#nowMs, machineName, text);
  }

  #start(condition: () => boolean, endMs: number): Promise<boolean> {
    if (this.#run !== undefined) throw new Error("the world runs already");
    return new Promise((resolve, reject) => {
      this.#run = { condition, endMs, resolve, reject };
      afterMicrotasks(this.#step);
    });
  }

  readonly #step = (): void => {
    const run = this.#run as Run;
    let outcome: "userCode" | "met" | "limit" | "held";
    try {
      outcome = this.#goOn(run);
    } catch (error) {
      this.#run = undefined;
      run.reject(error);
      return;
    }
    if (outcome === "userCode") {
      afterMicrotasks(this.#step);
    } else if (outcome === "held") {
      this.#isHeld = true;
    } else {
      this.#run = undefined;
      run.resolve(outcome === "met");
    }
  };

  /** Until some code of a user has run, whose promises must settle before anything else, or until the run is over. */
  #goOn(run: Run): "userCode" | "met" | "limit" | "held" {
    for (;;) {
      if (this.#holdCount > 0) return "held";
      if (this.#turn !== undefined) {
        if (this.#turn.runNext()) return "userCode";
        this.#onTurnEnd?.(this.#turn.machineName);
        this.#turn = undefined;
      }
      if (run.condition()) return "met";
      const event = this.#queue.peek();
      if (event === undefined || event.timeMs > run.endMs) {
        this.#nowMs = Math.max(this.#nowMs, run.endMs);
        return "limit";
      }
      this.#queue.pop();
      this.#advance(event.timeMs);
      this.#isUserCode = false;
      event.action();
      if (this.#isUserCode) return "userCode";
    }
  }

  #advance(timeMs: number): void {
    if (timeMs > this.#nowMs) {
      this.#nowMs = timeMs;
      this.#instantEvents = 0;
    }
    if (++this.#instantEvents > instantEventsMax) {
      throw new Error(`seed ${this.seed}: ${instantEventsMax} events at ${this.#nowMs} ms, and time does not go on`);
    }
  }
}

interface Run {
  readonly condition: () => boolean;
  readonly endMs: number;
  readonly resolve: (isMet: boolean) => void;
  readonly reject: (error: unknown) => void;
}
