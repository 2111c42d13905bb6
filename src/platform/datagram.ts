import type { NetworkError, SocketAddress } from "./network.ts";

/** The most that one datagram carries over IPv4, in bytes. */
export const datagramBytesMax = 65_507;

/** Messages between processes that may be lost, doubled and overtake each other, as UDP's. */
export interface DatagramNetwork {
  /**
   * Opens a socket at `address`; port 0 takes any free port, host "" every IPv4 interface. With `remote` it sends to and
   * hears from that address alone. Rejects with {@link NetworkError} ("EADDRINUSE", "EACCES", "ENOTFOUND", …).
   */
  bind(address: SocketAddress, handlers: DatagramHandlers, remote?: SocketAddress): Promise<DatagramSocket>;
}

/** None is ever called within a call to the socket, and none after `close`. */
export interface DatagramHandlers {
  /** `bytes` are the handler's to keep. `from.host` is a numeric address. */
  onMessage(bytes: Uint8Array, from: SocketAddress): void;
  /** What the system says of datagrams sent before ("ECONNREFUSED": nobody listens there). The socket goes on. */
  onError(error: NetworkError): void;
}

/**
 * Hears what has become of a datagram. The error is the system's own, as it comes: a {@link NetworkError} made of it would
 * cost each datagram a function more.
 */
export type DatagramSent = (error: (Error & { readonly code?: string }) | null) => void;

export interface DatagramSocket {
  /** The real port, also where 0 was asked for. */
  readonly localAddress: SocketAddress;
  /** As it was given to `bind`; its host as a numeric address. */
  readonly remoteAddress: SocketAddress | undefined;
  /**
   * Sends one datagram; the bytes stay untouched until `done`, which is called once, never within this call: with null
   * when the operating system has taken it, which is no proof that it arrives, or with the reason why it did not
   * ("EMSGSIZE", "ENOTFOUND", "EINVAL": port 0; "ECANCELED" after `close`). A socket with a remote address takes no `to`, others need it.
   */
  send(bytes: Uint8Array, to: SocketAddress | undefined, done: DatagramSent): void;
  /** The port is free afterwards. Idempotent. */
  close(): Promise<void>;
}
