/**
 * The demo's side of the connections that tie its nodes to it: nodes that it started itself, and nodes that were
 * started again by hand from its directory. The kernel closes them when the demo ends, also by SIGKILL, and the
 * nodes stop.
 */
import { createServer, type Server, type Socket } from "node:net";
import { type DemoMessage, receiveMessages, sendMessage } from "./demo-message.ts";

/** How a node finds the demo and proves that it belongs to it. */
export interface ControlAddress {
  readonly port: number;
  /** Known to whoever may read the demo's directory or was started by the demo. */
  readonly token: string;
}

export interface ControlHandlers {
  /** A node of this demo has come. */
  onAttached(node: { readonly name: string; readonly pid: number }): void;
  onMessage(node: { readonly name: string; readonly pid: number }, message: DemoMessage): void;
  /** Its process has ended, or is about to. */
  onDetached(node: { readonly name: string; readonly pid: number }): void;
}

const helloTimeoutMs = 5_000;
/** Far more than there are nodes; what is beyond is turned away. */
const connectionsMax = 64;

export class DemoControl {
  readonly address: ControlAddress;
  readonly #server: Server;
  readonly #names: ReadonlySet<string>;
  readonly #handlers: ControlHandlers;
  /** Attached nodes; the value is the process id. */
  readonly #attached = new Map<Socket, { readonly name: string; readonly pid: number }>();
  readonly #strangers = new Set<Socket>();

  private constructor(server: Server, address: ControlAddress, names: readonly string[], handlers: ControlHandlers) {
    this.#server = server;
    this.address = address;
    this.#names = new Set(names);
    this.#handlers = handlers;
    server.on("connection", (socket) => this.#accept(socket));
  }

  static listen(token: string, names: readonly string[], handlers: ControlHandlers): Promise<DemoControl> {
    // Half-open: a node that was told to stop keeps its side open until its process ends.
    const server = createServer({ allowHalfOpen: true });
    server.maxConnections = connectionsMax;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: "127.0.0.1", port: 0 }, () => {
        const address = server.address();
        if (address === null || typeof address === "string") return;
        resolve(new DemoControl(server, { port: address.port, token }, names, handlers));
      });
    });
  }

  /** The nodes whose processes are known to live. */
  attached(): readonly { readonly name: string; readonly pid: number }[] {
    return [...this.#attached.values()];
  }

  /** Tells every node to stop, by ending its connection; refuses new ones. */
  endAll(): void {
    this.#server.close();
    for (const socket of this.#strangers) socket.destroy();
    for (const socket of this.#attached.keys()) socket.end();
  }

  #accept(socket: Socket): void {
    this.#strangers.add(socket);
    socket.on("error", () => {});
    const timer = setTimeout(() => socket.destroy(), helloTimeoutMs);
    receiveMessages(socket, (message) => {
      const node = this.#attached.get(socket);
      if (node !== undefined) this.#handlers.onMessage(node, message);
      else if (message.type === "hello" && message.token === this.address.token && this.#names.has(message.name)) {
        clearTimeout(timer);
        this.#attach(socket, { name: message.name, pid: message.pid });
      } else socket.destroy();
    });
    // Half-open works both ways: the node's end is the end.
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      clearTimeout(timer);
      this.#strangers.delete(socket);
      const node = this.#attached.get(socket);
      if (node === undefined) return;
      this.#attached.delete(socket);
      this.#handlers.onDetached(node);
    });
  }

  #attach(socket: Socket, node: { readonly name: string; readonly pid: number }): void {
    this.#strangers.delete(socket);
    this.#attached.set(socket, node);
    sendMessage(socket, { type: "welcome" });
    this.#handlers.onAttached(node);
  }
}
