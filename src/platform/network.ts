/** Byte streams between processes, as callbacks: the hot path of the node runs on them. */
export interface Network {
  /**
   * Starts to listen. Port 0 takes any free port. Rejects with {@link NetworkError} ("EADDRINUSE", "EACCES", …).
   * `onError` hears of connections that could not be accepted ("EMFILE": no file descriptors are left).
   */
  listen(
    address: SocketAddress,
    onConnection: (socket: StreamSocket) => void,
    onError?: (error: NetworkError) => void,
  ): Promise<StreamListener>;
  /** Begins to connect; the outcome comes to `handlers`: `onOpen`, or `onClose` with the error. */
  connect(address: SocketAddress, handlers: StreamHandlers): StreamSocket;
}

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

export interface StreamListener {
  /** The real port, also where 0 was asked for. */
  readonly address: SocketAddress;
  /** Stops to accept; sockets that are open stay open. Idempotent. */
  close(): Promise<void>;
}

/** None is ever called within a call to the socket. After `destroy` only `onClose` comes. */
export interface StreamHandlers {
  /** Only on sockets made by `connect`. */
  onOpen?(): void;
  /** `bytes` is a view of a buffer that is used again: it is valid until the handler returns. */
  onData(bytes: Uint8Array): void;
  /** Everything written has been taken by the operating system, after `write` had returned false. */
  onDrain?(): void;
  /** The other side has sent its last byte. Writing goes on until `end`; without this handler `end` comes by itself. */
  onEnd?(): void;
  /** The last event, exactly once: after an orderly end on both sides (no error), a failure, or `destroy`. */
  onClose(error: NetworkError | undefined): void;
}

export interface StreamSocket {
  readonly remoteAddress: SocketAddress;
  /** Port 0 before `onOpen`. */
  readonly localAddress: SocketAddress;
  /** For sockets from `listen`: must be called before `onConnection` returns. */
  handle(handlers: StreamHandlers): void;
  /**
   * Queues `data`, a byte string (one character a byte, codes 0 to 255) or bytes that the caller leaves untouched
   * for good. False if the operating system took less than everything: stop, and go on at `onDrain`. After `end`
   * and `destroy` it is dropped.
   */
  write(data: string | Uint8Array): boolean;
  /** Bytes queued in this process. */
  readonly pendingBytes: number;
  /** Stops and starts `onData`. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then the end. */
  end(): void;
  /** Drops everything at once. */
  destroy(): void;
}

export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code: string;

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
