import { type Cancellation, Channel, type Closed, contextOf, type ReceiveChannel } from "../channels/index.ts";
import { assert, type StreamListener, type StreamSocket } from "../platform/index.ts";
import { Connection, type ConnectionOptions, type StreamAddress } from "./connection.ts";
import { limitOf } from "./limit.ts";

/**
 * Accepts connections, as Go's `net.Listener`: by `accept`, by `for await`, or through the channel `connections`, which
 * also takes part in a `select`. Connections that nobody accepts wait, at most `pendingConnectionsMax` of them; those
 * beyond are refused. Accepted ones belong to whoever accepted them, who closes them.
 */
export class Listener<A extends StreamAddress = StreamAddress> implements AsyncIterable<Connection<A>> {
  readonly #pending: Channel<Connection<A>>;
  readonly #open = new Set<Connection<A>>();
  readonly #options: ConnectionOptions;
  /** Closed when the listener is, and its last connection has ended. */
  readonly #emptied = new Channel<never>();
  #listener: StreamListener<A> | undefined;
  #closing: Promise<void> | undefined;
  #refusedCount = 0;

  /** For the functions that listen. */
  constructor(options: ConnectionOptions & { readonly pendingConnectionsMax: number }) {
    this.#options = options;
    this.#pending = new Channel(limitOf("pendingConnectionsMax", options.pendingConnectionsMax, 0));
  }

  /** The real port, also where 0 was asked for. */
  get address(): A {
    assert(this.#listener !== undefined, "a listener is handed out when it listens");
    return this.#listener.address;
  }

  /** Closed when the listener is. */
  get connections(): ReceiveChannel<Connection<A>> {
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
  accept(cancellation?: Cancellation): Connection<A> | Closed | Promise<Connection<A> | Closed> {
    return this.#pending.receive(cancellation);
  }

  /**
   * Accepts nothing more and drops what waits; accepted connections go on. The port or path is free afterwards.
   * Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Graceful: closes the listener, then waits until every accepted connection has ended. Those that are still open when
   * `cancellation` ends are destroyed. Never throws.
   */
  async drain(cancellation?: Cancellation): Promise<void> {
    await this.close();
    const leave =
      cancellation === undefined
        ? undefined
        : contextOf(cancellation).onEnd(() => {
            for (const connection of this.#open) connection.destroy();
          });
    await this.#emptied.receive();
    leave?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<Connection<A>> {
    return this.#pending[Symbol.asyncIterator]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For the functions that listen. */
  listening(listener: StreamListener<A>): void {
    this.#listener = listener;
  }

  /** For the functions that listen: a connection was made. */
  offer(socket: StreamSocket<A>): void {
    const connection: Connection<A> = new Connection(
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

  #forget(connection: Connection<A>): void {
    this.#open.delete(connection);
    this.#noteIfEmptied();
  }

  #noteIfEmptied(): void {
    if (this.#pending.isClosed && this.#open.size === 0 && !this.#emptied.isClosed) this.#emptied.close();
  }

  async #close(): Promise<void> {
    const waiting = [...this.#takePending()];
    this.#pending.close();
    for (const connection of waiting) connection.destroy();
    await this.#listener?.close();
    this.#noteIfEmptied();
  }

  *#takePending(): Generator<Connection<A>> {
    while (this.#pending.length > 0) {
      const connection = this.#pending.tryReceive();
      if (connection instanceof Connection) yield connection;
    }
  }
}
