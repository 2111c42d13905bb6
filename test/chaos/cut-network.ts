/** Proxies before the peer ports of all nodes of a cluster, by which any direction between any two nodes can be cut. */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { FrontPorts } from "../processes/cluster.ts";

/** Where a dialler's first word says which node it is (see src/net/handshake.ts): 3 + 4 + 1 + 1 + 16 + 8 bytes in. */
const nodeIdOffset = 33;

interface Passage {
  /** The numbers of the nodes at its ends, from 1. */
  readonly from: number;
  readonly to: number;
  readonly source: Socket;
}

export class CutNetwork {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  /** One for each direction of each connection. */
  readonly #passages = new Set<Passage>();
  readonly #cuts = new Set<string>();

  /** Listens at the given port of each of these nodes. To be handed to a cluster as its `front`. */
  async listen(ports: readonly FrontPorts[]): Promise<void> {
    for (const { number, given, real } of ports) {
      const server = createServer((socket) => this.#accept(socket, number, real));
      this.#servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(given, "127.0.0.1", resolve);
      });
    }
  }

  /**
   * What `from` sends to `to` gets no further, and no error tells: it lies in buffers, as it would with a sender that
   * repeats what got lost, until the cut is healed or somebody gives up the connection.
   */
  cut(from: number, to: number): void {
    this.#cuts.add(`${from} ${to}`);
    this.#apply();
  }

  /** Everything goes on. */
  heal(): void {
    this.#cuts.clear();
    this.#apply();
  }

  breakAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    for (const server of this.#servers) server.close();
    this.breakAll();
  }

  #apply(): void {
    for (const { from, to, source } of this.#passages) {
      if (this.#cuts.has(`${from} ${to}`)) source.pause();
      else source.resume();
    }
  }

  #accept(dialler: Socket, to: number, port: number): void {
    this.#keep(dialler);
    let heard = Buffer.alloc(0);
    const listen = (bytes: Buffer): void => {
      heard = Buffer.concat([heard, bytes]);
      if (heard.length < nodeIdOffset + 4) return;
      dialler.off("data", listen);
      dialler.pause();
      this.#join(dialler, { from: heard.readUInt32LE(nodeIdOffset), to, port, heard });
    };
    dialler.on("data", listen);
  }

  #join(
    dialler: Socket,
    link: { readonly from: number; readonly to: number; readonly port: number; readonly heard: Buffer },
  ): void {
    const { from, to, port, heard } = link;
    const acceptor = connect({ host: "127.0.0.1", port, noDelay: true });
    this.#keep(acceptor);
    // What was heard already goes the way of the rest.
    dialler.unshift(heard);
    dialler.on("data", (bytes: Buffer) => acceptor.write(bytes));
    acceptor.on("data", (bytes: Buffer) => dialler.write(bytes));
    const passages: readonly Passage[] = [
      { from, to, source: dialler },
      { from: to, to: from, source: acceptor },
    ];
    for (const passage of passages) this.#passages.add(passage);
    const end = (): void => {
      for (const passage of passages) this.#passages.delete(passage);
      dialler.destroy();
      acceptor.destroy();
    };
    dialler.on("close", end);
    acceptor.on("close", end);
    this.#apply();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
