import type { Cancellation } from "./cancellation.ts";
import { UnbalancedError } from "./errors.ts";
import { Semaphore } from "./semaphore.ts";

/** Mutual exclusion across `await`s: within one turn JavaScript needs none. First come, first served. */
export class Mutex {
  readonly #semaphore = new Semaphore(1);

  get isLocked(): boolean {
    return this.#semaphore.held > 0;
  }

  /** A promise if it has to wait. @throws CancelledError, DeadlineExceededError: it is not held. */
  lock(cancellation?: Cancellation): Promise<void> | undefined {
    return this.#semaphore.acquire(1, cancellation);
  }

  tryLock(): boolean {
    return this.#semaphore.tryAcquire();
  }

  /** @throws UnbalancedError (UNBALANCED) if it is not locked. */
  unlock(): void {
    if (!this.isLocked) throw new UnbalancedError("unlock of a mutex that is not locked");
    this.#semaphore.release();
  }

  /** Runs `body` while holding the mutex, and unlocks it however it ends. */
  withLock<T>(body: () => T | Promise<T>, cancellation?: Cancellation): Promise<T> {
    return this.#semaphore.use(body, cancellation);
  }
}

/** How many readers there may be at once; a writer takes all the places. */
const readersMax = 2 ** 30;

/** Any number of readers, or one writer. A writer that waits holds back the readers that come after it, as in Go. */
export class RWMutex {
  readonly #semaphore = new Semaphore(readersMax);

  /** For writing; a promise if it has to wait. @throws CancelledError, DeadlineExceededError: it is not held. */
  lock(cancellation?: Cancellation): Promise<void> | undefined {
    return this.#semaphore.acquire(readersMax, cancellation);
  }

  tryLock(): boolean {
    return this.#semaphore.tryAcquire(readersMax);
  }

  /** @throws UnbalancedError (UNBALANCED) if it is not locked for writing. */
  unlock(): void {
    if (this.#semaphore.held !== readersMax) throw new UnbalancedError("unlock of an RWMutex that is not locked");
    this.#semaphore.release(readersMax);
  }

  /** For reading; a promise if it has to wait. @throws CancelledError, DeadlineExceededError: it is not held. */
  readLock(cancellation?: Cancellation): Promise<void> | undefined {
    return this.#semaphore.acquire(1, cancellation);
  }

  tryReadLock(): boolean {
    return this.#semaphore.tryAcquire();
  }

  /** @throws UnbalancedError (UNBALANCED) if it is not locked for reading. */
  readUnlock(): void {
    const held = this.#semaphore.held;
    if (held === 0 || held === readersMax) throw new UnbalancedError("readUnlock of an RWMutex without readers");
    this.#semaphore.release();
  }
}
