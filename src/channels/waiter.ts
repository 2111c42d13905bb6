/**
 * Somebody who waits at one channel: for a value, or for one to be taken. A queue of waiters is a doubly linked list
 * through the waiters themselves, so that one that gives up (a cancelled operation, a losing case of a `select`) leaves
 * in constant time and nothing of it stays behind.
 */
export interface Waiter<T> {
  /** For a sender: what it offers. */
  value: T | undefined;
  queue: WaiterQueue<T> | undefined;
  previous: Waiter<T> | undefined;
  next: Waiter<T> | undefined;
  /** A receiver is handed `value`; a sender's offer was taken. The waiter has left its queue already. */
  succeed(value: T | undefined): void;
  /** The channel was closed. The waiter has left its queue already. */
  channelClosed(): void;
}

export class WaiterQueue<T> {
  #first: Waiter<T> | undefined = undefined;
  #last: Waiter<T> | undefined = undefined;
  length = 0;

  push(waiter: Waiter<T>): void {
    waiter.queue = this;
    waiter.previous = this.#last;
    waiter.next = undefined;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
    this.length++;
  }

  /** The one that has waited longest. */
  shift(): Waiter<T> | undefined {
    const waiter = this.#first;
    if (waiter !== undefined) this.remove(waiter);
    return waiter;
  }

  get first(): Waiter<T> | undefined {
    return this.#first;
  }

  /** `waiter` must be in this queue. */
  remove(waiter: Waiter<T>): void {
    if (waiter.previous === undefined) this.#first = waiter.next;
    else waiter.previous.next = waiter.next;
    if (waiter.next === undefined) this.#last = waiter.previous;
    else waiter.next.previous = waiter.previous;
    waiter.queue = undefined;
    waiter.previous = undefined;
    waiter.next = undefined;
    this.length--;
  }
}
