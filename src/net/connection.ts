import {
  type Cancellation,
  Channel,
  type Closed,
  Context,
  closed,
  contextOf,
  type ReceiveChannel,
  type Runtime,
  Semaphore,
} from "../channels/index.ts";
import {
  assert,
  type NetworkError,
  type SocketAddress,
  type StreamHandlers,
  type StreamSocket,
  type UnixAddress,
} from "../platform/index.ts";
import { ConnectionClosedError, ConnectionLostError } from "./connection-errors.ts";
import { iterate } from "./iterate.ts";
import { limitOf } from "./limit.ts";
import { TurnBatching } from "./turn-batching.ts";

/** Where a byte stream leads: by TCP, or to a Unix socket of this machine. */
export type StreamAddress = SocketAddress | UnixAddress;

/** How a connection behaves. */
export interface ConnectionOptions {
  /** What time is measured with. */
  readonly runtime: Runtime;
  /** Received and not read yet; at this many bytes the other side is made to wait. */
  readonly readBufferBytesMax: number;
  /** How long `close` waits for the other side's end. */
  readonly closeWaitMs: number;
}

/** Tells whoever made the connection. */
export interface ConnectionEvents {
  onOpen?(): void;
  onClose(error: NetworkError | undefined): void;
}

/**
 * A byte stream to another process, as Go's `net.Conn`: reads and writes wait while there is nothing to read and while
 * the other side is slow, and either takes a `Context` or signal that ends the waiting and nothing else.
 *
 * Whoever has a connection closes it; `await using` does.
 */
export class Connection<A extends StreamAddress = StreamAddress> implements AsyncIterable<Uint8Array> {
  readonly #socket: StreamSocket<A>;
  readonly #options: ConnectionOptions;
  readonly #batching: TurnBatching;
  readonly #arrived: Channel<Uint8Array>;
  /** Held while the operating system has not taken what was written; whoever writes then waits for it. */
  readonly #blocked = new Semaphore(1);
  readonly #ended = new Channel<never>();
  #arrivedBytes = 0;
  /** Came in this turn of the event loop, for a reader that may be waiting, and is handed over at its end. */
  #heldBack: Uint8Array | undefined;
  #isPaused = false;
  #isDrainAwaited = false;
  /** This side sends nothing more. */
  #isWriteClosed = false;
  /** Nobody reads any more. */
  #isReadClosed = false;
  #closing: Promise<void> | undefined;
  #failure: ConnectionLostError | undefined;

  /** For the functions that dial and for `Listener`. @throws InvalidArgumentError (INVALID_ARGUMENT) */
  constructor(
    open: (handlers: StreamHandlers) => StreamSocket<A>,
    options: ConnectionOptions,
    events: ConnectionEvents,
  ) {
    const readBufferBytesMax = limitOf("readBufferBytesMax", options.readBufferBytesMax);
    this.#options = options;
    this.#batching = TurnBatching.of(options.runtime.clock);
    // A piece has a byte at least, so that there is always a place for one while there is room for its bytes.
    this.#arrived = new Channel(readBufferBytesMax);
    this.#socket = open({
      onOpen: () => events.onOpen?.(),
      onData: (bytes) => this.#onData(bytes),
      onDrain: () => this.#unblock(),
      onEnd: () => this.#closeArrived(),
      onClose: (error) => {
        this.#onClose(error);
        events.onClose(error);
      },
    });
  }

  get localAddress(): A {
    return this.#socket.localAddress;
  }

  get remoteAddress(): A {
    return this.#socket.remoteAddress;
  }

  /** What time is measured with: that of the context under which the connection was made. */
  get runtime(): Runtime {
    return this.#options.runtime;
  }

  /** Closed when the connection has come to its end: both sides have ended, it broke, or it was destroyed. */
  get ended(): ReceiveChannel<never> {
    return this.#ended;
  }

  /**
   * The bytes that come next, as many as have come together; {@link closed} when the other side has sent its last byte
   * or this side was closed. A promise if it has to wait. The bytes are the caller's. A cancelled read takes nothing.
   * @throws ConnectionLostError (CONNECTION_LOST); CancelledError, DeadlineExceededError when `cancellation` ends first.
   */
  read(cancellation?: Cancellation): Uint8Array | Closed | Promise<Uint8Array | Closed> {
    const piece = this.#arrived.receive(cancellation);
    if (!(piece instanceof Promise) && piece !== closed) this.#released(piece.length);
    return piece;
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
    if (cancellation !== undefined) contextOf(cancellation).throwIfDone();
    if (this.#blocked.held === 0) {
      if (!this.#send(data)) this.#isDrainAwaited = this.#blocked.tryAcquire();
      return undefined;
    }
    return this.#blocked.acquire(1, cancellation)?.then(() => this.#writeInTurn(data));
  }

  /** Half-close: what was written leaves, then the end; reading goes on. Idempotent. */
  closeWrite(): void {
    if (this.#isWriteClosed) return;
    this.#isWriteClosed = true;
    this.#socket.end();
    // Writes that still wait are refused in their turn.
    this.#unblock();
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
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    const arriving = this.#arrived[Symbol.asyncIterator]();
    const lying = iterate(() => this.read());
    return { next: () => (this.#arrived.length > 0 ? lying.next() : arriving.next()) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #onData(bytes: Uint8Array): void {
    if (this.#isReadClosed) return;
    // The handler's bytes are lent, and the `slice` of a Buffer would be no copy.
    const piece = Buffer.from(bytes);
    const mayWait = this.#heldBack === undefined && this.#arrived.length === 0;
    if (this.#batching.noteArrival() && mayWait && piece.length < this.#options.readBufferBytesMax) {
      this.#heldBack = piece;
      this.#batching.atEndOfTurn(this.#handOver);
      return;
    }
    this.#handOver();
    this.#take(piece);
  }

  readonly #handOver = (): void => {
    const piece = this.#heldBack;
    if (piece === undefined) return;
    this.#heldBack = undefined;
    this.#take(piece);
  };

  #take(piece: Uint8Array): void {
    const waitingBefore = this.#arrived.length;
    const isTaken = this.#arrived.trySend(piece);
    assert(isTaken, "a paused socket receives nothing");
    // What a reader was waiting for does not lie here.
    if (this.#arrived.length === waitingBefore) return;
    this.#arrivedBytes += piece.length;
    if (this.#arrivedBytes < this.#options.readBufferBytesMax) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  #released(byteCount: number): void {
    this.#arrivedBytes -= byteCount;
    if (this.#isPaused && this.#arrivedBytes <= this.#options.readBufferBytesMax / 2) this.#resume();
  }

  #resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
  }

  #throwUnlessWritable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isWriteClosed) throw new ConnectionClosedError(this.remoteAddress);
  }

  /** Whether the operating system took everything. */
  #send(data: string | Uint8Array): boolean {
    return this.#socket.write(typeof data === "string" ? Buffer.from(data) : data);
  }

  #writeInTurn(data: string | Uint8Array): void {
    let isTaken = true;
    try {
      this.#throwUnlessWritable();
      isTaken = this.#send(data);
    } finally {
      if (isTaken) this.#blocked.release();
      else this.#isDrainAwaited = true;
    }
  }

  #unblock(): void {
    if (!this.#isDrainAwaited) return;
    this.#isDrainAwaited = false;
    this.#blocked.release();
  }

  #closeArrived(): void {
    this.#handOver();
    if (!this.#arrived.isClosed) this.#arrived.close();
  }

  #stopReading(): void {
    this.#isReadClosed = true;
    this.#heldBack = undefined;
    while (this.#arrived.length > 0) this.#arrived.tryReceive();
    this.#arrivedBytes = 0;
    this.#closeArrived();
  }

  #onClose(error: NetworkError | undefined): void {
    if (error !== undefined) {
      this.#failure = new ConnectionLostError(this.remoteAddress, error.code, { cause: error });
      // What came before is still read; then the readers hear of it, unless they have been told of the end already.
      this.#handOver();
      if (!this.#arrived.isClosed) this.#arrived.fail(this.#failure);
    }
    this.#isWriteClosed = true;
    this.#closeArrived();
    this.#unblock();
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
