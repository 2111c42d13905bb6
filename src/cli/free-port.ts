/** Ports, tried by listening on them for a moment. */
import { createServer } from "node:net";
import { errnoOf } from "./directory.ts";
import { formatAddress } from "./peer-list.ts";
import { PortUnavailableError } from "./refusal.ts";

/**
 * The port that was free a moment ago: `address.port`, or any for 0.
 * @throws PORT_UNAVAILABLE; `cure` ends the message.
 */
export function probePort(address: { readonly host: string; readonly port: number }, cure: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(portError(address, cure, error)));
    server.listen({ ...address, exclusive: true }, () => {
      const bound = server.address();
      const port = bound === null || typeof bound === "string" ? 0 : bound.port;
      server.close(() => resolve(port));
    });
  });
}

/** What the system said of an address to listen on, as an error with the cure; other errors as they are. */
export function portError(
  address: { readonly host: string; readonly port: number },
  cure: string,
  error: unknown,
): unknown {
  const reason = reasons[errnoOf(error)];
  if (reason === undefined) return error;
  const text = formatAddress(address);
  return new PortUnavailableError(address, `Port ${address.port} ${reason} (${text}). ${cure}`, { cause: error });
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another program",
  EACCES: "may not be used without more rights",
  EADDRNOTAVAIL: "cannot be opened: this machine does not have that address",
  ENOTFOUND: "cannot be opened: the host name is unknown",
  EAFNOSUPPORT: "cannot be opened: this machine does not speak that kind of address",
};
