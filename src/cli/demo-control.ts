/**
 * The demo's side of the connections that tie its nodes to it: nodes that it started itself, and nodes that were
 * started again by hand from its directory. The kernel closes them when the demo ends, also by SIGKILL, and the
 * nodes stop.
 */
import { background, closed, go } from "../channels/index.ts";
import { JsonStream, listenTcp, type TcpConnection, type TcpListener } from "../net/index.ts";
import { type DemoMessage, demoMessageBytesMax, demoMessageSchema, endsConversation } from "./demo-message.ts";

/** How a node finds the demo and proves that it belongs to it. */
export interface ControlAddress {
  readonly port: number;
  /** Known to whoever may read the demo's directory or was started by the demo. */
  readonly token: string;
}

/** A process that has come as a node of the demo. */
export interface AttachedNode {
  readonly name: string;
  readonly pid: number;
}

export interface ControlHandlers {
  /** A node of this demo has come. */
  onAttached(node: AttachedNode): void;
  onMessage(node: AttachedNode, message: DemoMessage): void;
  /** Its process has ended, or is about to. */
  onDetached(node: AttachedNode): void;
}

const helloTimeoutMs = 5_000;
/** Far more than there are nodes; what is beyond is turned away. */
const connectionsMax = 64;

export class DemoControl {
  readonly address: ControlAddress;
  readonly #listener: TcpListener;
  readonly #names: ReadonlySet<string>;
  readonly #handlers: ControlHandlers;
  readonly #attached = new Map<TcpConnection, AttachedNode>();
  readonly #strangers = new Set<TcpConnection>();

  private constructor(listener: TcpListener, token: string, names: readonly string[], handlers: ControlHandlers) {
    this.#listener = listener;
    this.address = { port: listener.address.port, token };
    this.#names = new Set(names);
    this.#handlers = handlers;
    go(() => this.#accept());
  }

  static async listen(token: string, names: readonly string[], handlers: ControlHandlers): Promise<DemoControl> {
    return new DemoControl(await listenTcp("127.0.0.1:0"), token, names, handlers);
  }

  /** The nodes whose processes are known to live. */
  attached(): readonly AttachedNode[] {
    return [...this.#attached.values()];
  }

  /** Tells every node to stop, by ending its connection; refuses new ones. */
  endAll(): void {
    void this.#listener.close();
    for (const connection of this.#strangers) connection.destroy();
    // A node that was told to stop keeps its side open until its process ends.
    for (const connection of this.#attached.keys()) connection.closeWrite();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      if (this.#strangers.size + this.#attached.size >= connectionsMax) {
        connection.destroy();
      } else {
        this.#strangers.add(connection);
        go(() => this.#converse(connection));
      }
    }
  }

  /** From a connection's beginning to its end. */
  async #converse(connection: TcpConnection): Promise<void> {
    const stream = new JsonStream(connection, { schema: demoMessageSchema, bytesMax: demoMessageBytesMax });
    try {
      const node = await this.#welcome(connection, stream);
      if (node === undefined) return;
      for await (const message of stream) this.#handlers.onMessage(node, message);
      // The node's end is the end.
      connection.closeWrite();
      await connection.ended.receive();
    } catch (error) {
      // It broke, said something that is no message, or nothing. What a handler throws is a bug, and goes its way.
      if (!endsConversation(error)) throw error;
    } finally {
      connection.destroy();
      this.#strangers.delete(connection);
      const node = this.#attached.get(connection);
      this.#attached.delete(connection);
      if (node !== undefined) this.#handlers.onDetached(node);
    }
  }

  /** The node that proves itself in time, now attached; undefined for a stranger. */
  async #welcome(connection: TcpConnection, stream: JsonStream<DemoMessage>): Promise<AttachedNode | undefined> {
    const [patience, cancel] = background().withTimeout(helloTimeoutMs);
    try {
      const hello = await stream.receive(patience);
      if (hello === closed || hello.type !== "hello") return undefined;
      if (hello.token !== this.address.token || !this.#names.has(hello.name)) return undefined;
      const node = { name: hello.name, pid: hello.pid };
      const sent = stream.send({ type: "welcome" } satisfies DemoMessage);
      this.#strangers.delete(connection);
      this.#attached.set(connection, node);
      this.#handlers.onAttached(node);
      await sent;
      return node;
    } finally {
      cancel();
    }
  }
}
