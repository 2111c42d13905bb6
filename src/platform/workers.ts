import type { MessagePort } from "node:worker_threads";
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/** One side of the connection between two threads. Messages arrive in order, as copies but for what is transferred. */
export interface ThreadPort {
  /**
   * Sends a copy of `message` as structured cloning makes it. What stands in `transfer` is moved: it cannot be used here
   * afterwards. @throws DataCloneError (a DOMException) if something in it can be neither copied nor moved.
   */
  post(message: unknown, transfer?: readonly Movable[]): void;
}

/** Something that can be moved to another thread; see {@link movablesIn}. */
export type Movable = ArrayBuffer | MessagePort | ReadableStream | WritableStream | TransformStream;

/** A thread of JavaScript beside this one, seen from the thread that has started it. */
export interface WorkerThread extends ThreadPort {
  /** Whether the thread keeps the process alive; it does from the start. */
  keepAlive(isKept: boolean): void;
  /** Ends it at once, in the midst of whatever it does. Resolves when it has ended. Idempotent. */
  terminate(): Promise<void>;
}

export interface WorkerHandlers {
  onMessage(message: unknown): void;
  /** It has ended, and nothing comes any more. `cause` is what it failed with; undefined if it was told to end or exited. */
  onEnd(end: { readonly cause: unknown; readonly exitCode: number }): void;
}

/** Threads as the machine offers them. */
export interface Workers {
  /** How many threads can run at the same time: the cores that this process may use. */
  readonly parallelism: number;
  /**
   * Starts a thread that imports `entry` (a file URL of a JavaScript module) and calls its exported `serve`: with the
   * {@link ThreadHost} that it runs on, or without an argument where that is what `threadHost()` gives.
   */
  start(entry: string, handlers: WorkerHandlers): WorkerThread;
}

/** A thread, seen from within: its connection to the thread that has started it, and the world as it sees it. */
export interface ThreadHost {
  readonly clock: Clock;
  readonly random: Random;
  /** Calls `onMessage` from now on, also with what has come before. To be called once. */
  connect(onMessage: (message: unknown) => void): ThreadPort;
  /** Imports the module with the URL `module`. Its state is this thread's own. */
  load(module: string): Promise<Readonly<Record<string, unknown>>>;
}
