/** A TCP server that greets whoever connects. Try it together with `tcp-client`. */
import { type Context, go } from "coterie/channels";
import { listenTcp, type TcpConnection } from "coterie/net";

async function handleConnection(connection: TcpConnection): Promise<void> {
  await connection.write("Hello from server\n");
  await connection.close();
}

/** Serves until `context` ends, without one for ever. `listening` hears the real address, also of port 0. */
export async function main(
  output: (line: string) => void,
  address = ":8080",
  options: { readonly context?: Context; readonly listening?: (port: number) => void } = {},
): Promise<void> {
  await using listener = await listenTcp(address);
  options.listening?.(listener.address.port);
  options.context?.onEnd(() => void listener.close());
  // Each connection has a goroutine of its own, so that a slow one keeps nobody waiting.
  for await (const connection of listener) {
    go(() => handleConnection(connection)).catch((error: unknown) => output(String(error)));
  }
}
