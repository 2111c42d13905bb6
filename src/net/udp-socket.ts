import {
  type Cancellation,
  Channel,
  type Closed,
  contextOf,
  InvalidArgumentError,
  type ReceiveChannel,
  type Runtime,
  Semaphore,
} from "../channels/index.ts";
import { assert, type DatagramHandlers, type DatagramSocket, type SocketAddress } from "../platform/index.ts";
import { addressFrom } from "./address.ts";
import { ConnectionClosedError, DatagramNotSentError } from "./connection-errors.ts";
import { limitOf } from "./limit.ts";
import { TurnBatching } from "./turn-batching.ts";

/**
 * Datagrams that are held back until their turn ends. A socket with room for fewer hands out each at once, so that a quick
 * receiver loses none by it.
 */
const heldBackMax = 64;

/** One datagram, and who sent it. */
export interface Datagram {
  /** The receiver's to keep. */
  readonly bytes: Uint8Array;
  /** Its host is a numeric address. */
  readonly from: SocketAddress;
}

/** What a socket holds at most. */
export interface UdpSocketOptions {
  /** Whose clock says when a turn ends. */
  readonly runtime: Runtime;
  /** Datagrams that wait to be received; those that come beyond are dropped and counted. */
  readonly pendingDatagramsMax: number;
  /** Datagrams on their way to the operating system; a send beyond them waits. */
  readonly pendingSendsMax: number;
}

/**
 * A UDP socket, as Go's `net.UDPConn`: from `listenUdp` it hears from everybody and answers by address, from `dialUdp`
 * it talks with one address alone. Datagrams arrive whole or not at all; they may be lost, doubled and overtake each
 * other. Whoever has a socket closes it; `await using` does.
 */
export class UdpSocket implements AsyncIterable<Datagram> {
  readonly #arrived: Channel<Datagram>;
  readonly #sending: Semaphore;
  readonly #batching: TurnBatching;
  /** Came in this turn of the event loop, for a receiver that may be waiting, and are handed out at its end. */
  readonly #heldBack: Datagram[] = [];
  #socket: DatagramSocket | undefined;
  #droppedCount = 0;
  #isClosed = false;

  /** For `listenUdp` and `dialUdp`. */
  constructor(options: UdpSocketOptions) {
    this.#batching = TurnBatching.of(options.runtime.clock);
    this.#arrived = new Channel(limitOf("pendingDatagramsMax", options.pendingDatagramsMax, 0));
    this.#sending = new Semaphore(limitOf("pendingSendsMax", options.pendingSendsMax));
  }

  /** The real port, also where 0 was asked for. */
  get localAddress(): SocketAddress {
    return this.#bound.localAddress;
  }

  /** What it was dialled to; undefined for a socket that listens. */
  get remoteAddress(): SocketAddress | undefined {
    return this.#bound.remoteAddress;
  }

  /** Those that wait to be received, for a `select`. Closed when the socket is. */
  get datagrams(): ReceiveChannel<Datagram> {
    return this.#arrived;
  }

  /** Datagrams that were dropped because too many waited to be received. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /**
   * The next datagram, {@link Closed} when this socket is closed; a promise if it has to wait.
   * @throws CancelledError, DeadlineExceededError when `cancellation` ends first; no datagram is lost by that.
   */
  receive(cancellation?: Cancellation): Datagram | Closed | Promise<Datagram | Closed> {
    return this.#arrived.receive(cancellation);
  }

  /**
   * Sends one datagram, text as UTF-8, to the address that was dialled. Resolves when the operating system has taken
   * it, which is no proof that it arrives. The bytes must not be changed before.
   * @throws DatagramNotSentError (DATAGRAM_NOT_SENT), ConnectionClosedError (CONNECTION_CLOSED), InvalidArgumentError
   * (INVALID_ARGUMENT) on a socket that listens; CancelledError, DeadlineExceededError when `cancellation` ends before
   * it was this datagram's turn.
   */
  send(data: string | Uint8Array, cancellation?: Cancellation): Promise<void> {
    if (this.remoteAddress === undefined) {
      return Promise.reject(new InvalidArgumentError("a socket that listens sends by sendTo"));
    }
    return this.#send(data, undefined, cancellation);
  }

  /**
   * As {@link send}, from a socket that listens, to `to`. Names are looked up each time: numeric addresses are quicker.
   * @throws InvalidAddressError (INVALID_ADDRESS), and what {@link send} throws.
   */
  sendTo(data: string | Uint8Array, to: string | SocketAddress, cancellation?: Cancellation): Promise<void> {
    if (this.remoteAddress !== undefined) {
      return Promise.reject(new InvalidArgumentError("a socket that was dialled sends by send"));
    }
    try {
      return this.#send(data, addressFrom(to), cancellation);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Datagrams that wait are dropped; the port is free afterwards. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#heldBack.length = 0;
      while (this.#arrived.length > 0) this.#arrived.tryReceive();
      this.#arrived.close();
    }
    await this.#bound.close();
  }

  /** Yields what {@link receive} does, until the socket is closed. */
  [Symbol.asyncIterator](): AsyncIterator<Datagram, undefined> {
    return this.#arrived[Symbol.asyncIterator]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For `listenUdp` and `dialUdp`. */
  bound(socket: DatagramSocket): void {
    this.#socket = socket;
  }

  /** For `listenUdp` and `dialUdp`. */
  readonly onMessage: DatagramHandlers["onMessage"] = (bytes, from) => {
    if (this.#isClosed) return;
    const datagram = { bytes, from };
    const isBatching = this.#batching.noteArrival() && this.#arrived.capacity >= heldBackMax;
    const heldBackCount = this.#heldBack.length;
    // Whoever has others to receive is not waiting.
    if (heldBackCount === 0 && !(isBatching && this.#arrived.length === 0)) {
      this.#take(datagram);
      return;
    }
    this.#heldBack.push(datagram);
    if (heldBackCount === 0) this.#batching.atEndOfTurn(this.#handOut);
    else if (this.#heldBack.length === heldBackMax) this.#handOut();
  };

  readonly #handOut = (): void => {
    for (const datagram of this.#heldBack) this.#take(datagram);
    this.#heldBack.length = 0;
  };

  #take(datagram: Datagram): void {
    if (!this.#arrived.trySend(datagram)) this.#droppedCount++;
  }

  get #bound(): DatagramSocket {
    assert(this.#socket !== undefined, "a socket is handed out when it is bound");
    return this.#socket;
  }

  /** One promise is made for a datagram that need not wait. */
  #send(
    data: string | Uint8Array,
    to: SocketAddress | undefined,
    cancellation: Cancellation | undefined,
  ): Promise<void> {
    if (cancellation !== undefined && contextOf(cancellation).isDone) return this.#sendInTurn(data, to, cancellation);
    return this.#sending.tryAcquire() ? this.#handOver(data, to) : this.#sendInTurn(data, to, cancellation);
  }

  async #sendInTurn(
    data: string | Uint8Array,
    to: SocketAddress | undefined,
    cancellation: Cancellation | undefined,
  ): Promise<void> {
    await this.#sending.acquire(1, cancellation);
    await this.#handOver(data, to);
  }

  /** Its place among those under way is taken. */
  #handOver(data: string | Uint8Array, to: SocketAddress | undefined): Promise<void> {
    const socket = this.#bound;
    if (this.#isClosed) {
      this.#sending.release();
      return Promise.reject(new ConnectionClosedError(this.#targetOf(to)));
    }
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const promise = new Promise<void>(grasp);
    const resolve = grasped;
    const reject = graspedReject;
    socket.send(bytes, to, (error) => {
      this.#sending.release();
      if (error === null) resolve();
      else reject(new DatagramNotSentError(this.#targetOf(to), error.code ?? "EUNKNOWN", { cause: error }));
    });
    return promise;
  }

  #targetOf(to: SocketAddress | undefined): SocketAddress {
    const target = to ?? this.remoteAddress;
    assert(target !== undefined, "a datagram goes to somebody");
    return target;
  }
}

// The two functions that settle a new promise: grasped by one function for all promises, which spares each a closure.
let grasped: () => void = () => {};
let graspedReject: (error: Error) => void = () => {};
const grasp = (resolve: () => void, reject: (error: Error) => void): void => {
  grasped = resolve;
  graspedReject = reject;
};
