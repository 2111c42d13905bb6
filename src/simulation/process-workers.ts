import type {
  Clock,
  Movable,
  Random,
  ThreadHost,
  ThreadPort,
  WorkerHandlers,
  Workers,
  WorkerThread,
} from "../platform/index.ts";
import { arrivalPhase } from "./event-queue.ts";
import { type MachineClock, ProcessClock } from "./machine-clock.ts";
import { type ProcessEnd, SimulatedProcess } from "./process.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedWorld } from "./world.ts";

/** From its start until it imports its first module, in milliseconds. */
const startMs = { min: 5, max: 40 };
/** From one thread to another; never overtaken by a later message. */
const messageMs = { min: 0.01, max: 0.2 };
/** As threads of Node that fail or are ended. */
const exitCodeOfFailure = 1;

export interface WorkersOptions {
  readonly clock: MachineClock;
  readonly coreCount: number;
  /** A sequence of its own for each thread; nothing is drawn for a process that starts none. */
  readonly drawRandom: () => SeededRandom;
}

/**
 * The threads of one process: event loops of their own on the machine's clock, which end with it. What they do at the same
 * time is put in order by the seed.
 */
export class ProcessWorkers implements Workers {
  readonly parallelism: number;
  readonly #world: SimulatedWorld;
  readonly #owner: SimulatedProcess;
  readonly #options: WorkersOptions;
  readonly #threads = new Set<SimulatedThread>();

  constructor(world: SimulatedWorld, owner: SimulatedProcess, options: WorkersOptions) {
    this.parallelism = options.coreCount;
    this.#world = world;
    this.#owner = owner;
    this.#options = options;
  }

  get threads(): readonly SimulatedThread[] {
    return [...this.#threads];
  }

  start(entry: string, handlers: WorkerHandlers): WorkerThread {
    const { clock, drawRandom } = this.#options;
    const thread: SimulatedThread = new SimulatedThread(this.#world, this.#owner, {
      entry,
      handlers,
      clock,
      random: drawRandom(),
      onEnd: () => this.#threads.delete(thread),
    });
    this.#threads.add(thread);
    return thread;
  }

  pause(): void {
    for (const thread of this.#threads) thread.process.pause();
  }

  resume(): void {
    for (const thread of this.#threads) thread.process.resume();
  }

  setCallbackMs(callbackMs: number): void {
    for (const thread of this.#threads) thread.process.callbackMs = callbackMs;
  }

  /** The process is gone. */
  close(): void {
    for (const thread of this.threads) thread.process.end({ kind: "killed" });
  }
}

/**
 * One thread, from both of its sides. Its modules are imported by the real machine, for which the world stands still, under
 * a URL of its own, so that their state is its own; what they import in turn is shared. What a real thread could do to
 * itself alone (an endless loop, `process.exit`, a rejection that nobody handles) would here befall the whole simulation:
 * {@link crash} stands for it.
 */
export class SimulatedThread implements WorkerThread, ThreadHost {
  /** Its event loop: it can be paused, and slowed down. */
  readonly process: SimulatedProcess;
  readonly clock: Clock;
  readonly random: Random;
  readonly #world: SimulatedWorld;
  readonly #owner: SimulatedProcess;
  readonly #handlers: WorkerHandlers;
  readonly #delays: SeededRandom;
  readonly #onEnd: () => void;
  /** When the last message of either direction arrives. */
  readonly #arrivalMs = { inside: 0, outside: 0 };
  #onMessage: ((message: unknown) => void) | undefined;
  /** Came before anybody listened. */
  #early: unknown[] = [];
  readonly #ended: Promise<void>;
  #tellEnded: () => void = () => {};

  constructor(
    world: SimulatedWorld,
    owner: SimulatedProcess,
    options: {
      readonly entry: string;
      readonly handlers: WorkerHandlers;
      readonly clock: MachineClock;
      readonly random: SeededRandom;
      readonly onEnd: () => void;
    },
  ) {
    const { random, handlers, entry, onEnd } = options;
    this.#world = world;
    this.#owner = owner;
    this.#handlers = handlers;
    this.#delays = random.fork();
    this.#onEnd = onEnd;
    this.#ended = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
    this.process = new SimulatedProcess(world, {
      id: world.takeProcessId(),
      machineName: owner.machineName,
      callbackMs: owner.callbackMs,
      onEnd: (end) => this.#hasEnded(end),
    });
    this.random = random;
    this.clock = new ProcessClock(world, this.process, options.clock, random.integer(0, 1_000));
    world.note(this.process.id, owner.id);
    if (world.isTraced) world.trace(owner.machineName, `thread ${this.process.id} of process ${owner.id} starts`);
    world.at(world.later(this.#delays.between(startMs.min, startMs.max)), arrivalPhase, () => this.#run(entry));
  }

  // What the thread that has started it sees.

  post(message: unknown, transfer: readonly Movable[] = []): void {
    const copy = cloned(message, transfer);
    this.#send("inside", this.process, () => this.#receive(copy));
  }

  /** A simulated process ends when it is told to. */
  keepAlive(): void {}

  async terminate(): Promise<void> {
    this.process.end({ kind: "killed" });
    await this.#ended;
  }

  // What it sees itself.

  connect(onMessage: (message: unknown) => void): ThreadPort {
    this.#onMessage = onMessage;
    for (const message of this.#early.splice(0)) this.process.post(() => onMessage(message));
    return {
      post: (message, transfer = []) => {
        const copy = cloned(message, transfer);
        this.#send("outside", this.#owner, () => this.#handlers.onMessage(copy));
      },
    };
  }

  load(module: string): Promise<Readonly<Record<string, unknown>>> {
    return new Promise((resolve, reject) => {
      this.#import(
        ownCopy(module, this.process.id),
        (exported) => resolve(exported),
        (error) => reject(error),
      );
    });
  }

  /** For tests and faults: the thread fails with `error`, as by one that nobody has caught in it. */
  crash(error: unknown): void {
    this.process.crash(error);
  }

  #run(entry: string): void {
    const fail = (error: unknown): never => {
      throw error;
    };
    this.#import(
      entry,
      ({ serve }) => {
        if (typeof serve !== "function") throw new TypeError(`${entry} exports no function "serve"`);
        serve(this);
      },
      fail,
    );
  }

  /** Either function is called in a turn of the thread. */
  #import(
    module: string,
    onDone: (exported: Readonly<Record<string, unknown>>) => void,
    onFailed: (error: unknown) => void,
  ): void {
    if (!this.process.isAlive) return;
    const imported: Promise<Readonly<Record<string, unknown>>> = import(module);
    this.#world.hold(
      imported.then(
        (exported) => this.process.post(() => onDone(exported)),
        (error: unknown) => this.process.post(() => onFailed(error)),
      ),
    );
  }

  #receive(message: unknown): void {
    if (this.#onMessage === undefined) this.#early.push(message);
    else this.#onMessage(message);
  }

  #send(direction: "inside" | "outside", to: SimulatedProcess, callback: () => void): void {
    const delayMs = this.#delays.between(messageMs.min, messageMs.max);
    const arrivalMs = Math.max(this.#arrivalMs[direction], this.#world.later(delayMs));
    this.#arrivalMs[direction] = arrivalMs;
    this.#world.at(arrivalMs, arrivalPhase, () => to.post(callback));
  }

  #hasEnded(end: ProcessEnd): void {
    const cause = end.kind === "crashed" ? end.error : undefined;
    const exitCode = end.kind === "exited" ? end.code : exitCodeOfFailure;
    this.#onEnd();
    this.#world.note(this.process.id, -1);
    if (this.#world.isTraced) {
      this.#world.trace(this.process.machineName, `thread ${this.process.id} ends: ${end.kind}`);
    }
    this.#send("outside", this.#owner, () => {
      this.#handlers.onEnd({ cause, exitCode });
      this.#tellEnded();
    });
  }
}

/**
 * As between two threads. @throws DataCloneError for what can be neither copied nor moved; TypeError for a port or a stream,
 * whose other end would be in the real world.
 */
function cloned(message: unknown, transfer: readonly Movable[]): unknown {
  const memory: ArrayBuffer[] = [];
  for (const each of transfer) {
    if (!(each instanceof ArrayBuffer)) throw new TypeError("to a simulated thread nothing but memory can be moved");
    memory.push(each);
  }
  return structuredClone(message, { transfer: memory });
}

/** Node keeps one copy of a module for each URL, whatever stands behind its "#". */
function ownCopy(module: string, threadId: number): string {
  const url = new URL(module);
  url.hash = `thread-${threadId}`;
  return url.href;
}
