import { background, type Context } from "./context.ts";

/** What a task is doing. A cancelled one is `failed` with the error that its function threw on being cancelled. */
export type TaskState = "running" | "done" | "failed";

/** What a goroutine runs. It should pass `context` on to whatever waits, and end soon after the context does. */
export type Goroutine<T> = (context: Context) => T | Promise<T>;

/**
 * A goroutine that was started: it can be awaited, cancelled and asked for its state. A failure belongs to whoever
 * awaits the task; where nobody has done so by the end of the turn in which it failed, it becomes an unhandled
 * rejection, which ends a Node process unless it listens for them. Failing because it was cancelled is no such failure.
 */
export class Task<T> implements PromiseLike<T> {
  readonly context: Context;
  #state: TaskState = "running";
  #result: Promise<T>;

  constructor(run: Goroutine<T>, parent: Context) {
    const [context] = parent.withCancel();
    this.context = context;
    this.#result = this.#run(run);
  }

  get state(): TaskState {
    return this.#state;
  }

  /** Ends the task's context; the function decides what to make of it. Idempotent, harmless after the end. */
  cancel(cause?: unknown): void {
    if (this.#state === "running") this.context.cancel(cause);
  }

  /** Resolves when the task has ended, however it ended. Counts as nobody's interest in its failure. */
  async settled(): Promise<void> {
    try {
      await this.#result;
    } catch {
      // Its failure has been taken note of by `state`, and is thrown to whoever awaits the task.
    }
  }

  // biome-ignore lint/suspicious/noThenProperty: A task is awaited like a promise.
  then<A = T, B = never>(
    onDone?: ((value: T) => A | PromiseLike<A>) | null,
    onFailed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onDone, onFailed);
  }

  async #run(run: Goroutine<T>): Promise<T> {
    // A goroutine begins after whoever started it lets go, as in Go on one thread.
    await undefined;
    try {
      const result = run(this.context);
      const value = result instanceof Promise ? await result : result;
      this.#state = "done";
      return value;
    } catch (error) {
      this.#state = "failed";
      if (this.context.error !== undefined && error === this.context.error) this.#result.catch(() => {});
      throw error;
    } finally {
      this.context.detach();
    }
  }
}

/** Starts a goroutine; it runs when the caller next waits or returns to the event loop. */
export function go<T>(run: Goroutine<T>, context: Context = background()): Task<T> {
  return new Task(run, context);
}
