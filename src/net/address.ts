import {
  CoterieError,
  formatAddress,
  isUnixPath,
  type SocketAddress,
  type UnixAddress,
  unixPathBytesMax,
} from "../platform/index.ts";

/** An address that is none: no port, one that is no number from 0 to 65535, or a path that no Unix socket can have. */
export class InvalidAddressError extends CoterieError {
  readonly code = "INVALID_ADDRESS";
}

const portMax = 65_535;
const unixPrefix = "unix:";

/**
 * Reads `host:port`, `[IPv6]:port` or `:port`. Without a host it means every interface where one listens and this
 * machine where one dials; names are looked up when they are used. What `formatAddress` prints is read again.
 * @throws InvalidAddressError (INVALID_ADDRESS)
 */
export function parseAddress(text: string): SocketAddress {
  const match = /^(?:\[([^[\]\s]*:[^[\]\s]*)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > portMax) {
    const hint = text.startsWith(unixPrefix)
      ? "; Unix sockets have functions of their own, dialUnix and listenUnix"
      : "";
    throw new InvalidAddressError(
      `${JSON.stringify(text)} is no address: write host:port, [IPv6 address]:port or :port, the port from 0 to ${portMax}${hint}`,
    );
  }
  return { host: match[1] ?? match[2] ?? "", port };
}

/**
 * Reads the path of a Unix socket, with or without `unix:` before it.
 * @throws InvalidAddressError (INVALID_ADDRESS)
 */
export function parseUnixAddress(text: string): UnixAddress {
  const path = text.startsWith(unixPrefix) ? text.slice(unixPrefix.length) : text;
  if (!isUnixPath(path)) {
    throw new InvalidAddressError(
      `${JSON.stringify(text)} is no path of a Unix socket: it has from 1 to ${unixPathBytesMax} bytes, none of them 0`,
    );
  }
  return { path };
}

/** What callers may give: the text, or the address itself. @throws InvalidAddressError (INVALID_ADDRESS) */
export function addressFrom(address: string | SocketAddress): SocketAddress {
  if (typeof address === "string") return parseAddress(address);
  if (!Number.isInteger(address.port) || address.port < 0 || address.port > portMax) {
    throw new InvalidAddressError(`a port is a whole number from 0 to ${portMax}, not ${address.port}`);
  }
  return address;
}

/** As {@link addressFrom}, for Unix sockets. @throws InvalidAddressError (INVALID_ADDRESS) */
export function unixAddressFrom(address: string | UnixAddress): UnixAddress {
  return parseUnixAddress(typeof address === "string" ? address : `${unixPrefix}${address.path}`);
}

export { formatAddress };
