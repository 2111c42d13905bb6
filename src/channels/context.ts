import type { Clock, Random, Timer } from "../platform/index.ts";
import { CancelledError, DeadlineExceededError, InvalidArgumentError } from "./errors.ts";
import { nodeRuntime } from "./node-runtime.ts";

/** Where goroutines get their time and randomness from: the machine's, or a simulator's. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
}

/** Told once when a context ends. Listeners form a list through themselves, so that leaving costs constant time. */
export interface CancelListener {
  listeners: ListenerList | undefined;
  previousListener: CancelListener | undefined;
  nextListener: CancelListener | undefined;
  /** The listener has left its list already. */
  contextEnded(error: Error): void;
}

export class ListenerList {
  #first: CancelListener | undefined = undefined;
  #last: CancelListener | undefined = undefined;

  add(listener: CancelListener): void {
    listener.listeners = this;
    listener.previousListener = this.#last;
    listener.nextListener = undefined;
    if (this.#last === undefined) this.#first = listener;
    else this.#last.nextListener = listener;
    this.#last = listener;
  }

  remove(listener: CancelListener): void {
    if (listener.previousListener === undefined) this.#first = listener.nextListener;
    else listener.previousListener.nextListener = listener.nextListener;
    if (listener.nextListener === undefined) this.#last = listener.previousListener;
    else listener.nextListener.previousListener = listener.previousListener;
    listener.listeners = undefined;
    listener.previousListener = undefined;
    listener.nextListener = undefined;
  }

  shift(): CancelListener | undefined {
    const listener = this.#first;
    if (listener !== undefined) this.remove(listener);
    return listener;
  }
}

/** A key for {@link Context.value}, with the type of what stands under it. */
export class ContextKey<T> {
  readonly name: string;
  /** Holds `T` in the type; never set. */
  declare readonly valueType: T;
  constructor(name: string) {
    this.name = name;
  }
}

/** Ends a context that was made to be ended. Idempotent. */
export type Cancel = (cause?: unknown) => void;

/**
 * Carries a deadline, a cancellation and values down a tree of calls, as Go's `context` does. A child ends when its
 * parent ends, never the other way round. Contexts are immutable but for their end.
 */
export class Context implements CancelListener {
  readonly runtime: Runtime;
  #error: Error | undefined = undefined;
  #children: ListenerList | undefined = undefined;
  #signal: AbortController | undefined = undefined;
  #values: ReadonlyMap<ContextKey<unknown>, unknown> | undefined = undefined;
  #deadlineMs: number | undefined = undefined;
  #timer: Timer | undefined = undefined;
  listeners: ListenerList | undefined = undefined;
  previousListener: CancelListener | undefined = undefined;
  nextListener: CancelListener | undefined = undefined;

  private constructor(parent: Context | undefined, runtime: Runtime) {
    this.runtime = runtime;
    if (parent !== undefined) {
      this.#deadlineMs = parent.#deadlineMs;
      this.#values = parent.#values;
      if (parent.#error !== undefined) this.#error = parent.#error;
      else parent.listen(this);
    }
  }

  /** A context that never ends, on the given runtime; by default the machine's own clock and randomness. */
  static background(runtime: Runtime = nodeRuntime()): Context {
    return new Context(undefined, runtime);
  }

  /** A child that ends when `signal` aborts, with its reason as the cause. */
  static fromSignal(signal: AbortSignal, parent: Context = background()): Context {
    const child = new Context(parent, parent.runtime);
    if (signal.aborted) {
      child.#end(new CancelledError({ cause: signal.reason }));
      return child;
    }
    const onAbort = (): void => child.#end(new CancelledError({ cause: signal.reason }));
    signal.addEventListener("abort", onAbort, { once: true });
    child.listen(new Callback(() => signal.removeEventListener("abort", onAbort)));
    return child;
  }

  /** A child, and the function that ends it. Call it also on success: it frees what the child holds. */
  withCancel(): [Context, Cancel] {
    const child = new Context(this, this.runtime);
    return [child, (cause) => child.cancel(cause)];
  }

  /** A child that ends `durationMs` from now, or when cancelled. */
  withTimeout(durationMs: number): [Context, Cancel] {
    if (!(durationMs >= 0)) throw new InvalidArgumentError(`a timeout is 0 ms or more, not ${durationMs}`);
    return this.withDeadline(this.runtime.clock.nowMs() + durationMs);
  }

  /** A child that ends at `deadlineMs` of the runtime's monotonic clock, or when cancelled. */
  withDeadline(deadlineMs: number): [Context, Cancel] {
    const [child, cancel] = this.withCancel();
    if (child.#error !== undefined || (child.#deadlineMs !== undefined && child.#deadlineMs <= deadlineMs)) {
      return [child, cancel];
    }
    child.#deadlineMs = deadlineMs;
    const clock = this.runtime.clock;
    child.#timer = clock.setTimer(Math.max(0, deadlineMs - clock.nowMs()), () =>
      child.#end(new DeadlineExceededError()),
    );
    return [child, cancel];
  }

  /** A child in which `key` stands for `value`. It ends with this context. */
  withValue<T>(key: ContextKey<T>, value: T): Context {
    const child = new Context(this, this.runtime);
    child.#values = new Map([...(this.#values ?? []), [key, value]]);
    return child;
  }

  value<T>(key: ContextKey<T>): T | undefined {
    return this.#values?.get(key) as T | undefined;
  }

  /** Why this context has ended; undefined while it has not. */
  get error(): Error | undefined {
    return this.#error;
  }

  get isDone(): boolean {
    return this.#error !== undefined;
  }

  /** On the runtime's monotonic clock. */
  get deadlineMs(): number | undefined {
    return this.#deadlineMs;
  }

  /** @throws CancelledError, DeadlineExceededError if the context has ended. */
  throwIfDone(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** For APIs that take an `AbortSignal`. Aborts when this context ends. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController();
      this.#signal = controller;
      if (this.#error !== undefined) controller.abort(this.#error);
    }
    return this.#signal.signal;
  }

  /** Resolves when the context ends; never if it never does. */
  done(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isDone) resolve();
      else this.listen(new Callback(() => resolve()));
    });
  }

  /** Tells `listener` of the end; it leaves with `unlisten`. The context must not have ended. */
  listen(listener: CancelListener): void {
    this.#children ??= new ListenerList();
    this.#children.add(listener);
  }

  /** Calls `callback` when the context ends, at once if it has. Returns how to leave. */
  onEnd(callback: (error: Error) => void): () => void {
    if (this.#error !== undefined) {
      callback(this.#error);
      return () => {};
    }
    const listener = new Callback(callback);
    this.listen(listener);
    return () => unlisten(listener);
  }

  /** Ends this context; for whoever made it. Idempotent. */
  cancel(cause?: unknown): void {
    if (this.#error === undefined) this.#end(new CancelledError(cause === undefined ? undefined : { cause }));
  }

  /** The context leaves its parent without ending: nobody uses it any more. */
  detach(): void {
    unlisten(this);
    this.#timer?.cancel();
  }

  contextEnded(error: Error): void {
    this.#end(error);
  }

  #end(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.detach();
    this.#signal?.abort(error);
    const children = this.#children;
    if (children === undefined) return;
    for (let child = children.shift(); child !== undefined; child = children.shift()) child.contextEnded(error);
    this.#children = undefined;
  }
}

class Callback implements CancelListener {
  listeners: ListenerList | undefined = undefined;
  previousListener: CancelListener | undefined = undefined;
  nextListener: CancelListener | undefined = undefined;
  readonly #callback: (error: Error) => void;

  constructor(callback: (error: Error) => void) {
    this.#callback = callback;
  }

  contextEnded(error: Error): void {
    this.#callback(error);
  }
}

/** Leaves the list that `listener` is in, if any. */
export function unlisten(listener: CancelListener): void {
  listener.listeners?.remove(listener);
}

let shared: Context | undefined;

/** The context that everything starts from when none is given: the machine's clock, no deadline, never cancelled. */
export function background(): Context {
  shared ??= Context.background();
  return shared;
}
