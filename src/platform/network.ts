/**
 * Byte streams between processes, as callbacks: the hot path of the node runs on them. `Network` is TCP,
 * `Network<UnixAddress>` are the Unix sockets of this machine.
 */
export interface Network<A = SocketAddress> {
  /**
   * Starts to listen. Port 0 takes any free port. Rejects with {@link NetworkError} ("EADDRINUSE", "EACCES", …): for a
   * path "EADDRINUSE" also where a killed process has left its file, "ENOENT" where the folder is missing, "EINVAL" for
   * one without or with more than {@link unixPathBytesMax} bytes. `onError` hears of connections that could not be
   * accepted ("EMFILE": no file descriptors are left).
   */
  listen(
    address: A,
    onConnection: (socket: StreamSocket<A>) => void,
    onError?: (error: NetworkError) => void,
  ): Promise<StreamListener<A>>;
  /**
   * Begins to connect; the outcome comes to `handlers`: `onOpen`, or `onClose` with the error ("ECONNREFUSED": nobody
   * listens there, "ENOENT": no such path).
   */
  connect(address: A, handlers: StreamHandlers): StreamSocket<A>;
}

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** A Unix socket. The side that connected has no name: its path is "". */
export interface UnixAddress {
  readonly path: string;
}

/** `host:port` (an IPv6 address in brackets) or `unix:path`. */
export function formatAddress(address: SocketAddress | UnixAddress): string {
  if ("path" in address) return `unix:${address.path}`;
  const { host, port } = address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether it can name a Unix socket. Node would cut one that is too long, and takes a NUL for something else. */
export function isUnixPath(path: string): boolean {
  return path !== "" && !path.includes("\0") && Buffer.byteLength(path) <= unixPathBytesMax;
}

/** What Linux takes; other systems may take a few bytes less. */
export const unixPathBytesMax = 107;

export interface StreamListener<A = SocketAddress> {
  /** The real port, also where 0 was asked for. */
  readonly address: A;
  /** Stops to accept; sockets that are open stay open. The port or path is free afterwards. Idempotent. */
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

export interface StreamSocket<A = SocketAddress> {
  readonly remoteAddress: A;
  /** Port 0 before `onOpen`. */
  readonly localAddress: A;
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
