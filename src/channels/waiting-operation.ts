import { type Closed, closed } from "./closed.ts";
import { type CancelListener, type Context, unlisten } from "./context.ts";
import { noteWaiting } from "./deadlock.ts";
import { SendOnClosedChannelError } from "./errors.ts";
import type { Waiter, WaiterQueue } from "./waiter.ts";

/** Settles the promise of an operation: with its result, or with a rejected promise. */
type Resolve<R> = (result: R | Promise<never>) => void;

/**
 * A single send or receive that waits. It stands in two lists, the channel's and (where it has one) its context's; the
 * event that comes first takes it out of both, so that the other can never reach it.
 *
 * It keeps one of the two functions that settle its promise. Failing goes through the other's place by a promise that is
 * rejected already: a little slower, but waiting is what there may be a million of.
 */
export class WaitingReceiver<T> implements Waiter<T>, CancelListener {
  declare readonly value: undefined;
  queue: WaiterQueue<T> | undefined = undefined;
  previous: Waiter<T> | undefined = undefined;
  next: Waiter<T> | undefined = undefined;
  readonly #context: Context | undefined;
  previousListener: CancelListener | undefined = undefined;
  nextListener: CancelListener | undefined = undefined;
  readonly #resolve: Resolve<T | Closed | IteratorResult<T, undefined>>;
  /** What it waits for is the `next` of an iterator: a promise of another one's result would be a promise more. */
  readonly #isIteration: boolean;

  constructor(
    context: Context | undefined,
    resolve: Resolve<T | Closed | IteratorResult<T, undefined>>,
    isIteration: boolean,
  ) {
    this.#context = context;
    this.#resolve = resolve;
    this.#isIteration = isIteration;
  }

  get listeningTo(): Context | undefined {
    return this.previousListener === undefined ? undefined : this.#context;
  }

  get isWaiting(): boolean {
    return this.queue !== undefined;
  }

  succeed(value: T): void {
    if (this.previousListener !== undefined) unlisten(this);
    this.#resolve(this.#isIteration ? { done: false, value } : value);
  }

  succeedLater(value: T): void {
    unlisten(this);
    void alreadyResolved.then(() => this.succeed(value));
  }

  channelClosed(failure: Error | undefined): void {
    unlisten(this);
    if (failure !== undefined) this.#resolve(Promise.reject(failure));
    else this.#resolve(this.#isIteration ? { done: true, value: undefined } : closed);
  }

  contextEnded(error: Error): void {
    this.queue?.remove(this);
    this.#resolve(Promise.reject(error));
  }
}

export class WaitingSender<T> implements Waiter<T>, CancelListener {
  readonly value: T;
  queue: WaiterQueue<T> | undefined = undefined;
  previous: Waiter<T> | undefined = undefined;
  next: Waiter<T> | undefined = undefined;
  readonly #context: Context | undefined;
  previousListener: CancelListener | undefined = undefined;
  nextListener: CancelListener | undefined = undefined;
  readonly #resolve: Resolve<void>;

  constructor(value: T, context: Context | undefined, resolve: Resolve<void>) {
    this.value = value;
    this.#context = context;
    this.#resolve = resolve;
  }

  get listeningTo(): Context | undefined {
    return this.previousListener === undefined ? undefined : this.#context;
  }

  get isWaiting(): boolean {
    return this.queue !== undefined;
  }

  succeed(): void {
    if (this.previousListener !== undefined) unlisten(this);
    this.#resolve(undefined);
  }

  succeedLater(): void {
    unlisten(this);
    void alreadyResolved.then(() => this.#resolve(undefined));
  }

  channelClosed(failure: Error | undefined): void {
    unlisten(this);
    this.#resolve(Promise.reject(failure ?? new SendOnClosedChannelError()));
  }

  contextEnded(error: Error): void {
    this.queue?.remove(this);
    this.#resolve(Promise.reject(error));
  }
}

const alreadyResolved: Promise<void> = Promise.resolve();

// The function that settles a new promise is handed to `grasp` by its constructor, which runs it before it returns: one
// function for all promises, where a closure for each would cost a fifth of a waiting operation.
let grasped: Resolve<never> = () => {};
const grasp = (resolve: Resolve<never>): void => {
  grasped = resolve;
};

/** Joins `queue` to wait for a value. */
export function waitToReceive<T>(queue: WaiterQueue<T>, context: Context | undefined): Promise<T | Closed> {
  const promise = new Promise<T | Closed>(grasp as (resolve: Resolve<T | Closed>) => void);
  joinReceivers(queue, new WaitingReceiver<T>(context, grasped as Resolve<unknown>, false), context);
  return promise;
}

/** Joins `queue` to wait for a value or the channel's end, as an iterator's `next` tells them. */
export function waitForNext<T>(
  queue: WaiterQueue<T>,
  context: Context | undefined,
): Promise<IteratorResult<T, undefined>> {
  type Result = IteratorResult<T, undefined>;
  const promise = new Promise<Result>(grasp as (resolve: Resolve<Result>) => void);
  joinReceivers(queue, new WaitingReceiver<T>(context, grasped as Resolve<unknown>, true), context);
  return promise;
}

function joinReceivers<T>(queue: WaiterQueue<T>, waiter: WaitingReceiver<T>, context: Context | undefined): void {
  queue.push(waiter);
  if (context !== undefined) context.listen(waiter);
  noteWaiting(waiter, "channel receive");
}

/** Joins `queue` to wait for `value` to be taken. `operation` is its name in a report of a deadlock. */
export function waitToSend<T>(
  queue: WaiterQueue<T>,
  value: T,
  context: Context | undefined,
  operation: string,
): Promise<void> {
  const promise = new Promise<void>(grasp as (resolve: Resolve<void>) => void);
  const waiter = new WaitingSender<T>(value, context, grasped as Resolve<void>);
  queue.push(waiter);
  if (context !== undefined) context.listen(waiter);
  noteWaiting(waiter, operation);
  return promise;
}
