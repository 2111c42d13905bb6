// biome-ignore-all lint/complexity/noThisInStatic: Here `this` is the task that a function is bound to, which costs it no argument list.
import { type Cancellation, contextOf } from "./cancellation.ts";
import { background, type Context } from "./context.ts";
import { inGoroutine, nameGoroutine, noteAwaited } from "./deadlock.ts";
import { InvalidArgumentError } from "./errors.ts";

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
  /** At first the function to run, at the end the value or the error that came of it. */
  #content: unknown;
  #settler: Settler | undefined = undefined;

  constructor(run: Goroutine<T>, parent: Context) {
    this.context = parent.child();
    this.#content = run;
    nameGoroutine(this, run.name);
    // One microtask a task, so that each runs with the async context (AsyncLocalStorage) of whoever started it.
    alreadyResolved.then(Task.#begin.bind(this));
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

  /** As a promise's: a failure goes to `onFailed`, being cancelled too. */
  catch<B = never>(onFailed?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, onFailed);
  }

  // Private functions rather than private methods, for which V8 would keep a mark in every task.

  static #begin<T>(this: Task<T>): void {
    const run = this.#content as Goroutine<T>;
    this.#content = undefined;
    let result: T | PromiseLike<T>;
    try {
      result = inGoroutine(this, run);
    } catch (error) {
      Task.#fail.call(this, error);
      return;
    }
    // Bound functions take less than closures.
    if (isThenable(result)) result.then(Task.#succeed.bind(this), Task.#fail.bind(this));
    else Task.#succeed.call(this, result);
  }

  static #succeed<T>(this: Task<T>, value: T): void {
    this.#state = "done";
    this.#content = value;
    this.#settler?.resolve(value);
  }

  static #fail<T>(this: Task<T>, error: unknown): void {
    const isCancelled = error !== undefined && error === this.context.error;
    this.#state = isCancelled ? "cancelled" : "failed";
    this.#content = error;
    if (this.#settler !== undefined) this.#settler.reject(error);
    // Nobody has awaited it so far. It is Node that notices whether anybody does before the turn ends.
    else if (!isCancelled) Task.#promise(this);
    if (isCancelled) this.#settler?.promise.catch(() => {});
  }

  static #promise<T>(task: Task<T>): Promise<T> {
    if (task.#settler === undefined) {
      task.#settler = new Settler();
      if (task.#state === "done") task.#settler.resolve(task.#content);
      else if (task.#state !== "running") task.#settler.reject(task.#content);
    }
    return task.#settler.promise as Promise<T>;
  }
}

/** A promise that is made when somebody first awaits a task: most goroutines are never awaited. */
class Settler {
  readonly promise: Promise<unknown>;
  declare resolve: (value: unknown) => void;
  declare reject: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

const alreadyResolved: Promise<void> = Promise.resolve();

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/**
 * Starts a goroutine; it runs when the caller next waits or returns to the event loop.
 * @throws InvalidArgumentError (INVALID_ARGUMENT) for what is no function.
 */
export function go<T>(run: Goroutine<T>, cancellation: Cancellation = background()): Task<T> {
  // Go's `go f()` invites to call it here already.
  if (typeof run !== "function") {
    throw new InvalidArgumentError(`go takes a function, as in go(() => work()), not ${String(run)}`);
  }
  return new Task(run, contextOf(cancellation));
}
