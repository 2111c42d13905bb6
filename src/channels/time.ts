import type { Timer } from "../platform/index.ts";
import { Channel, type ReceiveChannel } from "./channel.ts";
import { type Closed, closed } from "./closed.ts";
import { background, type Context } from "./context.ts";
import { InvalidArgumentError } from "./errors.ts";

/** Resolves after `durationMs` of the context's clock. @throws CancelledError, DeadlineExceededError when it ends first. */
export async function sleep(durationMs: number, context: Context = background()): Promise<void> {
  await after(durationMs, context).receive(context);
}

/**
 * A channel that yields the time (`nowMs` of the context's clock) once, after `durationMs`, and is closed then. When the
 * context ends first it is closed without a value, and its timer is gone.
 */
export function after(durationMs: number, context: Context = background()): ReceiveChannel<number> {
  if (!(durationMs >= 0)) throw new InvalidArgumentError(`a duration is 0 ms or more, not ${durationMs}`);
  const channel = new Channel<number>(1);
  const clock = context.runtime.clock;
  const timer = clock.setTimer(durationMs, () => {
    leave();
    channel.trySend(clock.nowMs());
    channel.close();
  });
  const leave = context.onEnd(() => {
    timer.cancel();
    channel.close();
  });
  return channel;
}

/**
 * Yields the time every `periodMs`, as Go's `time.Ticker`: a tick that nobody has taken by the next one is dropped, so
 * that a slow receiver meets one late tick, not a heap of them. Ends with its context, or by `stop`.
 */
export class Ticker {
  readonly #channel = new Channel<number>(1);
  readonly #context: Context;
  readonly #periodMs: number;
  readonly #leave: () => void;
  #dueMs: number;
  #timer: Timer;

  /** @throws InvalidArgumentError unless `periodMs` is above 0. */
  constructor(periodMs: number, context: Context = background()) {
    if (!(periodMs > 0)) throw new InvalidArgumentError(`a ticker's period is above 0 ms, not ${periodMs}`);
    this.#context = context;
    this.#periodMs = periodMs;
    this.#dueMs = context.runtime.clock.nowMs() + periodMs;
    this.#timer = context.runtime.clock.setTimer(periodMs, this.#tick);
    this.#leave = context.onEnd(() => this.#end());
  }

  /** Closed when the ticker stops. */
  get ticks(): ReceiveChannel<number> {
    return this.#channel;
  }

  /** Idempotent. */
  stop(): void {
    this.#leave();
    this.#end();
  }

  readonly #tick = (): void => {
    const clock = this.#context.runtime.clock;
    const nowMs = clock.nowMs();
    this.#channel.trySend(nowMs);
    // Counted from the plan, so that ticks do not drift; periods that were slept through are left out.
    const missed = Math.max(0, Math.floor((nowMs - this.#dueMs) / this.#periodMs));
    this.#dueMs += (missed + 1) * this.#periodMs;
    this.#timer = clock.setTimer(this.#dueMs - nowMs, this.#tick);
  };

  #end(): void {
    this.#timer.cancel();
    if (!this.#channel.isClosed) this.#channel.close();
  }
}

/** Hands on at most one value every `periodMs`, and up to `burst` (default 1) at once after a quiet time. */
export function rateLimit<T>(
  source: ReceiveChannel<T>,
  options: { readonly periodMs: number; readonly burst?: number },
  context: Context = background(),
): ReceiveChannel<T> {
  const { periodMs, burst = 1 } = options;
  if (!(periodMs > 0)) throw new InvalidArgumentError(`a rate's period is above 0 ms, not ${periodMs}`);
  const limited = new Channel<T>(0);
  const clock = context.runtime.clock;
  const run = async (): Promise<void> => {
    // The time at which all permits would be back (the "virtual scheduling" form of a token bucket).
    let fullAtMs = clock.nowMs();
    for (let value = await source.receive(context); value !== closed; value = await source.receive(context)) {
      const nowMs = clock.nowMs();
      fullAtMs = Math.max(fullAtMs, nowMs) + periodMs;
      const waitMs = fullAtMs - nowMs - burst * periodMs;
      if (waitMs > 0) await sleep(waitMs, context);
      await limited.send(value as Exclude<T | Closed, Closed>, context);
    }
  };
  run().then(
    () => limited.close(),
    () => limited.close(),
  );
  return limited;
}
