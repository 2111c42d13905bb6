import { NodeWorkers, type Workers } from "../platform/index.ts";
import { type Cancellation, contextOf } from "./cancellation.ts";
import type { ReceiveChannel, SendChannel } from "./channel.ts";
import { background, Context } from "./context.ts";
import { InvalidArgumentError, ParallelClosedError } from "./errors.ts";
import type { LentReceiver, LentSender } from "./lent-channel.ts";
import { limitOf } from "./limit.ts";
import { ParallelThread } from "./parallel-thread.ts";
import { Semaphore } from "./semaphore.ts";
import { go, type Task } from "./task.ts";

/** How a pool of threads behaves. */
export interface ParallelOptions {
  /** How many threads at most, each of which runs one call at a time. Default: one for each core. */
  readonly threadCount?: number;
  /**
   * How long a call that is cancelled may go on, in milliseconds, before its thread is ended. Default 1,000. A function that
   * computes without a pause does not see that it is cancelled: 0 ends it at once.
   */
  readonly cancelGraceMs?: number;
  /** Ends all calls, and lets no more begin. */
  readonly cancellation?: Cancellation;
  /** Where the threads come from. Default: `node:worker_threads`; a simulated platform has its own (`platform.workers`). */
  readonly workers?: Workers;
}

/** The functions that a module exports. */
export type FunctionNames<M> = { [K in keyof M]: M[K] extends (...given: never[]) => unknown ? K : never }[keyof M] &
  string;

/** What is given for a parameter: for one end of a channel, that end lent; for anything else, itself. */
export type Lendable<P> =
  P extends ReceiveChannel<infer T> ? LentReceiver<T> : P extends SendChannel<infer T> ? LentSender<T> : P;

/** The arguments of a call of `F`. */
export type LendableArguments<F> = F extends (...given: infer A) => unknown
  ? { [K in keyof A]: Lendable<A[K]> }
  : never;

/** What a call of `F` yields. */
export type Outcome<F> = F extends (...given: never[]) => infer R ? Awaited<R> : never;

/**
 * Runs the functions of a module on a pool of worker threads, at the same time as this thread and each other. The threads
 * start when they are first needed, stay for the next calls, and do not keep the process alive while they are idle. Each
 * has a copy of the module, with its state, of its own.
 *
 * ```ts
 * const pool = parallel<typeof import("./prime.js")>(new URL("./prime.js", import.meta.url));
 * const isPrime = await pool.call("isPrime", 2 ** 31 - 1);
 * ```
 */
export function parallel<M>(module: URL | string, options: ParallelOptions = {}): ParallelPool<M> {
  return new ParallelPool<M>(module, options);
}

/** Made by {@link parallel}. */
export class ParallelPool<M> {
  readonly threadCount: number;
  readonly #module: string;
  readonly #cancelGraceMs: number;
  readonly #context: Context;
  readonly #workers: Workers;
  readonly #places: Semaphore;
  readonly #idle: ParallelThread[] = [];
  readonly #threads = new Set<ParallelThread>();
  #isClosed = false;

  constructor(module: URL | string, options: ParallelOptions) {
    this.#workers = options.workers ?? new NodeWorkers();
    this.threadCount = limitOf("threadCount", options.threadCount ?? this.#workers.parallelism);
    this.#places = new Semaphore(this.threadCount);
    this.#cancelGraceMs = options.cancelGraceMs ?? 1_000;
    if (!(this.#cancelGraceMs >= 0)) {
      throw new InvalidArgumentError(`a cancelGraceMs is 0 or more, not ${this.#cancelGraceMs}`);
    }
    this.#module = moduleUrl(module);
    this.#context = contextOf(options.cancellation ?? background()).child();
  }

  /**
   * Runs an exported function in another thread, as a task of this one. If all threads are busy it waits for the first that
   * is free, in order. Arguments and result are copied, as structured cloning does it, and what can be moved is moved: an
   * `ArrayBuffer`, a typed array that covers all of its buffer, a port, a stream, as an argument or directly in one.
   *
   * A {@link Context} among the arguments is the one that the call runs under, and the function gets one that ends with
   * it. A channel is lent by one end, with {@link lendReceiver} or {@link lendSender}.
   *
   * The task fails with what the function throws (name, message, code, stack and cause of it); with WorkerCrashedError
   * (WORKER_CRASHED) if the thread ends under it; with ParallelClosedError (PARALLEL_CLOSED) after `close`.
   */
  call<K extends FunctionNames<M>>(name: K, ...given: LendableArguments<M[K]>): Task<Outcome<M[K]>> {
    const asked: readonly unknown[] = given;
    const own = asked.find((each) => each instanceof Context);
    const parent = own === undefined ? this.#context : own.withOther(this.#context);
    return go(async (context) => (await this.#run(name, asked, context)) as Outcome<M[K]>, parent);
  }

  /** Waits for the calls that run or wait, then ends the threads. New calls are refused. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#places.acquire(this.threadCount);
    this.#places.release(this.threadCount);
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  /** Cancels the calls, then as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#context.cancel();
    await this.close();
  }

  async #run(name: string, given: readonly unknown[], context: Context): Promise<unknown> {
    if (this.#isClosed) throw new ParallelClosedError(name);
    await this.#places.acquire(1, context);
    const thread = this.#idle.pop() ?? this.#start();
    try {
      const request = { module: this.#module, name, arguments: given, cancelGraceMs: this.#cancelGraceMs };
      return await thread.run(request, context);
    } finally {
      if (!thread.isOver) this.#idle.push(thread);
      this.#places.release();
    }
  }

  #start(): ParallelThread {
    const thread: ParallelThread = new ParallelThread(this.#workers, () => {
      this.#threads.delete(thread);
      const at = this.#idle.indexOf(thread);
      if (at !== -1) this.#idle.splice(at, 1);
    });
    this.#threads.add(thread);
    return thread;
  }
}

function moduleUrl(module: URL | string): string {
  try {
    return new URL(module).href;
  } catch (error) {
    throw new InvalidArgumentError(
      `a parallel module is named by a URL, such as new URL("./work.js", import.meta.url), not ${String(module)}`,
      { cause: error },
    );
  }
}
