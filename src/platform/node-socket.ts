import { connect, Socket } from "node:net";
import { assert } from "./assert.ts";
import {
  formatAddress,
  isUnixPath,
  NetworkError,
  type SocketAddress,
  type StreamHandlers,
  type StreamSocket,
  type UnixAddress,
} from "./network.ts";

/** The error of the operating system as a {@link NetworkError}. */
export function toNetworkError(error: Error, operation: string): NetworkError {
  const code = "code" in error ? String(error.code) : "EUNKNOWN";
  return new NetworkError(code, `${operation}: ${code}`, { cause: error });
}

/**
 * After as long without a word a dialled connection is probed by TCP, every second, and given up after ten probes. Whatever on the
 * way forgets idle connections (load balancers do after some four minutes) goes on to know it; one that was forgotten is noticed.
 */
const keepAliveDelayMs = 30_000;

const unknownAddress: SocketAddress = { host: "", port: 0 };
const unnamed: UnixAddress = { path: "" };

/**
 * A socket whose bytes arrive in one buffer that all sockets share (`onread`, which spares an allocation of 64 KiB a
 * read) and whose strings are written as latin-1 without a copy in between.
 *
 * Node offers `onread` to sockets that connect, not to those that a server accepts: `accept` moves the accepted handle
 * into a socket of our own. Should a later Node hide the handle, the accepted socket is used as it is, with "data".
 */
export class NodeSocket<A extends SocketAddress | UnixAddress> implements StreamSocket<A> {
  readonly remoteAddress: A;
  localAddress: A;
  readonly #socket: Socket;
  #handlers: StreamHandlers | undefined;
  #error: NetworkError | undefined;
  /** `write` has returned false since the last `onDrain`. */
  #isDrainAwaited = false;
  /** `end` or `destroy` was called. */
  #isEnded = false;
  #isDestroyed = false;
  #isPaused = false;

  private constructor(addresses: Addresses<A>, makeSocket: (receive: OnRead["callback"]) => Socket) {
    this.remoteAddress = addresses.remote;
    this.localAddress = addresses.local;
    this.#socket = makeSocket((length, buffer) => {
      if (!this.#isDestroyed) this.#handlers?.onData(buffer.subarray(0, length));
      return true;
    });
    this.#socket.on("drain", this.#onDrain);
    this.#socket.on("end", this.#onEnd);
    this.#socket.on("error", this.#onError);
    this.#socket.on("close", this.#onClose);
  }

  static connect(address: SocketAddress, handlers: StreamHandlers, buffer: Buffer): NodeSocket<SocketAddress> {
    const { host, port } = address;
    const socket = new NodeSocket({ remote: address, local: unknownAddress }, (callback) =>
      connect({ host, port, noDelay: true, ...sharedOptions, onread: { buffer, callback } }),
    );
    socket.#dialled(handlers, () => {
      socket.#socket.setKeepAlive(true, keepAliveDelayMs);
      socket.localAddress = addressOf(socket.#socket.localAddress, socket.#socket.localPort) ?? unknownAddress;
    });
    return socket;
  }

  static connectUnix(address: UnixAddress, handlers: StreamHandlers, buffer: Buffer): NodeSocket<UnixAddress> {
    const { path } = address;
    const socket = new NodeSocket<UnixAddress>({ remote: address, local: unnamed }, (callback) => {
      const onread = { buffer, callback };
      if (isUnixPath(path)) return connect({ path, ...sharedOptions, onread });
      const refused = new Socket(sharedOptions);
      refused.destroy(Object.assign(new Error("no path of a socket"), { code: "EINVAL" }));
      return refused;
    });
    socket.#dialled(handlers, () => {});
    return socket;
  }

  /** Undefined if the other side is gone already. `raw` comes paused and must not be used again. */
  static accept(raw: Socket, buffer: Buffer): NodeSocket<SocketAddress> | undefined {
    const remote = addressOf(raw.remoteAddress, raw.remotePort);
    if (remote === undefined) {
      raw.on("error", () => {});
      raw.destroy();
      return undefined;
    }
    const local = addressOf(raw.localAddress, raw.localPort) ?? unknownAddress;
    return new NodeSocket({ remote, local }, (callback) => moveHandle(raw, { buffer, callback }));
  }

  static acceptUnix(raw: Socket, local: UnixAddress, buffer: Buffer): NodeSocket<UnixAddress> {
    return new NodeSocket<UnixAddress>({ remote: unnamed, local }, (callback) => moveHandle(raw, { buffer, callback }));
  }

  handle(handlers: StreamHandlers): void {
    assert(this.#handlers === undefined, "a socket's handlers are set once");
    this.#handlers = handlers;
  }

  /** Begins to receive, after `onConnection`. */
  start(): void {
    assert(this.#handlers !== undefined, "onConnection must call handle");
    if (!this.#isDestroyed && !this.#isPaused) this.#socket.resume();
  }

  write(data: string | Uint8Array): boolean {
    const socket = this.#socket;
    if (this.#isEnded || socket.destroyed) return false;
    if (data.length > 0) {
      if (typeof data === "string") socket.write(data, "latin1");
      else socket.write(data);
    }
    if (socket.writableLength === 0) return true;
    this.#isDrainAwaited = true;
    return false;
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isDestroyed) this.#socket.resume();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#socket.end();
  }

  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isEnded = true;
    this.#isDestroyed = true;
    this.#socket.destroy();
  }

  #dialled(handlers: StreamHandlers, readAddress: () => void): void {
    this.#handlers = handlers;
    this.#socket.on("connect", () => {
      if (this.#isDestroyed) return;
      readAddress();
      handlers.onOpen?.();
    });
  }

  readonly #onDrain = (): void => {
    if (!this.#isDrainAwaited || this.#isDestroyed || this.#socket.writableLength > 0) return;
    this.#isDrainAwaited = false;
    this.#handlers?.onDrain?.();
  };

  readonly #onEnd = (): void => {
    if (this.#isDestroyed) return;
    if (this.#handlers?.onEnd === undefined) this.end();
    else this.#handlers.onEnd();
  };

  readonly #onError = (error: Error): void => {
    if (this.#isDestroyed) return;
    this.#error = toNetworkError(error, `connection with ${formatAddress(this.remoteAddress)}`);
  };

  readonly #onClose = (): void => {
    this.#isEnded = true;
    this.#isDestroyed = true;
    this.#handlers?.onClose(this.#error);
  };
}

interface Addresses<A> {
  readonly remote: A;
  readonly local: A;
}

/** With a mark of 1 "drain" follows every write that did not complete at once. */
const sharedOptions = { allowHalfOpen: true, writableHighWaterMark: 1 };

function addressOf(host: string | undefined, port: number | undefined): SocketAddress | undefined {
  return host === undefined || port === undefined ? undefined : { host, port };
}

interface OnRead {
  readonly buffer: Uint8Array;
  readonly callback: (length: number, buffer: Uint8Array) => boolean;
}

function moveHandle(raw: Socket, onread: OnRead): Socket {
  const handle: unknown = Reflect.get(raw, "_handle");
  if (typeof handle !== "object" || handle === null) {
    raw.on("data", (bytes) => onread.callback(bytes.length, bytes));
    return raw;
  }
  Reflect.set(raw, "_handle", null);
  // Without its handle this only tells the server that one connection less is its own.
  raw.destroy();
  const options = { ...sharedOptions, handle, onread, manualStart: true };
  return new Socket(options);
}
