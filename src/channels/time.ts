import type { Timer } from "../platform/index.ts";
import { type Cancellation, contextOf } from "./cancellation.ts";
import { Channel, type ReceiveChannel } from "./channel.ts";
import { background, type Context } from "./context.ts";
import { InvalidArgumentError } from "./errors.ts";

/** Resolves after `durationMs` of the context's clock. @throws CancelledError, DeadlineExceededError when it ends first. */
export function sleep(durationMs: number, cancellation: Cancellation = background()): Promise<void> {
  checkDuration(durationMs);
  const context = contextOf(cancellation);
  return new Promise((resolve, reject) => {
    // With a context that has ended the callback comes at once, before there is a timer.
    let timer: Timer | undefined;
    const leave = context.onEnd((error) => {
      timer?.cancel();
      reject(error);
    });
    if (context.isDone) return;
    timer = context.runtime.clock.setTimer(durationMs, () => {
      leave();
      resolve();
    });
  });
}

function checkDuration(durationMs: number): void {
  if (!(durationMs >= 0)) throw new InvalidArgumentError(`a duration is 0 ms or more, not ${durationMs}`);
}

/**
 * A channel that yields the time (`nowMs` of the context's clock) once, after `durationMs`, and is closed then. When the
 * context ends first it is closed without a value, and its timer is gone.
 */
export function after(durationMs: number, cancellation: Cancellation = background()): ReceiveChannel<number> {
  checkDuration(durationMs);
  const channel = new Channel<number>(1);
  const { clock } = contextOf(cancellation).runtime;
  const yieldTime = (): void => void channel.trySend(clock.nowMs());
  sleep(durationMs, cancellation)
    .then(yieldTime, () => {})
    .finally(() => channel.close());
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
  constructor(periodMs: number, cancellation: Cancellation = background()) {
    if (!(periodMs > 0)) throw new InvalidArgumentError(`a ticker's period is above 0 ms, not ${periodMs}`);
    const context = contextOf(cancellation);
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
