import { CoterieError, formatAddress, type SocketAddress, type UnixAddress } from "../platform/index.ts";

type Address = SocketAddress | UnixAddress;

/** Nothing can listen there. `systemCode` is the operating system's word for it ("EADDRINUSE", "EACCES", …). */
export class AddressUnavailableError extends CoterieError {
  readonly code = "ADDRESS_UNAVAILABLE";
  readonly address: Address;
  readonly systemCode: string;
  constructor(address: Address, systemCode: string, options?: { readonly cause?: unknown }) {
    super(`cannot listen on ${formatAddress(address)}: ${systemCode}; choose another address`, options);
    this.address = address;
    this.systemCode = systemCode;
  }
}

/** What a look-up of the name says. */
const unknownNameCodes: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN"]);

/** No connection came about. `systemCode` is the operating system's word for it ("ECONNREFUSED", "ENOTFOUND", …). */
export class ConnectFailedError extends CoterieError {
  readonly code = "CONNECT_FAILED";
  readonly address: Address;
  readonly systemCode: string;
  constructor(address: Address, systemCode: string, options?: { readonly cause?: unknown }) {
    const advice = unknownNameCodes.has(systemCode) ? "is the name right?" : "is somebody listening there?";
    super(`cannot connect to ${formatAddress(address)}: ${systemCode}; ${advice}`, options);
    this.address = address;
    this.systemCode = systemCode;
  }
}

/** An open connection broke. What had been written may or may not have arrived. */
export class ConnectionLostError extends CoterieError {
  readonly code = "CONNECTION_LOST";
  override readonly outcome = "unknown";
  readonly address: Address;
  readonly systemCode: string;
  constructor(address: Address, systemCode: string, options?: { readonly cause?: unknown }) {
    super(
      `the connection with ${formatAddress(address)} broke: ${systemCode}; what was written may not have arrived`,
      options,
    );
    this.address = address;
    this.systemCode = systemCode;
  }
}

/** The operation came after this side was closed: it did not take place. */
export class ConnectionClosedError extends CoterieError {
  readonly code = "CONNECTION_CLOSED";
  readonly address: Address;
  constructor(address: Address) {
    super(`nothing can be sent to ${formatAddress(address)} any more: the connection was closed`);
    this.address = address;
  }
}

/** The operating system did not take a datagram: "EMSGSIZE" (it is too long), "ENOTFOUND", "ENETUNREACH", … */
export class DatagramNotSentError extends CoterieError {
  readonly code = "DATAGRAM_NOT_SENT";
  readonly address: SocketAddress;
  readonly systemCode: string;
  constructor(address: SocketAddress, systemCode: string, options?: { readonly cause?: unknown }) {
    super(`a datagram to ${formatAddress(address)} was not sent: ${systemCode}`, options);
    this.address = address;
    this.systemCode = systemCode;
  }
}
