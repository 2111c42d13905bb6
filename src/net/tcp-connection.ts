import {
  type Cancellation,
  Channel,
  type Closed,
  Context,
  closed,
  InvalidArgumentError,
  type Runtime,
  Semaphore,
} from "../channels/index.ts";
import {
  assert,
  type NetworkError,
  type SocketAddress,
  type StreamHandlers,
  type StreamSocket,
} from "../platform/index.ts";
import { ConnectionClosedError, ConnectionLostError } from "./connection-errors.ts";

/** How a connection behaves. */
export interface TcpConnectionOptions {
  /** What time is measured with. */
  readonly runtime: Runtime;
  /** Received and not read yet; at this many bytes the other side is made to wait. */
  readonly readBufferBytesMax: number;
  /** How long `close` waits for the other side's end. */
  readonly closeWaitMs: number;
}

/** Tells whoever made the connection. */
export interface TcpConnectionEvents {
  onOpen?(): void;
  onClose(error: NetworkError | undefined): void;
}

/**
 * A byte stream to another process, as Go's `net.Conn`: reads and writes wait while there is nothing to read and while
 * the other side is slow, and either takes a `Context` or signal that ends the waiting and nothing else.
 *
 * Whoever has a connection closes it; `await using` does.
 */
export class TcpConnection implements AsyncIterable<Uint8Array> {
  readonly #socket: StreamSocket;
  readonly #options: TcpConnectionOptions;
  readonly #arrived: Channel<Uint8Array>;
  /** Held by the write whose bytes the operating system has not taken yet. */
  readonly #writing = new Semaphore(1);
  readonly #ended = new Channel<never>();
  #arrivedBytes = 0;
  #isPaused = false;
  #isDrainAwaited = false;
  /** This side sends nothing more. */
  #isWriteClosed = false;
  /** Nobody reads any more. */
  #isReadClosed = false;
  #closing: Promise<void> | undefined;
  #failure: ConnectionLostError | undefined;

  /** For `dialTcp` and `TcpListener`. @throws InvalidArgumentError (INVALID_ARGUMENT) */
  constructor(
    open: (handlers: StreamHandlers) => StreamSocket,
    options: TcpConnectionOptions,
    events: TcpConnectionEvents,
  ) {
    const { readBufferBytesMax } = options;
    if (!Number.isInteger(readBufferBytesMax) || readBufferBytesMax < 1) {
      throw new InvalidArgumentError(`readBufferBytesMax is a whole number, 1 or more, not ${readBufferBytesMax}`);
    }
    this.#options = options;
    // A piece has a byte at least, so that there is always a place for one while there is room for its bytes.
    this.#arrived = new Channel(readBufferBytesMax);
    this.#socket = open({
      onOpen: () => events.onOpen?.(),
      onData: (bytes) => this.#onData(bytes),
      onDrain: () => this.#letNextWrite(),
      onEnd: () => this.#closeArrived(),
      onClose: (error) => {
        this.#onClose(error);
        events.onClose(error);
      },
    });
  }

  get localAddress(): SocketAddress {
    return this.#socket.localAddress;
  }

  get remoteAddress(): SocketAddress {
    return this.#socket.remoteAddress;
  }

  /**
   * The bytes that come next, as many as have come together; {@link closed} when the other side has sent its last byte
   * or this side was closed. A promise if it has to wait. The bytes are the caller's. A cancelled read takes nothing.
   * @throws ConnectionLostError (CONNECTION_LOST); CancelledError, DeadlineExceededError when `cancellation` ends first.
   */
  read(cancellation?: Cancellation): Uint8Array | Closed | Promise<Uint8Array | Closed> {
    const piece = this.#arrived.receive(cancellation);
    return piece instanceof Promise ? piece.then(this.#taken) : this.#taken(piece);
  }

  /**
   * Sends `data`, text as UTF-8; a promise if writes before it have not left yet. So at most one write lies in this
   * process, and who writes without awaiting writes past that. The bytes must not be changed afterwards. A cancelled
   * write has sent nothing; one that is done has been handed over, which is no proof that it arrives.
   * @throws ConnectionClosedError (CONNECTION_CLOSED), ConnectionLostError (CONNECTION_LOST); CancelledError,
   * DeadlineExceededError when `cancellation` ends first.
   */
  write(data: string | Uint8Array, cancellation?: Cancellation): Promise<void> | undefined {
    this.#throwUnlessWritable();
    const turn = this.#writing.acquire(1, cancellation);
    if (turn !== undefined) return turn.then(() => this.#writeNow(data));
    this.#writeNow(data);
    return undefined;
  }

  /** Half-close: what was written leaves, then the end; reading goes on. Idempotent. */
  closeWrite(): void {
    if (this.#isWriteClosed) return;
    this.#isWriteClosed = true;
    this.#socket.end();
    // Writes that still wait are refused in their turn.
    this.#letNextWrite();
  }

  /**
   * Graceful: sends what was written and the end, drops what still comes, and waits until the other side has ended too;
   * after `closeWaitMs` the connection is destroyed. Never throws; idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Drops everything at once; the other side sees a broken connection or an end. Idempotent. */
  destroy(): void {
    this.#isWriteClosed = true;
    this.#stopReading();
    this.#socket.destroy();
  }

  /** Yields what {@link read} does, until its end. Leaving the loop closes nothing. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let piece = await this.read(); piece !== closed; piece = await this.read()) yield piece;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #onData(bytes: Uint8Array): void {
    if (this.#isReadClosed) return;
    // The handler's bytes are lent, and the `slice` of a Buffer would be no copy.
    const isTaken = this.#arrived.trySend(new Uint8Array(bytes));
    assert(isTaken, "a paused socket receives nothing");
    this.#arrivedBytes += bytes.length;
    if (this.#arrivedBytes < this.#options.readBufferBytesMax) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  readonly #taken = (piece: Uint8Array | Closed): Uint8Array | Closed => {
    if (piece === closed) {
      if (this.#failure !== undefined) throw this.#failure;
      return closed;
    }
    this.#arrivedBytes -= piece.length;
    if (this.#isPaused && this.#arrivedBytes <= this.#options.readBufferBytesMax / 2) this.#resume();
    return piece;
  };

  #resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
  }

  #throwUnlessWritable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isWriteClosed) throw new ConnectionClosedError(this.remoteAddress);
  }

  #writeNow(data: string | Uint8Array): void {
    try {
      this.#throwUnlessWritable();
    } catch (error) {
      this.#writing.release();
      throw error;
    }
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    if (this.#socket.write(bytes)) this.#writing.release();
    else this.#isDrainAwaited = true;
  }

  #letNextWrite(): void {
    if (!this.#isDrainAwaited) return;
    this.#isDrainAwaited = false;
    this.#writing.release();
  }

  #closeArrived(): void {
    if (!this.#arrived.isClosed) this.#arrived.close();
  }

  #stopReading(): void {
    this.#isReadClosed = true;
    for (let piece = this.#arrived.tryReceive(); piece instanceof Uint8Array; piece = this.#arrived.tryReceive());
    this.#arrivedBytes = 0;
    this.#closeArrived();
  }

  #onClose(error: NetworkError | undefined): void {
    if (error !== undefined) {
      this.#failure = new ConnectionLostError(this.remoteAddress, error.code, { cause: error });
    }
    this.#isWriteClosed = true;
    this.#closeArrived();
    this.#letNextWrite();
    this.#ended.close();
  }

  async #close(): Promise<void> {
    this.closeWrite();
    this.#stopReading();
    // Unread bytes would turn our end into a reset, which takes what we sent last with it.
    if (this.#isPaused) this.#resume();
    const [limit, cancel] = Context.background(this.#options.runtime).withTimeout(this.#options.closeWaitMs);
    try {
      await this.#ended.receive(limit);
    } catch {
      // The other side takes its time, or nobody is there any more.
      this.#socket.destroy();
      await this.#ended.receive();
    } finally {
      cancel();
    }
  }
}
