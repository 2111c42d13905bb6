import type { SocketAddress } from "../platform/index.ts";
import { addressFrom } from "./address.ts";
import type { Connection } from "./connection.ts";
import type { Listener } from "./listener.ts";
import { machine } from "./machine.ts";
import { dialTo, listenOn, type StreamListenOptions, type StreamOptions } from "./stream.ts";

/** Of {@link dialTcp}. */
export type TcpOptions = StreamOptions<SocketAddress>;
/** Of {@link listenTcp}. */
export type TcpListenOptions = StreamListenOptions<SocketAddress>;
/** A connection over TCP. */
export type TcpConnection = Connection<SocketAddress>;
/** What {@link listenTcp} gives. */
export type TcpListener = Listener<SocketAddress>;

/**
 * Listens at `address` (`":8080"`, `"127.0.0.1:0"`, `"[::1]:8080"`); port 0 takes any free one, and without a host every
 * interface is meant, over IPv4 and IPv6.
 *
 * ```ts
 * await using listener = await listenTcp(":8080");
 * for await (const connection of listener) go(() => serve(connection));
 * ```
 * @throws InvalidAddressError (INVALID_ADDRESS), AddressUnavailableError (ADDRESS_UNAVAILABLE); CancelledError,
 * DeadlineExceededError when the context ends first.
 */
export async function listenTcp(address: string | SocketAddress, options: TcpListenOptions = {}): Promise<TcpListener> {
  return listenOn({ network: options.network ?? machine().network, address: addressFrom(address) }, options);
}

/**
 * Connects to `address`; without a host, to this machine. A name with addresses of both versions is tried with each.
 * @throws InvalidAddressError (INVALID_ADDRESS), ConnectFailedError (CONNECT_FAILED); CancelledError,
 * DeadlineExceededError when the context ends first.
 */
export async function dialTcp(address: string | SocketAddress, options: TcpOptions = {}): Promise<TcpConnection> {
  const { host, port } = addressFrom(address);
  const where = { host: host === "" ? "localhost" : host, port };
  return dialTo({ network: options.network ?? machine().network, address: where }, options);
}
