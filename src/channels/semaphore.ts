import { type Cancellation, contextOf } from "./cancellation.ts";
import { InvalidArgumentError, UnbalancedError } from "./errors.ts";
import { type Waiter, WaiterQueue } from "./waiter.ts";
import { waitToSend } from "./waiting-operation.ts";

/**
 * Lets at most `limit` holders in at a time. First come, first served: a request for several permits is not overtaken
 * by smaller ones behind it.
 */
export class Semaphore {
  readonly limit: number;
  #held = 0;
  readonly #waiters = new WaiterQueue<number>();

  /** @throws InvalidArgumentError unless `limit` is a whole number, 1 or more. */
  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1) {
      throw new InvalidArgumentError(`a semaphore's limit is a whole number, 1 or more, not ${limit}`);
    }
    this.limit = limit;
  }

  /** Permits that are out. */
  get held(): number {
    return this.#held;
  }

  /**
   * Takes `permits`; a promise if it has to wait.
   * @throws InvalidArgumentError for more than the limit; CancelledError, DeadlineExceededError: nothing was taken.
   */
  acquire(permits = 1, cancellation?: Cancellation): Promise<void> | undefined {
    const context = cancellation === undefined ? undefined : contextOf(cancellation);
    context?.throwIfDone();
    if (this.tryAcquire(permits)) return undefined;
    const waiting = waitToSend(this.#waiters, permits, context, "semaphore");
    // One that gives up may have held back smaller requests behind it.
    if (context !== undefined) waiting.catch(() => this.#serve());
    return waiting;
  }

  /** Takes `permits` if that needs no waiting. @throws InvalidArgumentError for more than the limit. */
  tryAcquire(permits = 1): boolean {
    if (!Number.isInteger(permits) || permits < 1 || permits > this.limit) {
      throw new InvalidArgumentError(`from 1 to ${this.limit} permits can be taken at once, not ${permits}`);
    }
    if (this.#waiters.first !== undefined || this.#held + permits > this.limit) return false;
    this.#held += permits;
    return true;
  }

  /** @throws UnbalancedError (UNBALANCED) when more is given back than was taken. */
  release(permits = 1): void {
    if (permits > this.#held)
      throw new UnbalancedError(`release of ${permits} permits, of which ${this.#held} are out`);
    this.#held -= permits;
    this.#serve();
  }

  /** Runs `body` with `permits`, and gives them back however it ends. */
  async use<T>(body: () => T | Promise<T>, cancellation?: Cancellation): Promise<T> {
    await this.acquire(1, cancellation);
    try {
      return await body();
    } finally {
      this.release();
    }
  }

  #serve(): void {
    for (;;) {
      const first: Waiter<number> | undefined = this.#waiters.first;
      if (first === undefined || this.#held + (first.value as number) > this.limit) return;
      this.#held += first.value as number;
      this.#waiters.remove(first);
      first.succeed(undefined);
    }
  }
}
