import { type Cancellation, contextOf } from "./cancellation.ts";
import { UnbalancedError } from "./errors.ts";
import { WaiterQueue } from "./waiter.ts";
import { waitToSend } from "./waiting-operation.ts";

/** Waits for a number of things to be done, as Go's `sync.WaitGroup`. */
export class WaitGroup {
  #count = 0;
  readonly #waiters = new WaiterQueue<undefined>();

  get count(): number {
    return this.#count;
  }

  /** @throws UnbalancedError (UNBALANCED) when the count would fall below zero. */
  add(delta = 1): void {
    if (this.#count + delta < 0) throw new UnbalancedError(`a wait group of ${this.#count} cannot take ${delta}`);
    this.#count += delta;
    if (this.#count > 0) return;
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      waiter.succeed(undefined);
    }
  }

  /** One thing is done. @throws UnbalancedError (UNBALANCED) when nothing was left to do. */
  done(): void {
    this.add(-1);
  }

  /** A promise unless the count is zero. @throws CancelledError, DeadlineExceededError. */
  wait(cancellation?: Cancellation): Promise<void> | undefined {
    const context = cancellation === undefined ? undefined : contextOf(cancellation);
    context?.throwIfDone();
    if (this.#count === 0) return undefined;
    return waitToSend(this.#waiters, undefined, context, "wait group");
  }
}
