import { type Cancellation, Channel, type Closed, type Context, type ReceiveChannel } from "../channels/index.ts";
import { assert, type SocketAddress, type StreamListener, type StreamSocket } from "../platform/index.ts";
import { TcpConnection, type TcpConnectionOptions } from "./tcp-connection.ts";

/**
 * Accepts connections, as Go's `net.Listener`: by `accept`, by `for await`, or through the channel `connections`, which
 * also takes part in a `select`. Connections that nobody accepts wait, at most `pendingConnectionsMax` of them; those
 * beyond are refused. Accepted ones belong to whoever accepted them, who closes them.
 */
export class TcpListener implements AsyncIterable<TcpConnection> {
  readonly #pending: Channel<TcpConnection>;
  readonly #open = new Set<TcpConnection>();
  readonly #options: TcpConnectionOptions;
  #listener: StreamListener | undefined;
  #closing: Promise<void> | undefined;
  #refusedCount = 0;
  #onEmpty: (() => void) | undefined;

  /** For `listenTcp`. */
  constructor(options: TcpConnectionOptions & { readonly pendingConnectionsMax: number }) {
    this.#options = options;
    this.#pending = new Channel(options.pendingConnectionsMax);
  }

  /** The real port, also where 0 was asked for. */
  get address(): SocketAddress {
    assert(this.#listener !== undefined, "a listener is handed out when it listens");
    return this.#listener.address;
  }

  /** Closed when the listener is. */
  get connections(): ReceiveChannel<TcpConnection> {
    return this.#pending;
  }

  /** Connections that have not ended, accepted or waiting. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Connections that were dropped because too many waited. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /**
   * The next connection, {@link Closed} when the listener is closed; a promise if it has to wait.
   * @throws CancelledError, DeadlineExceededError when `cancellation` ends first; no connection is lost by that.
   */
  accept(cancellation?: Cancellation): TcpConnection | Closed | Promise<TcpConnection | Closed> {
    return this.#pending.receive(cancellation);
  }

  /** Accepts nothing more and drops what waits; accepted connections go on. The port is free afterwards. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Graceful: closes the listener, then waits until every accepted connection has ended. Those that are still open when
   * `context` ends are destroyed.
   */
  async drain(context: Context): Promise<void> {
    await this.close();
    if (this.#open.size === 0) return;
    const isEmpty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const leave = context.onEnd(() => {
      for (const connection of this.#open) connection.destroy();
    });
    await isEmpty;
    leave();
  }

  [Symbol.asyncIterator](): AsyncGenerator<TcpConnection, void, undefined> {
    return this.#pending[Symbol.asyncIterator]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For `listenTcp`. */
  listening(listener: StreamListener): void {
    this.#listener = listener;
  }

  /** For `listenTcp`: a connection was made. */
  offer(socket: StreamSocket): void {
    const connection: TcpConnection = new TcpConnection(
      (handlers) => {
        socket.handle(handlers);
        return socket;
      },
      this.#options,
      { onClose: () => this.#forget(connection) },
    );
    this.#open.add(connection);
    if (!this.#pending.isClosed && this.#pending.trySend(connection)) return;
    this.#refusedCount++;
    connection.destroy();
  }

  #forget(connection: TcpConnection): void {
    this.#open.delete(connection);
    if (this.#open.size === 0) this.#onEmpty?.();
  }

  async #close(): Promise<void> {
    for (
      let waiting = this.#pending.tryReceive();
      waiting instanceof TcpConnection;
      waiting = this.#pending.tryReceive()
    ) {
      waiting.destroy();
    }
    this.#pending.close();
    await this.#listener?.close();
  }
}
