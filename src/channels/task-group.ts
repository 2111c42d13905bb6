import { background, type Cancel, type Context } from "./context.ts";
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
  readonly #cancel: Cancel;
  readonly #places: Semaphore | undefined;
  readonly #running = new WaitGroup();
  #failure: { readonly error: unknown } | undefined = undefined;

  /** `concurrencyMax`: how many may run at a time; unbounded by default. */
  constructor(parent: Context = background(), options: { readonly concurrencyMax?: number } = {}) {
    [this.context, this.#cancel] = parent.withCancel();
    this.#places = options.concurrencyMax === undefined ? undefined : new Semaphore(options.concurrencyMax);
  }

  /**
   * Starts a goroutine in the group; a promise if it must first wait for a place.
   * @throws the group's context's error once the group has been cancelled.
   */
  go(run: Goroutine<void>): Promise<void> | undefined {
    this.context.throwIfDone();
    const place = this.#places?.acquire(1, this.context);
    if (place === undefined) return this.#start(run);
    return place.then(() => this.#start(run));
  }

  /** Ends every goroutine of the group. Idempotent. */
  cancel(cause?: unknown): void {
    this.#cancel(cause);
  }

  /** Waits for all; @throws what the first that failed has thrown. */
  async wait(): Promise<void> {
    await this.#running.wait();
    this.#cancel();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Cancels what still runs and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel();
    await this.#running.wait();
  }

  #start(run: Goroutine<void>): undefined {
    this.#running.add();
    const task = new Task(run, this.context);
    task.then(
      () => this.#ended(),
      (error: unknown) => {
        this.#failure ??= { error };
        this.#cancel(error);
        this.#ended();
      },
    );
    return undefined;
  }

  #ended(): void {
    this.#places?.release();
    this.#running.done();
  }
}
