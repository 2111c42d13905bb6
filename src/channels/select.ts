import { assert, randomInteger, type Timer } from "../platform/index.ts";
import { type Cancellation, contextOf } from "./cancellation.ts";
import type { Channel, ReceiveChannel, SendChannel } from "./channel.ts";
import { type Closed, closed, empty } from "./closed.ts";
import { background, type CancelListener, type Context, type ListenerList, unlisten } from "./context.ts";
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
  return { kind: "receive", channel: channel as Channel<unknown> | null, handler: handler as (value: unknown) => R };
}

/** Sends `value` on `channel`; a `null` channel is never ready. */
export function sending<T, R>(channel: SendChannel<T> | null, value: T, handler: () => R): SelectCase<R> {
  return { kind: "send", channel: channel as Channel<unknown> | null, value, handler };
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
 * CancelledError, DeadlineExceededError when `cancellation` ends first: then no case has taken place.
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
  for (const one of cases) {
    if (one.kind === "otherwise") fallback = one;
    else if (isReady(one)) readyCount++;
  }
  if (readyCount > 0) return carryOut(nthReady(cases, pick(readyCount, context)));
  if (fallback !== undefined) return fallback.handler();
  return wait(cases, context) as Promise<Awaited<R>>;
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

async function wait<R>(cases: readonly SelectCase<R>[], context: Context | undefined): Promise<R> {
  const outcome = await new Promise<Outcome<R>>((resolve, reject) => {
    new Selection<R>(cases, context, resolve, reject);
  });
  return outcome.chosen.kind === "receive" ? outcome.chosen.handler(outcome.value) : outcome.chosen.handler();
}

interface Outcome<R> {
  readonly chosen: SelectCase<R>;
  readonly value: unknown;
}

/** A select that waits: one waiter at each channel, all of which leave when one of them is served. */
class Selection<R> implements CancelListener {
  listeners: ListenerList | undefined = undefined;
  previousListener: CancelListener | undefined = undefined;
  nextListener: CancelListener | undefined = undefined;
  readonly #waiters: CaseWaiter<R>[] = [];
  readonly #resolve: (outcome: Outcome<R>) => void;
  readonly #reject: (error: Error) => void;
  #timer: Timer | undefined = undefined;

  constructor(
    cases: readonly SelectCase<R>[],
    context: Context | undefined,
    resolve: (outcome: Outcome<R>) => void,
    reject: (error: Error) => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    for (const one of cases) this.#register(one, context);
    context?.listen(this);
  }

  #register(one: SelectCase<R>, context: Context | undefined): void {
    if (one.kind === "timeout") {
      if (this.#timer !== undefined) throw new InvalidArgumentError("a select has at most one timeout");
      const clock = (context ?? background()).runtime.clock;
      this.#timer = clock.setTimer(one.durationMs, () => this.succeed(one, undefined));
    } else if (one.kind !== "otherwise" && one.channel !== null) {
      const waiter = new CaseWaiter(this, one);
      this.#waiters.push(waiter);
      one.channel.enqueue(waiter, one.kind);
      noteWaiting(waiter, "select");
    }
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

  channelClosed(): void {
    if (this.#case.kind === "receive") this.#selection.succeed(this.#case, closed);
    else this.#selection.fail(new SendOnClosedChannelError());
  }
}
