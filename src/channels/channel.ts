import { type Cancellation, contextOf } from "./cancellation.ts";
import { type Closed, closed, type Empty, empty } from "./closed.ts";
import type { Context } from "./context.ts";
import { CloseOfClosedChannelError, InvalidArgumentError, SendOnClosedChannelError } from "./errors.ts";
import { type Waiter, WaiterQueue } from "./waiter.ts";
import { waitForNext, waitToReceive, waitToSend } from "./waiting-operation.ts";

/** The receiving side of a channel. Every one is a {@link Channel}: hand out one end by typing it as this. */
export interface ReceiveChannel<T> extends AsyncIterable<T> {
  /** Values that lie in the buffer. */
  readonly length: number;
  /** How many values the buffer holds; 0 for an unbuffered channel. */
  readonly capacity: number;
  readonly isClosed: boolean;
  receive(cancellation?: Cancellation): T | Closed | Promise<T | Closed>;
  tryReceive(): T | Closed | Empty;
  values(cancellation?: Cancellation): AsyncIterable<T>;
}

/** The sending side of a channel. Every one is a {@link Channel}. */
export interface SendChannel<T> {
  readonly length: number;
  readonly capacity: number;
  readonly isClosed: boolean;
  send(value: T, cancellation?: Cancellation): Promise<void> | undefined;
  trySend(value: T): boolean;
  close(): void;
}

/** Places in a ring are found by 32-bit operations. */
const capacityMax = 2 ** 30;
const servedForPart = 16;

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
  /** A ring of 2^n places that grows as it fills, so that a large capacity costs nothing until it is used. */
  #ring: (T | undefined)[] = [];
  #mask = -1;
  #head = 0;
  #length = 0;
  #isClosed = false;
  /** Up to here values are put in without further ado: the capacity, or what the ring holds so far; 0 once closed. */
  #room = 0;
  /** Operations that waited and were served, modulo {@link servedForPart}. */
  #servedCount = 0;
  #failure: Error | undefined = undefined;
  readonly #receivers: WaiterQueue<T> = new WaiterQueue<T>();
  readonly #senders: WaiterQueue<T> = new WaiterQueue<T>();

  /** @throws InvalidArgumentError (INVALID_ARGUMENT) unless `capacity` is a whole number from 0 to 2^30. */
  constructor(capacity = 0) {
    if (!Number.isInteger(capacity) || capacity < 0 || capacity > capacityMax) {
      throw new InvalidArgumentError(`a channel's capacity is a whole number from 0 to 2^30, not ${capacity}`);
    }
    this.capacity = capacity;
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
   * CancelledError, DeadlineExceededError when `cancellation` ends first; what the channel failed with.
   */
  send(value: T, cancellation?: Cancellation): Promise<void> | undefined {
    let context: Context | undefined;
    if (cancellation !== undefined) {
      context = contextOf(cancellation);
      context.throwIfDone();
    }
    return this.trySend(value) ? undefined : waitToSend(this.#senders, value, context, "channel send");
  }

  /**
   * The next value, or {@link closed}; a promise of it if it has to wait. A cancelled receive takes no value.
   * @throws CancelledError, DeadlineExceededError when `cancellation` ends first; what the channel failed with.
   */
  receive(cancellation?: Cancellation): T | Closed | Promise<T | Closed> {
    let context: Context | undefined;
    if (cancellation !== undefined) {
      context = contextOf(cancellation);
      context.throwIfDone();
    }
    const value = this.tryReceive();
    return value === empty ? waitToReceive(this.#receivers, context) : value;
  }

  /** Sends if that needs no waiting. @throws SendOnClosedChannelError (SEND_ON_CLOSED_CHANNEL). */
  trySend(value: T): boolean {
    // What happens most is kept small, so that it is compiled into the caller. Nobody waits to receive while values lie here.
    if (this.#length === 0 || this.#length >= this.#room) return this.#meet(value);
    this.#put(value);
    return true;
  }

  /** Receives if that needs no waiting. @throws what the channel failed with, once it is empty. */
  tryReceive(): T | Closed | Empty {
    // Nobody waits to send while there is a place left.
    return this.#length > 0 && this.#length < this.capacity ? this.#take() : this.#relieve();
  }

  /** Whether `trySend` would succeed, or throw. */
  get canSend(): boolean {
    return this.#isClosed || this.#receivers.first !== undefined || this.#length < this.capacity;
  }

  /** Whether `tryReceive` would yield a value or {@link closed}, or throw. */
  get canReceive(): boolean {
    return this.#length > 0 || this.#senders.first !== undefined || this.#isClosed;
  }

  /** No more sends. @throws CloseOfClosedChannelError (CLOSE_OF_CLOSED_CHANNEL). */
  close(): void {
    this.#end(undefined);
  }

  /**
   * Closes the channel because of `failure`: receivers get what lies in the buffer, then `failure` is thrown where they
   * would have got {@link closed}. Go has nothing like it. It is for those who feed a channel and fail: whoever reads must
   * not take half of the values for all of them.
   * @throws CloseOfClosedChannelError (CLOSE_OF_CLOSED_CHANNEL).
   */
  fail(failure: Error): void {
    this.#end(failure);
  }

  /** Puts values that were received, but not used, back in their place before all others. For the library's own use. */
  putBack(values: readonly T[]): void {
    let used = 0;
    for (; used < values.length && this.#receivers.first !== undefined; used++) {
      this.#receivers.shift()?.succeed(values[used]);
    }
    for (let at = values.length - 1; at >= used; at--) {
      if (this.#length > this.#mask) this.#grow();
      this.#head = (this.#head - 1) & this.#mask;
      this.#ring[this.#head] = values[at];
      this.#length++;
    }
  }

  /** Registers a case of a `select`. For the library's own use. */
  enqueue(waiter: Waiter<T>, side: "send" | "receive"): void {
    (side === "send" ? this.#senders : this.#receivers).push(waiter);
  }

  /** Operations that wait here, counted one by one; a `select` counts once for each of its cases. */
  get waiting(): { readonly senders: number; readonly receivers: number } {
    return { senders: this.#senders.length, receivers: this.#receivers.length };
  }

  /** Yields values until the channel is closed and empty. Leaving the loop early closes nothing. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.#next(undefined) };
  }

  /** The same for a loop that ends with `cancellation`'s error when that comes first. */
  values(cancellation?: Cancellation): AsyncIterable<T> {
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#next(cancellation) }) };
  }

  #next(cancellation: Cancellation | undefined): Promise<IteratorResult<T, undefined>> {
    try {
      const context = cancellation === undefined ? undefined : contextOf(cancellation);
      context?.throwIfDone();
      const value = this.tryReceive();
      if (value === empty) return waitForNext(this.#receivers, context);
      return Promise.resolve(value === closed ? { done: true, value: undefined } : { done: false, value });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #end(failure: Error | undefined): void {
    if (this.#isClosed) throw new CloseOfClosedChannelError();
    this.#isClosed = true;
    this.#room = 0;
    this.#failure = failure;
    for (let waiter = this.#receivers.shift(); waiter !== undefined; waiter = this.#receivers.shift()) {
      waiter.channelClosed(failure);
    }
    for (let waiter = this.#senders.shift(); waiter !== undefined; waiter = this.#senders.shift()) {
      waiter.channelClosed(failure);
    }
  }

  /** The buffer is empty, and somebody may wait for a value; or it takes none. */
  #meet(value: T): boolean {
    if (this.#isClosed) throw this.#failure ?? new SendOnClosedChannelError();
    const receiver = this.#receivers.first;
    if (receiver === undefined) {
      if (this.#length >= this.capacity) return false;
      if (this.#length > this.#mask) this.#grow();
      this.#put(value);
      return true;
    }
    this.#receivers.remove(receiver);
    if (this.capacity > 1 && this.#isTimeToPart()) receiver.succeedLater(value);
    else receiver.succeed(value);
    return true;
  }

  /**
   * Where both sides await every call, each takes a turn a value, and the side that once had to wait finds itself waiting
   * at every turn: it is woken ahead of the other. Now and then it is woken a turn later. Then the other side is ahead by one,
   * and from there on neither waits. An operation that waits costs twice what one does that need not.
   */
  #isTimeToPart(): boolean {
    this.#servedCount = (this.#servedCount + 1) % servedForPart;
    return this.#servedCount === 0;
  }

  /** The buffer is empty, or somebody waits for a place in it. */
  #relieve(): T | Closed | Empty {
    const sender = this.#senders.first;
    if (this.#length > 0) {
      const value = this.#take();
      // More than fits lies in it where values were put back.
      if (sender !== undefined && this.#length < this.capacity) this.#put(this.#release(sender));
      return value;
    }
    if (sender !== undefined) return this.#release(sender);
    if (!this.#isClosed) return empty;
    if (this.#failure !== undefined) throw this.#failure;
    return closed;
  }

  /** A sender that waited is done; what it has offered. */
  #release(sender: Waiter<T>): T {
    const { value } = sender;
    this.#senders.remove(sender);
    if (this.capacity > 1 && this.#isTimeToPart()) sender.succeedLater(undefined);
    else sender.succeed(undefined);
    return value as T;
  }

  #put(value: T): void {
    const length = this.#length;
    this.#ring[(this.#head + length) & this.#mask] = value;
    this.#length = length + 1;
  }

  #take(): T {
    const head = this.#head;
    const value = this.#ring[head] as T;
    this.#ring[head] = undefined;
    this.#head = (head + 1) & this.#mask;
    this.#length--;
    return value;
  }

  #grow(): void {
    const size = Math.max(8, 2 * this.#ring.length);
    const grown = new Array<T | undefined>(size).fill(undefined);
    for (let at = 0; at < this.#length; at++) grown[at] = this.#ring[(this.#head + at) & this.#mask];
    this.#ring = grown;
    this.#mask = size - 1;
    this.#room = this.#isClosed ? 0 : Math.min(size, this.capacity);
    this.#head = 0;
  }
}
