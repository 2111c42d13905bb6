/** Stands between cluster clients and the nodes' cluster ports, and counts how often clients are sent elsewhere. */
import { connect, createServer, type Server, type Socket } from "node:net";

const moved = "-MOVED ";

export class RedirectCounter {
  movedCount = 0;
  /** Addresses that clients were sent to and that nobody stands before. */
  readonly strangers: Set<string> = new Set();
  readonly #ports = new Map<string, number>();
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /** Stands before a node's cluster port from now on. */
  async front(port: number): Promise<void> {
    const server = createServer((client) => this.#join(client, port));
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    this.#ports.set(`127.0.0.1:${port}`, address.port);
  }

  /** Where a client is to go instead of to this address: what both libraries ask for as their map of addresses. */
  readonly map = (address: string): { readonly host: string; readonly port: number } => {
    const port = this.#ports.get(address);
    if (port === undefined) this.strangers.add(address);
    return { host: "127.0.0.1", port: port ?? Number(address.split(":").at(-1)) };
  };

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** A client whose node is not there is refused as it would be without anybody between. */
  #join(client: Socket, port: number): void {
    const node = connect({ host: "127.0.0.1", port, noDelay: true });
    const sides = [client.setNoDelay(true), node];
    for (const side of sides) {
      this.#sockets.add(side);
      side.on("error", () => {});
      side.on("close", () => {
        this.#sockets.delete(side);
        for (const each of sides) each.destroy();
      });
    }
    client.on("data", (bytes: Buffer) => node.write(bytes));
    let end = "";
    node.on("data", (bytes: Buffer) => {
      client.write(bytes);
      const text = end + bytes.toString("latin1");
      this.movedCount += text.split(moved).length - 1;
      end = text.slice(-(moved.length - 1));
    });
  }
}
