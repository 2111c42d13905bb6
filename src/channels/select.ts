import { assert, randomInteger, type Timer } from "../platform/index.ts";
import { type Cancellation, contextOf } from "./cancellation.ts";
import { Channel, type ReceiveChannel, type SendChannel } from "./channel.ts";
import { type Closed, closed, empty } from "./closed.ts";
import { background, type CancelListener, type Context, unlisten } from "./context.ts";
import { noteWaiting } from "./deadlock.ts";
import { InvalidArgumentError, SendOnClosedChannelError } from "./errors.ts";
import type { Waiter, WaiterQueue } from "./waiter.ts";

/**
 * One case of a {@link select}, and what to do when it is the one. Made by {@link receiving}, {@link sending},
 * {@link timeout} and {@link otherwise}; may be used for any number of selects.
 */
export type SelectCase<R> = ReceiveCase<R> | SendCase<R> | TimeoutCase<R> | OtherwiseCase<R>;

interface ReceiveCase<R> {
  readonly kind: "receive";
  readonly channel: Channel<unknown> | null;
  readonly handler: (value: unknown) => R;
}

interface SendCase<R> {
  readonly kind: "send";
  readonly channel: Channel<unknown> | null;
  readonly value: unknown;
  readonly handler: () => R;
}

interface TimeoutCase<R> {
  readonly kind: "timeout";
  readonly durationMs: number;
  readonly handler: () => R;
}

interface OtherwiseCase<R> {
  readonly kind: "otherwise";
  readonly handler: () => R;
}

/** Receives from `channel`; a `null` channel is never ready. */
export function receiving<T, R>(channel: ReceiveChannel<T> | null, handler: (value: T | Closed) => R): SelectCase<R> {
  return { kind: "receive", channel: checked(channel), handler: handler as (value: unknown) => R };
}

/** Sends `value` on `channel`; a `null` channel is never ready. */
export function sending<T, R>(channel: SendChannel<T> | null, value: T, handler: () => R): SelectCase<R> {
  return { kind: "send", channel: checked(channel), value, handler };
}

/** A select reaches into the queues of its channels: nothing else that looks like a channel will do. */
function checked(channel: unknown): Channel<unknown> | null {
  if (channel === null || channel instanceof Channel) return channel;
  throw new InvalidArgumentError("a case of a select takes a Channel, or null");
}

/** Ready when nothing else has been for `durationMs`. @throws InvalidArgumentError for a negative duration. */
export function timeout<R>(durationMs: number, handler: () => R): SelectCase<R> {
  if (!(durationMs >= 0)) throw new InvalidArgumentError(`a timeout is 0 ms or more, not ${durationMs}`);
  return { kind: "timeout", durationMs, handler };
}

/** Chosen at once when no other case is ready: the select never waits. At most one in a select. */
export function otherwise<R>(handler: () => R): SelectCase<R> {
  return { kind: "otherwise", handler };
}

/**
 * Carries out exactly one of `cases`: one of those that are ready, each with the same chance, or else the first that
 * becomes so. Returns what its handler returns, as a promise if it had to wait. The cases that lose leave their channels
 * at once. With no case that can ever be ready it waits for ever, or until `cancellation`.
 *
 * @throws SendOnClosedChannelError (SEND_ON_CLOSED_CHANNEL) when the case that is chosen sends on a closed channel;
 * CancelledError, DeadlineExceededError when `cancellation` ends first: then no case has taken place; what a channel
 * failed with.
 */
export function select<C extends SelectCase<unknown>>(
  cases: readonly C[],
  cancellation?: Cancellation,
): ResultOf<C> | Promise<Awaited<ResultOf<C>>> {
  return choose(cases as readonly SelectCase<ResultOf<C>>[], cancellation);
}

/** What the handler of a case returns. */
export type ResultOf<C> = C extends SelectCase<infer R> ? R : never;

function choose<R>(cases: readonly SelectCase<R>[], cancellation: Cancellation | undefined): R | Promise<Awaited<R>> {
  const context = cancellation === undefined ? undefined : contextOf(cancellation);
  context?.throwIfDone();
  let readyCount = 0;
  let fallback: OtherwiseCase<R> | undefined;
  let limit: TimeoutCase<R> | undefined;
  for (const one of cases) {
    if (one.kind === "receive") {
      if (one.channel?.canReceive === true) readyCount++;
    } else if (one.kind === "send") {
      if (one.channel?.canSend === true) readyCount++;
    } else if (one.kind === "otherwise") {
      if (fallback !== undefined) throw new InvalidArgumentError("a select has at most one otherwise");
      fallback = one;
    } else {
      if (limit !== undefined) throw new InvalidArgumentError("a select has at most one timeout");
      limit = one;
    }
  }
  if (readyCount > 0) return carryOut(nthReady(cases, pick(readyCount, context)));
  if (fallback !== undefined) return fallback.handler();
  return wait(cases, limit, context) as Promise<Awaited<R>>;
}

function pick(readyCount: number, context: Context | undefined): number {
  if (readyCount === 1) return 0;
  return randomInteger((context ?? background()).runtime.random, { min: 0, max: readyCount - 1 });
}

function isReady<R>(one: SelectCase<R>): boolean {
  if (one.kind === "receive") return one.channel?.canReceive === true;
  if (one.kind === "send") return one.channel?.canSend === true;
  return false;
}

function nthReady<R>(cases: readonly SelectCase<R>[], position: number): SelectCase<R> {
  let left = position;
  for (const one of cases) {
    if (isReady(one) && left-- === 0) return one;
  }
  throw new RangeError("no such case");
}

function carryOut<R>(one: SelectCase<R>): R {
  if (one.kind === "receive" && one.channel !== null) {
    const value = one.channel.tryReceive();
    assert(value !== empty, "a case that was ready has a value");
    return one.handler(value);
  }
  if (one.kind === "send" && one.channel !== null) {
    const isSent = one.channel.trySend(one.value);
    assert(isSent, "a case that was ready takes the value");
  }
  return (one.handler as () => R)();
}

async function wait<R>(
  cases: readonly SelectCase<R>[],
  limit: TimeoutCase<R> | undefined,
  context: Context | undefined,
): Promise<R> {
  const { chosen, value } = await new Promise<Outcome<R>>((resolve, reject) => {
    const selection = new Selection<R>(cases, limit, context, resolve, reject);
    noteWaiting(selection, cases.length === 0 ? "select (no cases)" : "select");
  });
  return chosen.kind === "receive" ? chosen.handler(value) : chosen.handler();
}

interface Outcome<R> {
  readonly chosen: SelectCase<R>;
  readonly value: unknown;
}

/** A select that waits: one waiter at each channel, all of which leave when one of them is served. */
class Selection<R> implements CancelListener {
  previousListener: CancelListener | undefined = undefined;
  nextListener: CancelListener | undefined = undefined;
  readonly #waiters: CaseWaiter<R>[] = [];
  readonly #resolve: (outcome: Outcome<R>) => void;
  readonly #reject: (error: Error) => void;
  readonly #context: Context | undefined;
  #timer: Timer | undefined = undefined;
  #isOver = false;

  constructor(
    cases: readonly SelectCase<R>[],
    limit: TimeoutCase<R> | undefined,
    context: Context | undefined,
    resolve: (outcome: Outcome<R>) => void,
    reject: (error: Error) => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#context = context;
    for (const one of cases) {
      if ((one.kind !== "receive" && one.kind !== "send") || one.channel === null) continue;
      const waiter = new CaseWaiter(this, one);
      this.#waiters.push(waiter);
      one.channel.enqueue(waiter, one.kind);
    }
    if (limit !== undefined) {
      const { clock } = (context ?? background()).runtime;
      this.#timer = clock.setTimer(limit.durationMs, () => this.succeed(limit, undefined));
    }
    context?.listen(this);
  }

  /** For the report of a deadlock: with a timer it ends by itself. */
  get isWaiting(): boolean {
    return !this.#isOver && this.#timer === undefined;
  }

  get listeningTo(): Context | undefined {
    return this.previousListener === undefined ? undefined : this.#context;
  }

  succeed(chosen: SelectCase<R>, value: unknown): void {
    this.#leave();
    this.#resolve({ chosen, value });
  }

  fail(error: Error): void {
    this.#leave();
    this.#reject(error);
  }

  contextEnded(error: Error): void {
    this.fail(error);
  }

  #leave(): void {
    this.#isOver = true;
    for (const waiter of this.#waiters) waiter.queue?.remove(waiter);
    this.#timer?.cancel();
    unlisten(this);
  }
}

class CaseWaiter<R> implements Waiter<unknown> {
  readonly value: unknown;
  queue: WaiterQueue<unknown> | undefined = undefined;
  previous: Waiter<unknown> | undefined = undefined;
  next: Waiter<unknown> | undefined = undefined;
  readonly #selection: Selection<R>;
  readonly #case: ReceiveCase<R> | SendCase<R>;

  constructor(selection: Selection<R>, one: ReceiveCase<R> | SendCase<R>) {
    this.#selection = selection;
    this.#case = one;
    this.value = one.kind === "send" ? one.value : undefined;
  }

  succeed(value: unknown): void {
    this.#selection.succeed(this.#case, value);
  }

  succeedLater(value: unknown): void {
    this.succeed(value);
  }

  channelClosed(failure: Error | undefined): void {
    if (failure !== undefined) this.#selection.fail(failure);
    else if (this.#case.kind === "receive") this.#selection.succeed(this.#case, closed);
    else this.#selection.fail(failure ?? new SendOnClosedChannelError());
  }
}
