import type { UnixAddress } from "../platform/index.ts";
import { unixAddressFrom } from "./address.ts";
import type { Connection } from "./connection.ts";
import type { Listener } from "./listener.ts";
import { machine } from "./machine.ts";
import { dialTo, listenOn, type StreamListenOptions, type StreamOptions } from "./stream.ts";

/** Of {@link dialUnix}. */
export type UnixOptions = StreamOptions<UnixAddress>;
/** Of {@link listenUnix}. */
export type UnixListenOptions = StreamListenOptions<UnixAddress>;
/** A connection to a Unix socket. */
export type UnixConnection = Connection<UnixAddress>;
/** What {@link listenUnix} gives. */
export type UnixListener = Listener<UnixAddress>;

/**
 * Listens at a path of the file system (`"/run/app.sock"`, also as `"unix:/run/app.sock"`), for processes of this
 * machine. Closing the listener removes the file. A process that was killed leaves its file behind, and nobody can
 * listen there until it is removed: whether it still belongs to somebody is for the program to know.
 * @throws InvalidAddressError (INVALID_ADDRESS), AddressUnavailableError (ADDRESS_UNAVAILABLE); CancelledError,
 * DeadlineExceededError when the context ends first.
 */
export async function listenUnix(path: string | UnixAddress, options: UnixListenOptions = {}): Promise<UnixListener> {
  return listenOn({ network: options.network ?? machine().unixNetwork, address: unixAddressFrom(path) }, options);
}

/**
 * Connects to the path that somebody listens at.
 * @throws InvalidAddressError (INVALID_ADDRESS), ConnectFailedError (CONNECT_FAILED); CancelledError,
 * DeadlineExceededError when the context ends first.
 */
export async function dialUnix(path: string | UnixAddress, options: UnixOptions = {}): Promise<UnixConnection> {
  return dialTo({ network: options.network ?? machine().unixNetwork, address: unixAddressFrom(path) }, options);
}
