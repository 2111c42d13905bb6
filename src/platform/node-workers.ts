import { availableParallelism } from "node:os";
import { parentPort, Worker } from "node:worker_threads";
import { NodeClock } from "./node-clock.ts";
import { NodeRandom } from "./node-random.ts";
import type { Movable, ThreadHost, WorkerHandlers, Workers, WorkerThread } from "./workers.ts";

/**
 * As text, since a file would have to be JavaScript wherever this code is run from; it is good as a script and as a module,
 * whichever `--input-type` makes of it. A failure ends the thread with it.
 */
const bootstrap = `
import("node:worker_threads")
  .then(({ workerData }) => import(workerData))
  .then(({ serve }) => serve());
`;

/** The threads of `node:worker_threads`. */
export class NodeWorkers implements Workers {
  readonly parallelism: number = availableParallelism();

  start(entry: string, handlers: WorkerHandlers): WorkerThread {
    return new NodeWorkerThread(entry, handlers);
  }
}

class NodeWorkerThread implements WorkerThread {
  readonly #worker: Worker;

  constructor(entry: string, handlers: WorkerHandlers) {
    this.#worker = new Worker(bootstrap, { eval: true, workerData: entry });
    let cause: unknown;
    this.#worker.on("message", (message: unknown) => handlers.onMessage(message));
    this.#worker.on("messageerror", (error: unknown) => {
      cause = error;
      void this.terminate();
    });
    this.#worker.on("error", (error: unknown) => {
      cause = error;
    });
    this.#worker.on("exit", (exitCode) => handlers.onEnd({ cause, exitCode }));
  }

  post(message: unknown, transfer: readonly Movable[] = []): void {
    this.#worker.postMessage(message, transfer as never[]);
  }

  keepAlive(isKept: boolean): void {
    if (isKept) this.#worker.ref();
    else this.#worker.unref();
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** What this thread runs on, if it was started by another one; undefined in the main thread. */
export function threadHost(): ThreadHost | undefined {
  const port = parentPort;
  if (port === null) return undefined;
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    connect: (onMessage) => {
      port.on("message", onMessage);
      return { post: (message, transfer = []) => port.postMessage(message, transfer as never[]) };
    },
    load: (module) => import(module),
  };
}

/** Larger collections are not looked through. */
const membersMax = 1_000;

/**
 * What of `value` can be moved to another thread instead of copied: the value itself, and what stands directly in it if it
 * is an array or a plain object. A view (a `Uint8Array`, a `Buffer`, …) stands for its memory where it covers all of it; one
 * that is a part of something larger, as a small `Buffer` is, would take the rest along and is left to be copied.
 */
export function movablesIn(value: unknown): Movable[] {
  if (typeof value !== "object" || value === null) return [];
  const found = new Set<Movable>();
  for (const each of [value, ...membersOf(value)]) {
    const movable = movableOf(each);
    if (movable !== undefined) found.add(movable);
  }
  return [...found];
}

function membersOf(value: object): readonly unknown[] {
  if (Array.isArray(value)) return value.length <= membersMax ? value : [];
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return [];
  const members: unknown[] = Object.values(value);
  return members.length <= membersMax ? members : [];
}

function movableOf(value: unknown): Movable | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value;
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === value.byteLength && value.byteLength > 0;
    return isWhole ? buffer : undefined;
  }
  const isMovable =
    value instanceof ArrayBuffer ||
    value instanceof MessagePort ||
    value instanceof ReadableStream ||
    value instanceof WritableStream ||
    value instanceof TransformStream;
  return isMovable ? value : undefined;
}
