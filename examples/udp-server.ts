/** A UDP server that prints what it receives, and from where. Try it together with `udp-client`. */
import type { Context } from "coterie/channels";
import { formatAddress, listenUdp } from "coterie/net";

/** Serves until `context` ends, without one for ever. `listening` hears the real port, also where 0 was asked for. */
export async function main(
  output: (line: string) => void,
  address = "127.0.0.1:8081",
  options: { readonly context?: Context; readonly listening?: (port: number) => void } = {},
): Promise<void> {
  await using socket = await listenUdp(address);
  options.listening?.(socket.localAddress.port);
  options.context?.onEnd(() => void socket.close());
  for await (const { bytes, from } of socket) {
    output(`Reçu de ${formatAddress(from)} : ${new TextDecoder().decode(bytes)}`);
  }
}
