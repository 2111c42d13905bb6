import { type Cancellation, contextOf } from "./cancellation.ts";
import { Channel, type ReceiveChannel } from "./channel.ts";
import { background } from "./context.ts";
import { InvalidArgumentError } from "./errors.ts";
import { feed } from "./pipeline.ts";
import { sleep } from "./time.ts";

/** How fast: one each `periodMs`, and up to `burst` (default 1) at once after a quiet time. */
export interface Rate {
  readonly periodMs: number;
  readonly burst?: number;
}

/**
 * A token bucket, in the form of virtual scheduling: all that is kept is the time at which the bucket would be full again.
 * Whoever asks first passes first.
 */
export class RateLimiter {
  readonly #periodMs: number;
  readonly #burst: number;
  #fullAtMs = Number.NEGATIVE_INFINITY;

  /** @throws InvalidArgumentError unless `periodMs` is above 0 and `burst` a whole number, 1 or more. */
  constructor(rate: Rate) {
    const { periodMs, burst = 1 } = rate;
    if (!(periodMs > 0)) throw new InvalidArgumentError(`a rate's period is above 0 ms, not ${periodMs}`);
    if (!Number.isInteger(burst) || burst < 1) {
      throw new InvalidArgumentError(`a rate's burst is a whole number, 1 or more, not ${burst}`);
    }
    this.#periodMs = periodMs;
    this.#burst = burst;
  }

  /**
   * A promise if it has to wait for its turn. The turn of one that is cancelled meanwhile is used up.
   * @throws CancelledError, DeadlineExceededError.
   */
  wait(cancellation: Cancellation = background()): Promise<void> | undefined {
    const context = contextOf(cancellation);
    context.throwIfDone();
    const nowMs = context.runtime.clock.nowMs();
    this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#periodMs;
    const waitMs = this.#fullAtMs - nowMs - this.#burst * this.#periodMs;
    return waitMs > 0 ? sleep(waitMs, context) : undefined;
  }
}

/**
 * Hands the values of `source` on no faster than `rate`. Ends as its source does; where `cancellation` ends first, what
 * reads it is thrown the context's error.
 */
export function rateLimit<T>(
  source: ReceiveChannel<T>,
  rate: Rate,
  cancellation: Cancellation = background(),
): ReceiveChannel<T> {
  const limiter = new RateLimiter(rate);
  const context = contextOf(cancellation);
  const limited = new Channel<T>();
  feed([limited], async () => {
    for await (const value of source.values(context)) {
      await limiter.wait(context);
      await limited.send(value, context);
    }
  });
  return limited;
}
