/**
 * A channel whose two ends are in different threads. The channel itself stays where it was made; over there is one that
 * stands for it. An {@link Outlet} receives from the one and posts, an {@link Inlet} takes what arrives into the other. A
 * value may be posted only against a credit, and a credit goes back when the value was received at the far end. So no more
 * than `window` values are on their way at any time, whatever the speed of the two sides.
 */
import { movablesIn } from "../platform/index.ts";
import { Channel, type ReceiveChannel, type SendChannel } from "./channel.ts";
import { type Closed, closed, type Empty, empty } from "./closed.ts";
import { background, type Context } from "./context.ts";
import { InvalidArgumentError } from "./errors.ts";
import { type ChannelMessage, decodeError, encodeError, type WireError } from "./parallel-message.ts";
import { Semaphore } from "./semaphore.ts";

/** The receiving end of a channel, to be used in another thread. Made by {@link lendReceiver}. */
export class LentReceiver<T> {
  readonly channel: Channel<T>;
  constructor(channel: Channel<T>) {
    this.channel = channel;
  }
}

/** The sending end of a channel, to be used in another thread. Made by {@link lendSender}. */
export class LentSender<T> {
  readonly channel: Channel<T>;
  constructor(channel: Channel<T>) {
    this.channel = channel;
  }
}

/**
 * An argument for a function in another thread that receives from `channel`. What it has not received when it ends is put
 * back, in its place before what was sent later.
 */
export function lendReceiver<T>(channel: ReceiveChannel<T>): LentReceiver<T> {
  if (channel instanceof Channel) return new LentReceiver<T>(channel);
  throw new InvalidArgumentError("only a Channel can be lent to another thread");
}

/** An argument for a function in another thread that sends on `channel`, and may close it. */
export function lendSender<T>(channel: SendChannel<T>): LentSender<T> {
  if (channel instanceof Channel) return new LentSender<T>(channel);
  throw new InvalidArgumentError("only a Channel can be lent to another thread");
}

/** How many values of a channel may be on their way between two threads: as many as it buffers, and at least one. */
export function windowOf(channel: Channel<unknown>): number {
  return Math.max(1, channel.capacity);
}

type Post = (message: ChannelMessage, transfer: ReturnType<typeof movablesIn>) => void;

/** Takes values out of a channel and posts them. */
export class Outlet {
  readonly channel: Channel<unknown>;
  readonly #end: number;
  readonly #post: Post;
  readonly #credits: Semaphore;
  readonly #context: Context;
  readonly #finished: Promise<void>;

  constructor(channel: Channel<unknown>, end: number, window: number, post: Post) {
    this.channel = channel;
    this.#end = end;
    this.#post = post;
    this.#credits = new Semaphore(window);
    this.#context = background().child();
    this.#finished = this.#run();
  }

  /** The far end has received one. */
  credit(): void {
    this.#credits.release();
  }

  /** Takes nothing more. Resolves once nothing more is posted. */
  stop(): Promise<void> {
    this.#context.cancel();
    return this.#finished;
  }

  /** The far end has no use for values any more: somebody has closed the channel there. */
  finish(failure: Error | undefined): void {
    void this.stop();
    endChannel(this.channel, failure);
  }

  /** It may have been closed while a credit was waited for. */
  #finishIfClosed(): void {
    const { channel } = this;
    if (!channel.isClosed || channel.length > 0) return;
    let failure: WireError | undefined;
    try {
      channel.tryReceive();
    } catch (error) {
      failure = encodeError(error);
    }
    this.#post({ kind: "finish", end: this.#end, failure }, []);
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        await this.#credits.acquire(1, this.#context);
        const value = await this.channel.receive(this.#context);
        if (value === closed) break;
        this.#post({ kind: "value", end: this.#end, value }, movablesIn(value));
      }
      this.#post({ kind: "finish", end: this.#end, failure: undefined }, []);
    } catch (error) {
      // Stopped; or the channel has failed, or a value could neither be copied nor moved.
      if (this.#context.isDone) this.#finishIfClosed();
      else this.#post({ kind: "finish", end: this.#end, failure: encodeError(error) }, []);
    }
  }
}

/** Takes what arrives. */
export interface Inlet {
  arrive(value: unknown): void;
  /** Nothing more comes: the channel is closed, or failed, once all has been received. */
  finish(failure: Error | undefined): void;
}

/** Sends what arrives on to a channel of this thread, in order. */
export class Delivery implements Inlet {
  readonly #channel: Channel<unknown>;
  readonly #end: number;
  readonly #post: Post;
  /** At most as many as the window. */
  readonly #values: unknown[] = [];
  #last: { readonly failure: Error | undefined } | undefined = undefined;
  #isDelivering = false;

  constructor(channel: Channel<unknown>, end: number, post: Post) {
    this.#channel = channel;
    this.#end = end;
    this.#post = post;
  }

  arrive(value: unknown): void {
    this.#values.push(value);
    void this.#deliver();
  }

  finish(failure: Error | undefined): void {
    this.#last = { failure };
    void this.#deliver();
  }

  async #deliver(): Promise<void> {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      while (this.#values.length > 0) {
        await this.#channel.send(this.#values.shift());
        this.#post({ kind: "credit", end: this.#end }, []);
      }
      if (this.#last !== undefined) endChannel(this.#channel, this.#last.failure);
    } catch (error) {
      // Somebody has closed the channel on this side: whoever sends over there is told.
      this.#values.length = 0;
      this.#post({ kind: "finish", end: this.#end, failure: encodeError(error) }, []);
    } finally {
      this.#isDelivering = false;
    }
  }
}

/**
 * Stands for a channel of another thread. What arrives lies in its buffer; the credit goes back in the moment in which a
 * value is received, so that what has not been received is known exactly at any time.
 */
export class ArrivalChannel extends Channel<unknown> implements Inlet {
  readonly #end: number;
  readonly #post: Post;

  constructor(end: number, window: number, post: Post) {
    super(window);
    this.#end = end;
    this.#post = post;
  }

  arrive(value: unknown): void {
    const lengthBefore = this.length;
    this.trySend(value);
    // Somebody was waiting for it.
    if (this.length === lengthBefore) this.#post({ kind: "credit", end: this.#end }, []);
  }

  finish(failure: Error | undefined): void {
    endChannel(this, failure);
  }

  override tryReceive(): unknown | Closed | Empty {
    const lengthBefore = this.length;
    const value = super.tryReceive();
    if (this.length < lengthBefore) this.#post({ kind: "credit", end: this.#end }, []);
    return value;
  }

  /** Nobody receives here any more. What has not been received, the oldest first. */
  takeUnused(): unknown[] {
    const values: unknown[] = [];
    while (this.length > 0) {
      const value = super.tryReceive();
      if (value !== empty) values.push(value);
    }
    return values;
  }
}

/** Both threads may close a channel; the second finds it closed. */
function endChannel(channel: Channel<unknown>, failure: Error | undefined): void {
  if (channel.isClosed) return;
  if (failure === undefined) channel.close();
  else channel.fail(failure);
}

/** Hands a message to the end that it is for; one that is gone needs none. */
export function dispatch(
  message: ChannelMessage,
  outlets: ReadonlyMap<number, Outlet>,
  inlets: ReadonlyMap<number, Inlet>,
): void {
  const { end } = message;
  if (message.kind === "value") inlets.get(end)?.arrive(message.value);
  else if (message.kind === "credit") outlets.get(end)?.credit();
  else {
    const failure = message.failure === undefined ? undefined : decodeError(message.failure);
    inlets.get(end)?.finish(failure);
    outlets.get(end)?.finish(failure);
  }
}
