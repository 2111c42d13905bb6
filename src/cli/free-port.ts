/** Ports, tried by listening on them for a moment. */
import { createServer } from "node:net";
import { errnoOf } from "./directory.ts";
import { formatAddress } from "./peer-list.ts";
import { PortUnavailableError } from "./refusal.ts";

/**
 * The port that was free a moment ago: `address.port`, or any for 0.
 * @throws PORT_UNAVAILABLE; `cure` ends the message where another port helps.
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

/**
 * What the system said of an address to listen on, as an error with the cure; other errors as they are. `cure` is for a
 * port that is taken.
 */
export function portError(
  address: { readonly host: string; readonly port: number },
  cure: string,
  error: unknown,
): unknown {
  const reason = reasons[errnoOf(error)];
  if (reason === undefined) return error;
  const text = `Port ${address.port} ${reason.what} (${formatAddress(address)}). ${reason.cure ?? cure}`;
  return new PortUnavailableError(address, text, { cause: error });
}

const anotherAddress = "Give an address that this machine has.";

/** Undefined: the cure depends on whose port it is. */
const reasons: Readonly<Record<string, { readonly what: string; readonly cure: string | undefined }>> = {
  EADDRINUSE: { what: "is in use by another program", cure: undefined },
  EACCES: { what: "may not be used without more rights", cure: "Choose one from 1024 on." },
  EADDRNOTAVAIL: { what: "cannot be opened: this machine does not have that address", cure: anotherAddress },
  ENOTFOUND: { what: "cannot be opened: the host name is unknown", cure: anotherAddress },
  EAI_AGAIN: { what: "cannot be opened: the host name cannot be looked up", cure: anotherAddress },
  EAFNOSUPPORT: {
    what: "cannot be opened: this machine does not speak that kind of address",
    cure: anotherAddress,
  },
};
