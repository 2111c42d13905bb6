import { type Cancellation, contextOf } from "./cancellation.ts";
import { background, type Context } from "./context.ts";
import { limitOf } from "./limit.ts";
import { Semaphore } from "./semaphore.ts";
import { type Goroutine, Task } from "./task.ts";
import { WaitGroup } from "./wait-group.ts";

/**
 * A scope that owns goroutines. It ends when all of them have ended; the first that fails cancels the others, and its
 * error is what `wait` throws. Nothing that was started in it outlives it.
 *
 * ```ts
 * await using group = new TaskGroup(context, { concurrencyMax: 8 });
 * for (const url of urls) await group.go((context) => fetchPage(url, context));
 * await group.wait();
 * ```
 */
export class TaskGroup {
  readonly context: Context;
  readonly #places: Semaphore | undefined;
  /** Those that run and those that wait for a place. */
  readonly #unfinished = new WaitGroup();
  #failure: { readonly error: unknown } | undefined = undefined;
  #isFailureTold = false;

  /**
   * `concurrencyMax`: how many may run at a time; unbounded by default.
   * @throws InvalidArgumentError (INVALID_ARGUMENT) unless it is a whole number, 1 or more.
   */
  constructor(parent: Cancellation = background(), options: { readonly concurrencyMax?: number } = {}) {
    const { concurrencyMax } = options;
    this.#places = concurrencyMax === undefined ? undefined : new Semaphore(limitOf("concurrencyMax", concurrencyMax));
    this.context = contextOf(parent).child();
  }

  /**
   * Starts a goroutine in the group; a promise if it must first wait for a place. It belongs to the group from the call on,
   * whether that promise is awaited or not.
   * @throws the group's context's error once the group has been cancelled.
   */
  go(run: Goroutine<void>): Promise<void> | undefined {
    this.context.throwIfDone();
    const place = this.#places?.acquire(1, this.context);
    this.#unfinished.add();
    if (place === undefined) return this.#start(run);
    const started = place.then(
      () => this.#start(run),
      (error: unknown) => {
        this.#unfinished.done();
        throw error;
      },
    );
    // Whoever does not wait for the place learns from `wait` how the group has ended.
    started.catch(() => {});
    return started;
  }

  /** Ends every goroutine of the group. Idempotent. */
  cancel(cause?: unknown): void {
    this.context.cancel(cause);
  }

  /** Waits for all; @throws what the first that failed has thrown. */
  async wait(): Promise<void> {
    await this.#unfinished.wait();
    this.cancel();
    if (this.#failure === undefined) return;
    this.#isFailureTold = true;
    throw this.#failure.error;
  }

  /** Cancels what still runs and waits for its end. @throws the first failure, unless `wait` has thrown it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.#unfinished.wait();
    // Those that ended because the scope did are no failures.
    const failure = this.#failure;
    if (failure !== undefined && !this.#isFailureTold && failure.error !== this.context.error) throw failure.error;
  }

  #start(run: Goroutine<void>): undefined {
    const task = new Task(run, this.context);
    void task.settled().then((outcome) => {
      if (outcome.status === "rejected") {
        this.#failure ??= { error: outcome.reason };
        this.cancel(outcome.reason);
      }
      this.#places?.release();
      this.#unfinished.done();
    });
    return undefined;
  }
}
