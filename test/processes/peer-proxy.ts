/** Stands between the peers of a node and its port: records what they send, and can spoil it. */
import { connect, createServer, type Server, type Socket } from "node:net";

/** One connection through the proxy, as it was heard. */
export class Recording {
  readonly fromDialler: Buffer[] = [];
  readonly fromAcceptor: Buffer[] = [];
}

export type Spoiler = (bytes: Buffer) => readonly Buffer[];

export class PeerProxy {
  readonly recordings: Recording[] = [];
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #spoiler: Spoiler | undefined;
  #impostor: readonly Buffer[] | undefined;
  #impostureCount = 0;

  private constructor(server: Server, target: { readonly host: string; readonly port: number }) {
    this.#server = server;
    this.#target = target;
    server.on("connection", (socket) => this.#accept(socket));
  }

  /** In front of `target`, at the same port of 127.0.0.1. */
  static listen(target: { readonly host: string; readonly port: number }): Promise<PeerProxy> {
    const server = createServer();
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(target.port, "127.0.0.1", () => resolve(new PeerProxy(server, target)));
    });
  }

  /** Connections that were answered with a recording. */
  get impostureCount(): number {
    return this.#impostureCount;
  }

  /** The next bytes from a dialler go through `spoiler`, once. */
  spoilNext(spoiler: Spoiler): void {
    this.#spoiler = spoiler;
  }

  get isSpoilt(): boolean {
    return this.#spoiler === undefined;
  }

  /** Answers those who dial with what the node said to others; undefined ends it. */
  impersonate(answer: readonly Buffer[] | undefined): void {
    this.#impostor = answer;
  }

  breakAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.breakAll();
  }

  #accept(dialler: Socket): void {
    this.#keep(dialler);
    if (this.#impostor !== undefined) {
      this.#impostureCount++;
      for (const bytes of this.#impostor) dialler.write(bytes);
      dialler.resume();
      return;
    }
    const recording = new Recording();
    this.recordings.push(recording);
    const acceptor = connect({ ...this.#target, noDelay: true });
    this.#keep(acceptor);
    dialler.on("data", (bytes: Buffer) => {
      recording.fromDialler.push(bytes);
      for (const part of this.#pass(bytes, recording)) acceptor.write(part);
    });
    acceptor.on("data", (bytes: Buffer) => {
      recording.fromAcceptor.push(bytes);
      dialler.write(bytes);
    });
    dialler.on("close", () => acceptor.destroy());
    acceptor.on("close", () => dialler.destroy());
  }

  /** Only what comes behind the handshake is spoilt. */
  #pass(bytes: Buffer, recording: Recording): readonly Buffer[] {
    const spoiler = this.#spoiler;
    if (spoiler === undefined || recording.fromDialler.length < 10) return [bytes];
    this.#spoiler = undefined;
    return spoiler(bytes);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
