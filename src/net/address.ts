import { CoterieError, type SocketAddress } from "../platform/index.ts";

/** An address that is none: it has no port, or the port is no number from 0 to 65535. */
export class InvalidAddressError extends CoterieError {
  readonly code = "INVALID_ADDRESS";
}

const portMax = 65_535;

/**
 * Reads `host:port`, `[IPv6]:port` or `:port`. Without a host it means every interface where one listens and this
 * machine where one dials; names are looked up when they are used.
 * @throws InvalidAddressError (INVALID_ADDRESS)
 */
export function parseAddress(text: string): SocketAddress {
  const match = /^(?:\[([^[\]\s]*:[^[\]\s]*)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > portMax) {
    throw new InvalidAddressError(
      `${JSON.stringify(text)} is no address: write host:port, [IPv6 address]:port or :port, the port from 0 to ${portMax}`,
    );
  }
  return { host: match[1] ?? match[2] ?? "", port };
}

/** The text that {@link parseAddress} reads; IPv6 addresses stand in brackets. */
export function formatAddress({ host, port }: SocketAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What callers may give: the text, or the address itself. @throws InvalidAddressError (INVALID_ADDRESS) */
export function addressFrom(address: string | SocketAddress): SocketAddress {
  if (typeof address === "string") return parseAddress(address);
  if (!Number.isInteger(address.port) || address.port < 0 || address.port > portMax) {
    throw new InvalidAddressError(`a port is a whole number from 0 to ${portMax}, not ${address.port}`);
  }
  return address;
}
