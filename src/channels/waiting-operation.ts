import { type Closed, closed } from "./closed.ts";
import { type CancelListener, type Context, type ListenerList, unlisten } from "./context.ts";
import { SendOnClosedChannelError } from "./errors.ts";
import type { Waiter, WaiterQueue } from "./waiter.ts";

/**
 * A single send or receive that waits. It stands in two lists, the channel's and (where it has one) its context's; the
 * event that comes first takes it out of both, so that the other can never reach it.
 */
abstract class WaitingOperation<T, R> implements Waiter<T>, CancelListener {
  value: T | undefined;
  queue: WaiterQueue<T> | undefined = undefined;
  previous: Waiter<T> | undefined = undefined;
  next: Waiter<T> | undefined = undefined;
  listeners: ListenerList | undefined = undefined;
  previousListener: CancelListener | undefined = undefined;
  nextListener: CancelListener | undefined = undefined;
  protected readonly resolve: (result: R) => void;
  protected readonly reject: (error: Error) => void;

  constructor(value: T | undefined, resolve: (result: R) => void, reject: (error: Error) => void) {
    this.value = value;
    this.resolve = resolve;
    this.reject = reject;
  }

  listenTo(context: Context): void {
    context.listen(this);
  }

  contextEnded(error: Error): void {
    this.queue?.remove(this);
    this.reject(error);
  }

  abstract succeed(value: T | undefined): void;
  abstract channelClosed(): void;
}

export class WaitingSender<T> extends WaitingOperation<T, void> {
  succeed(): void {
    if (this.listeners !== undefined) unlisten(this);
    this.resolve();
  }

  channelClosed(): void {
    if (this.listeners !== undefined) unlisten(this);
    this.reject(new SendOnClosedChannelError());
  }
}

export class WaitingReceiver<T> extends WaitingOperation<T, T | Closed> {
  succeed(value: T): void {
    if (this.listeners !== undefined) unlisten(this);
    this.resolve(value);
  }

  channelClosed(): void {
    if (this.listeners !== undefined) unlisten(this);
    this.resolve(closed);
  }
}
