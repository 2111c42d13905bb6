// biome-ignore-all lint/complexity/noThisInStatic: Here `this` is the task that a function is bound to, which costs it no argument list.
import { type Cancellation, contextOf } from "./cancellation.ts";
import { background, type Context } from "./context.ts";
import { inGoroutine, nameGoroutine, noteAwaited } from "./deadlock.ts";

/**
 * What a task is doing. `cancelled`: its function ended with its context's own error. `failed`: with any other error.
 */
export type TaskState = "running" | "done" | "failed" | "cancelled";

/** What a goroutine runs. It should pass `context` on to whatever waits, and end soon after the context does. */
export type Goroutine<T> = (context: Context) => T | Promise<T>;

/**
 * A goroutine that was started: it can be awaited, cancelled and asked for its state. A failure belongs to whoever
 * awaits the task; where nobody has done so by the end of the turn in which it failed, it becomes an unhandled
 * rejection, which ends a Node process unless it listens for them. Being cancelled is no failure in this sense.
 */
export class Task<T> implements PromiseLike<T> {
  /** What its function was given: a child of the context that it was started under. */
  readonly context: Context;
  #state: TaskState = "running";
  /** What came of it: the value, or the error. Whether it runs or has ended: a {@link Settler} once somebody awaited it. */
  #content: unknown = undefined;

  constructor(run: Goroutine<T>, parent: Context) {
    this.context = parent.child();
    nameGoroutine(this, run.name);
    // One microtask a task, so that each runs with the async context (AsyncLocalStorage) of whoever started it.
    alreadyResolved.then(Task.#begin.bind(undefined, this, run) as () => void);
  }

  get state(): TaskState {
    return this.#state;
  }

  /** For the report of a deadlock. */
  get isWaiting(): boolean {
    return this.#state === "running";
  }

  /** Ends the task's context; the function decides what to make of it. Idempotent, harmless after the end. */
  cancel(cause?: unknown): void {
    if (this.#state === "running") this.context.cancel(cause);
  }

  /** Resolves when the task has ended, with how it ended. Whoever asks has taken note of a failure. */
  async settled(): Promise<PromiseSettledResult<T>> {
    const [outcome] = await Promise.allSettled([Task.#promise(this)]);
    return outcome;
  }

  // biome-ignore lint/suspicious/noThenProperty: A task is awaited like a promise.
  then<A = T, B = never>(
    onDone?: ((value: T) => A | PromiseLike<A>) | null,
    onFailed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    noteAwaited(this);
    return Task.#promise(this).then(onDone, onFailed);
  }

  // Private functions rather than private methods, for which V8 would keep a mark in every task.

  static #begin(task: Task<unknown>, run: Goroutine<unknown>): void {
    let result: unknown;
    try {
      result = inGoroutine(task, run);
    } catch (error) {
      Task.#fail.call(task, error);
      return;
    }
    // Bound functions take less than closures.
    if (isThenable(result)) result.then(Task.#succeed.bind(task), Task.#fail.bind(task));
    else Task.#succeed.call(task, result);
  }

  static #succeed(this: Task<unknown>, value: unknown): void {
    this.#state = "done";
    if (this.#content instanceof Settler) this.#content.resolve(value);
    else this.#content = value;
  }

  static #fail(this: Task<unknown>, error: unknown): void {
    const isCancelled = error !== undefined && error === this.context.error;
    this.#state = isCancelled ? "cancelled" : "failed";
    if (!(this.#content instanceof Settler)) {
      this.#content = error;
      if (isCancelled) return;
      // Nobody has awaited it so far. It is Node that notices whether anybody does before the turn ends.
      Task.#promise(this);
    } else {
      this.#content.reject(error);
      if (isCancelled) this.#content.promise.catch(() => {});
    }
  }

  static #promise<T>(task: Task<T>): Promise<T> {
    const content = task.#content;
    if (content instanceof Settler) return content.promise;
    const settler = new Settler<T>();
    task.#content = settler;
    if (task.#state === "done") settler.resolve(content as T);
    else if (task.#state !== "running") settler.reject(content);
    return settler.promise;
  }
}

/** A promise that is made when somebody first awaits a task: most goroutines are never awaited. */
class Settler<T> {
  readonly promise: Promise<T>;
  declare resolve: (value: T) => void;
  declare reject: (error: unknown) => void;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

const alreadyResolved: Promise<void> = Promise.resolve();

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Starts a goroutine; it runs when the caller next waits or returns to the event loop. */
export function go<T>(run: Goroutine<T>, cancellation: Cancellation = background()): Task<T> {
  return new Task(run, contextOf(cancellation));
}
