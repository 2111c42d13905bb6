import { assert } from "../platform/index.ts";
import { type Cancellation, contextOf } from "./cancellation.ts";
import { type Closed, closed, type Empty, empty } from "./closed.ts";
import { noteWaiting } from "./deadlock.ts";
import { CloseOfClosedChannelError, InvalidArgumentError, SendOnClosedChannelError } from "./errors.ts";
import { type Waiter, WaiterQueue } from "./waiter.ts";
import { WaitingReceiver, WaitingSender } from "./waiting-operation.ts";

/** The receiving side of a channel. */
export interface ReceiveChannel<T> extends AsyncIterable<T> {
  /** Values that lie in the buffer. */
  readonly length: number;
  /** How many values the buffer holds; 0 for an unbuffered channel. */
  readonly capacity: number;
  readonly isClosed: boolean;
  receive(cancellation?: Cancellation): T | Closed | Promise<T | Closed>;
  tryReceive(): T | Closed | Empty;
}

/** The sending side of a channel. */
export interface SendChannel<T> {
  readonly length: number;
  readonly capacity: number;
  readonly isClosed: boolean;
  send(value: T, cancellation?: Cancellation): Promise<void> | undefined;
  trySend(value: T): boolean;
  close(): void;
}

/**
 * A channel with the semantics of Go's: with capacity 0 a send takes place together with a receive; with a buffer a send
 * waits only while it is full, and a receive only while it is empty. Whoever waits longest is served first. A closed
 * channel still yields what lies in it, then {@link closed}, for ever.
 *
 * `send` and `receive` return a promise only when they have to wait. `await` is right in every case; a tight loop may
 * test for `undefined` or `instanceof Promise` first and save the turn. A value that is itself a promise would be
 * awaited with the operation: send a box around it.
 */
export class Channel<T> implements ReceiveChannel<T>, SendChannel<T> {
  readonly capacity: number;
  readonly #ring: (T | undefined)[];
  #head = 0;
  #length = 0;
  #isClosed = false;
  readonly #receivers = new WaiterQueue<T>();
  readonly #senders = new WaiterQueue<T>();

  /** @throws InvalidArgumentError (INVALID_ARGUMENT) unless `capacity` is a whole number from 0 to 2^32 - 1. */
  constructor(capacity = 0) {
    if (!Number.isInteger(capacity) || capacity < 0 || capacity >= 2 ** 32) {
      throw new InvalidArgumentError(`a channel's capacity is a whole number from 0 to 2^32 - 1, not ${capacity}`);
    }
    this.capacity = capacity;
    this.#ring = [];
  }

  get length(): number {
    return this.#length;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Sends `value`; a promise if it has to wait. A cancelled send has not happened.
   * @throws SendOnClosedChannelError (SEND_ON_CLOSED_CHANNEL), also for a send that waits when the channel is closed;
   * CancelledError, DeadlineExceededError when `cancellation` ends first.
   */
  send(value: T, cancellation?: Cancellation): Promise<void> | undefined {
    const context = cancellation === undefined ? undefined : contextOf(cancellation);
    context?.throwIfDone();
    if (this.trySend(value)) return undefined;
    return new Promise((resolve, reject) => {
      const waiter = new WaitingSender(value, resolve, reject);
      this.#senders.push(waiter);
      if (context !== undefined) waiter.listenTo(context);
      noteWaiting(waiter, "send");
    });
  }

  /**
   * The next value, or {@link closed}; a promise of it if it has to wait. A cancelled receive takes no value.
   * @throws CancelledError, DeadlineExceededError when `cancellation` ends first.
   */
  receive(cancellation?: Cancellation): T | Closed | Promise<T | Closed> {
    const context = cancellation === undefined ? undefined : contextOf(cancellation);
    context?.throwIfDone();
    const value = this.tryReceive();
    if (value !== empty) return value;
    return new Promise((resolve, reject) => {
      const waiter = new WaitingReceiver<T>(undefined, resolve, reject);
      this.#receivers.push(waiter);
      if (context !== undefined) waiter.listenTo(context);
      noteWaiting(waiter, "receive");
    });
  }

  /** Sends if that needs no waiting. @throws SendOnClosedChannelError (SEND_ON_CLOSED_CHANNEL). */
  trySend(value: T): boolean {
    if (this.#isClosed) throw new SendOnClosedChannelError();
    const receiver = this.#receivers.shift();
    if (receiver !== undefined) {
      receiver.succeed(value);
      return true;
    }
    if (this.#length === this.capacity) return false;
    this.#put(value);
    return true;
  }

  /** Receives if that needs no waiting. */
  tryReceive(): T | Closed | Empty {
    if (this.#length > 0) {
      const value = this.#take();
      const sender = this.#senders.shift();
      if (sender !== undefined) {
        this.#put(sender.value as T);
        sender.succeed(undefined);
      }
      return value;
    }
    const sender = this.#senders.shift();
    if (sender !== undefined) {
      const value = sender.value as T;
      sender.succeed(undefined);
      return value;
    }
    return this.#isClosed ? closed : empty;
  }

  /** Whether `trySend` would succeed, or throw. */
  get canSend(): boolean {
    return this.#isClosed || this.#receivers.length > 0 || this.#length < this.capacity;
  }

  /** Whether `tryReceive` would yield a value or {@link closed}. */
  get canReceive(): boolean {
    return this.#length > 0 || this.#senders.length > 0 || this.#isClosed;
  }

  /** No more sends. @throws CloseOfClosedChannelError (CLOSE_OF_CLOSED_CHANNEL). */
  close(): void {
    if (this.#isClosed) throw new CloseOfClosedChannelError();
    this.#isClosed = true;
    for (let waiter = this.#receivers.shift(); waiter !== undefined; waiter = this.#receivers.shift()) {
      waiter.channelClosed();
    }
    for (let waiter = this.#senders.shift(); waiter !== undefined; waiter = this.#senders.shift()) {
      waiter.channelClosed();
    }
  }

  /** Registers a case of a `select`. For the library's own use. */
  enqueue(waiter: Waiter<T>, side: "send" | "receive"): void {
    (side === "send" ? this.#senders : this.#receivers).push(waiter);
  }

  /** Operations that wait here; a `select` counts once for each of its cases. */
  get waiting(): { readonly senders: number; readonly receivers: number } {
    return { senders: this.#senders.length, receivers: this.#receivers.length };
  }

  /** Yields values until the channel is closed and empty. Leaving the loop early closes nothing. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const pending = this.receive();
      const value = pending instanceof Promise ? await pending : pending;
      if (value === closed) return;
      yield value;
    }
  }

  #put(value: T): void {
    const at = this.#head + this.#length;
    this.#ring[at < this.capacity ? at : at - this.capacity] = value;
    this.#length++;
  }

  #take(): T {
    assert(this.#length > 0, "take from an empty buffer");
    const value = this.#ring[this.#head] as T;
    this.#ring[this.#head] = undefined;
    this.#head = this.#head + 1 === this.capacity ? 0 : this.#head + 1;
    this.#length--;
    return value;
  }
}
