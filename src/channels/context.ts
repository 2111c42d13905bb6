import type { Clock, Random, Timer } from "../platform/index.ts";
import { CancelledError, DeadlineExceededError, InvalidArgumentError } from "./errors.ts";
import { nodeRuntime } from "./node-runtime.ts";

/** Where goroutines get their time and randomness from: the machine's, or a simulator's. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Told once when a context ends. Listeners form a list through themselves, so that leaving costs constant time and an
 * operation that waits allocates nothing for it.
 */
export interface CancelListener {
  /** In whose list it stands; undefined if in none. */
  readonly listeningTo: Context | undefined;
  /** The one before it; the first has the last here. Undefined if it stands in no list. */
  previousListener: CancelListener | undefined;
  nextListener: CancelListener | undefined;
  /** The listener has left its list already. */
  contextEnded(error: Error): void;
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

/** What few contexts have. */
interface Extras {
  /** Why it has ended. */
  error?: Error;
  /** A background context's. */
  runtime?: Runtime;
  key?: ContextKey<unknown>;
  value?: unknown;
  deadlineMs?: number;
  timer?: Timer;
  /** What `signal` has handed out. */
  controller?: AbortController;
  /** A second context whose end ends this one too. */
  other?: Context;
  otherListener?: CancelListener;
  done?: Promise<void>;
}

/**
 * Carries a deadline, a cancellation and values down a tree of calls, as Go's `context` does. A child ends when its
 * parent ends, never the other way round. Contexts are immutable but for their end.
 *
 * A context stands in its parent's list only while somebody waits under it, or while it owns a timer or a signal; at
 * other times it finds out about its parents' end by looking. So a context that is simply dropped leaves nothing behind,
 * and a goroutine's costs next to nothing.
 */
export class Context implements CancelListener {
  readonly #parent: Context | undefined;
  #first: CancelListener | undefined = undefined;
  #extras: Extras | undefined = undefined;
  previousListener: CancelListener | undefined = undefined;
  nextListener: CancelListener | undefined = undefined;

  private constructor(parent: Context | undefined) {
    this.#parent = parent;
  }

  /** A context that never ends, on the given runtime; by default the machine's own clock and randomness. */
  static background(runtime: Runtime = nodeRuntime()): Context {
    const context = new Context(undefined);
    context.#extras = { runtime };
    return context;
  }

  /** A child of `parent` that also ends when `signal` aborts, with its reason as the cause. */
  static fromSignal(signal: AbortSignal, parent: Context = background()): Context {
    return parent.withOther(contextOfSignal(signal));
  }

  /** A child without a way to end it from outside but `cancel`. */
  child(): Context {
    return new Context(this);
  }

  /** A child, and the function that ends it. Call it also on success if the child has a deadline: it frees the timer. */
  withCancel(): [Context, Cancel] {
    const child = this.child();
    return [child, (cause) => child.cancel(cause)];
  }

  /** A child that ends `durationMs` from now, or when cancelled. */
  withTimeout(durationMs: number): [Context, Cancel] {
    if (!(durationMs >= 0)) throw new InvalidArgumentError(`a timeout is 0 ms or more, not ${durationMs}`);
    return this.withDeadline(this.runtime.clock.nowMs() + durationMs);
  }

  /** A child that ends at `deadlineMs` of the runtime's monotonic clock, or when cancelled. */
  withDeadline(deadlineMs: number): [Context, Cancel] {
    if (Number.isNaN(deadlineMs)) throw new InvalidArgumentError("a deadline is a time in milliseconds, not NaN");
    const [child, cancel] = this.withCancel();
    if (this.isDone || (this.deadlineMs ?? Number.POSITIVE_INFINITY) <= deadlineMs) return [child, cancel];
    const { clock } = this.runtime;
    const timer = clock.setTimer(Math.max(0, deadlineMs - clock.nowMs()), () =>
      Context.#end(child, new DeadlineExceededError()),
    );
    child.#extras = { deadlineMs, timer };
    // From now on, so that the timer goes when the parent ends.
    Context.#attach(child);
    return [child, cancel];
  }

  /** A child in which `key` stands for `value`. It ends with this context. */
  withValue<T>(key: ContextKey<T>, value: T): Context {
    const child = this.child();
    child.#extras = { key, value };
    return child;
  }

  /** A child that also ends when `other` ends. */
  withOther(other: Context): Context {
    const child = this.child();
    child.#extras = { other };
    return child;
  }

  get runtime(): Runtime {
    let root: Context = this;
    for (let parent = root.#parent; parent !== undefined; parent = root.#parent) root = parent;
    return root.#extras?.runtime ?? nodeRuntime();
  }

  value<T>(key: ContextKey<T>): T | undefined {
    for (let context: Context | undefined = this; context !== undefined; context = context.#parent) {
      if (context.#extras?.key === key) return context.#extras.value as T;
    }
    return undefined;
  }

  /** Why this context has ended; undefined while it has not. */
  get error(): Error | undefined {
    for (let context: Context | undefined = this; context !== undefined; context = context.#parent) {
      const extras = context.#extras;
      if (extras === undefined) continue;
      const error = extras.error ?? extras.other?.error;
      if (error !== undefined) return error;
    }
    return undefined;
  }

  get isDone(): boolean {
    return this.error !== undefined;
  }

  /** On the runtime's monotonic clock: the earliest of this context's and its parents'. */
  get deadlineMs(): number | undefined {
    for (let context: Context | undefined = this; context !== undefined; context = context.#parent) {
      if (context.#extras?.deadlineMs !== undefined) return context.#extras.deadlineMs;
    }
    return undefined;
  }

  /** @throws CancelledError, DeadlineExceededError if the context has ended. */
  throwIfDone(): void {
    const error = this.error;
    if (error !== undefined) throw error;
  }

  /** For APIs that take an `AbortSignal`. Aborts when this context ends, with its `error` as the reason. */
  get signal(): AbortSignal {
    this.#extras ??= {};
    if (this.#extras.controller === undefined) {
      const controller = new AbortController();
      this.#extras.controller = controller;
      const error = this.error;
      if (error !== undefined) controller.abort(error);
      else Context.#attach(this);
    }
    return this.#extras.controller.signal;
  }

  /** Resolves when the context ends; never if it never does. */
  done(): Promise<void> {
    this.#extras ??= {};
    this.#extras.done ??= new Promise((resolve) => {
      this.onEnd(() => resolve());
    });
    return this.#extras.done;
  }

  /** Tells `listener` of the end; it leaves with {@link unlisten}. The context must not have ended. */
  listen(listener: CancelListener): void {
    const first = this.#first;
    if (first === undefined) {
      this.#first = listener;
      listener.previousListener = listener;
      Context.#attach(this);
    } else {
      const last = first.previousListener as CancelListener;
      last.nextListener = listener;
      listener.previousListener = last;
      first.previousListener = listener;
    }
  }

  /** Calls `callback` when the context ends, at once if it has. Returns how to leave. */
  onEnd(callback: (error: Error) => void): () => void {
    const error = this.error;
    if (error !== undefined) {
      callback(error);
      return () => {};
    }
    const listener = new Callback(this, callback);
    return () => unlisten(listener);
  }

  /** Ends this context; for whoever made it. Idempotent. @throws InvalidArgumentError for one that never ends. */
  cancel(cause?: unknown): void {
    if (this.#parent === undefined) throw new InvalidArgumentError("a background context never ends: cancel a child");
    if (this.error === undefined) Context.#end(this, new CancelledError(cause === undefined ? undefined : { cause }));
  }

  get listeningTo(): Context | undefined {
    return this.previousListener === undefined ? undefined : this.#parent;
  }

  contextEnded(error: Error): void {
    Context.#end(this, error);
  }

  /** Takes `listener`, which stands in this context's list, out of it. */
  forget(listener: CancelListener): void {
    Context.#remove(this, listener);
    // Nobody waits under this context any more: it need not wait under its parent.
    if (this.#first === undefined && !Context.#isPinned(this)) Context.#detach(this);
  }

  // Private functions rather than private methods, for which V8 would keep a mark in every context.

  /** Takes its place in its parent's list. */
  static #attach(context: Context): void {
    const parent = context.#parent;
    // A background context never ends: nothing under it needs to be in its list.
    if (parent !== undefined && parent.#parent !== undefined && context.previousListener === undefined) {
      parent.listen(context);
    }
    const extras = context.#extras;
    if (extras?.other === undefined || extras.otherListener !== undefined) return;
    extras.otherListener = new Callback(extras.other, (error) => Context.#end(context, error));
  }

  static #detach(context: Context): void {
    unlisten(context);
    const extras = context.#extras;
    if (extras?.otherListener === undefined) return;
    unlisten(extras.otherListener);
    delete extras.otherListener;
  }

  /** Has something to do at its end even if nobody waits under it. */
  static #isPinned(context: Context): boolean {
    const extras = context.#extras;
    return extras !== undefined && (extras.timer !== undefined || extras.controller !== undefined);
  }

  static #end(context: Context, error: Error): void {
    context.#extras ??= {};
    if (context.#extras.error !== undefined) return;
    context.#extras.error = error;
    Context.#detach(context);
    context.#extras.timer?.cancel();
    context.#extras.controller?.abort(error);
    for (let listener = context.#first; listener !== undefined; listener = context.#first) {
      Context.#remove(context, listener);
      listener.contextEnded(error);
    }
  }

  static #remove(context: Context, listener: CancelListener): void {
    const first = context.#first as CancelListener;
    const previous = listener.previousListener as CancelListener;
    const next = listener.nextListener;
    if (listener === first) context.#first = next;
    else previous.nextListener = next;
    // The one behind takes over what was before; behind the last there is the first, which knows the last.
    if (next !== undefined) next.previousListener = previous;
    else if (listener !== first) first.previousListener = previous;
    listener.previousListener = undefined;
    listener.nextListener = undefined;
  }
}

class Callback implements CancelListener {
  readonly #context: Context;
  readonly #callback: (error: Error) => void;
  previousListener: CancelListener | undefined = undefined;
  nextListener: CancelListener | undefined = undefined;

  constructor(context: Context, callback: (error: Error) => void) {
    this.#context = context;
    this.#callback = callback;
    context.listen(this);
  }

  get listeningTo(): Context | undefined {
    return this.previousListener === undefined ? undefined : this.#context;
  }

  contextEnded(error: Error): void {
    this.#callback(error);
  }
}

/** Leaves the list that `listener` is in, if any. */
export function unlisten(listener: CancelListener): void {
  listener.listeningTo?.forget(listener);
}

let shared: Context | undefined;

/** The context that everything starts from when none is given: the machine's clock, no deadline, never cancelled. */
export function background(): Context {
  shared ??= Context.background();
  return shared;
}

/**
 * One context for a signal, however many operations wait under it, so that each signal has one listener of ours. Signal
 * and context hold each other and nobody else holds them: they go together.
 */
const contexts = new WeakMap<AbortSignal, Context>();

export function contextOfSignal(signal: AbortSignal): Context {
  let context = contexts.get(signal);
  if (context === undefined) {
    if (typeof signal?.addEventListener !== "function") {
      throw new InvalidArgumentError(`a cancellation is a Context or an AbortSignal, not ${String(signal)}`);
    }
    const made = background().child();
    const abort = (): void => made.cancel(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    contexts.set(signal, made);
    context = made;
  }
  return context;
}
