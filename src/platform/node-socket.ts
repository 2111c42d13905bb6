import { connect, Socket } from "node:net";
import { assert } from "./assert.ts";
import { NetworkError, type SocketAddress, type StreamHandlers, type StreamSocket } from "./network.ts";

/** The error of the operating system as a {@link NetworkError}. */
export function toNetworkError(error: Error, operation: string): NetworkError {
  const code = "code" in error ? String(error.code) : "EUNKNOWN";
  return new NetworkError(code, `${operation}: ${code}`, { cause: error });
}

const unknownAddress: SocketAddress = { host: "", port: 0 };

/**
 * A socket whose bytes arrive in one buffer that all sockets share (`onread`, which spares an allocation of 64 KiB a
 * read) and whose strings are written as latin-1 without a copy in between.
 *
 * Node offers `onread` to sockets that connect, not to those that a server accepts: `accept` moves the accepted handle
 * into a socket of our own. Should a later Node hide the handle, the accepted socket is used as it is, with "data".
 */
export class NodeSocket implements StreamSocket {
  readonly remoteAddress: SocketAddress;
  localAddress: SocketAddress;
  readonly #socket: Socket;
  #handlers: StreamHandlers | undefined;
  #error: NetworkError | undefined;
  /** `write` has returned false since the last `onDrain`. */
  #isDrainAwaited = false;
  /** `end` or `destroy` was called. */
  #isEnded = false;
  #isDestroyed = false;
  #isPaused = false;

  private constructor(
    remoteAddress: SocketAddress,
    makeSocket: (receive: (length: number, buffer: Uint8Array) => boolean) => Socket,
  ) {
    this.remoteAddress = remoteAddress;
    this.localAddress = unknownAddress;
    this.#socket = makeSocket((length, buffer) => {
      if (!this.#isDestroyed) this.#handlers?.onData(buffer.subarray(0, length));
      return true;
    });
    this.#socket.on("drain", this.#onDrain);
    this.#socket.on("end", this.#onEnd);
    this.#socket.on("error", this.#onError);
    this.#socket.on("close", this.#onClose);
  }

  static connect(address: SocketAddress, handlers: StreamHandlers, buffer: Buffer): NodeSocket {
    const { host, port } = address;
    const socket = new NodeSocket(address, (callback) =>
      connect({ host, port, noDelay: true, ...sharedOptions, onread: { buffer, callback } }),
    );
    socket.#handlers = handlers;
    socket.#socket.on("connect", socket.#onConnect);
    return socket;
  }

  /** Undefined if the other side is gone already. `raw` comes paused and must not be used again. */
  static accept(raw: Socket, buffer: Buffer): NodeSocket | undefined {
    const remoteAddress = addressOf(raw.remoteAddress, raw.remotePort);
    if (remoteAddress === undefined) {
      raw.on("error", () => {});
      raw.destroy();
      return undefined;
    }
    const localAddress = addressOf(raw.localAddress, raw.localPort) ?? unknownAddress;
    const socket = new NodeSocket(remoteAddress, (callback) => moveHandle(raw, { buffer, callback }));
    socket.localAddress = localAddress;
    return socket;
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

  readonly #onConnect = (): void => {
    if (this.#isDestroyed) return;
    this.localAddress = addressOf(this.#socket.localAddress, this.#socket.localPort) ?? unknownAddress;
    this.#handlers?.onOpen?.();
  };

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
    const { host, port } = this.remoteAddress;
    this.#error = toNetworkError(error, `connection with ${host}:${port}`);
  };

  readonly #onClose = (): void => {
    this.#isEnded = true;
    this.#isDestroyed = true;
    this.#handlers?.onClose(this.#error);
  };
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
