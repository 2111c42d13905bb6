/**
 * Somebody who waits at one channel: for a value, or for one to be taken. A queue of waiters is a doubly linked list
 * through the waiters themselves, so that one that gives up (a cancelled operation, a losing case of a `select`) leaves
 * in constant time and nothing of it stays behind.
 */
export interface Waiter<T> {
  /** For a sender: what it offers. */
  readonly value: T | undefined;
  queue: WaiterQueue<T> | undefined;
  previous: Waiter<T> | undefined;
  next: Waiter<T> | undefined;
  /** A receiver is handed `value`; a sender's offer was taken. The waiter has left its queue already. */
  succeed(value: T | undefined): void;
  /** As `succeed`, but whoever waits goes on one turn of the microtask queue later than it would. */
  succeedLater(value: T | undefined): void;
  /** The channel was closed, or failed with `failure`. The waiter has left its queue already. */
  channelClosed(failure: Error | undefined): void;
}

export class WaiterQueue<T> {
  /** The one that has waited longest. */
  first: Waiter<T> | undefined = undefined;
  last: Waiter<T> | undefined = undefined;

  push(waiter: Waiter<T>): void {
    const { last } = this;
    waiter.queue = this;
    if (last === undefined) {
      this.first = waiter;
    } else {
      waiter.previous = last;
      last.next = waiter;
    }
    this.last = waiter;
  }

  /** Counts them: not for a hot path. */
  get length(): number {
    let count = 0;
    for (let waiter = this.first; waiter !== undefined; waiter = waiter.next) count++;
    return count;
  }

  /** `waiter` must be in this queue. */
  remove(waiter: Waiter<T>): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    waiter.queue = undefined;
    waiter.previous = undefined;
    waiter.next = undefined;
  }

  /** Takes out the one that has waited longest. */
  shift(): Waiter<T> | undefined {
    const waiter = this.first;
    if (waiter !== undefined) this.remove(waiter);
    return waiter;
  }
}
