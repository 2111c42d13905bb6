import type { SocketAddress, StreamHandlers, StreamSocket } from "../../src/platform/index.ts";
import type { SimulatedWorld } from "../../src/simulation/index.ts";

/** One connection through a {@link Router}. `inward` is the way from the dialler to the one that listens. */
export class RoutedConnection {
  readonly passedBytes: { inward: number; outward: number } = { inward: 0, outward: 0 };
  /** When so many bytes have passed, nothing more does, and the connection breaks. */
  limits: { readonly inward?: number; readonly outward?: number } = {};
  /** At its limit it does not break: what comes is dropped without a word. */
  isSilent = false;

  constructor(dialler: StreamSocket, dial: (handlers: StreamHandlers) => StreamSocket) {
    this.#dialler = dialler;
    dialler.handle(this.#handlers("inward", () => this.#listener));
    this.#listener = dial(this.#handlers("outward", () => dialler));
  }

  /** Takes no more bytes, from either side. */
  stall(): void {
    this.#dialler.pause();
    this.#listener.pause();
  }

  destroy(): void {
    this.#dialler.destroy();
    this.#listener.destroy();
  }

  readonly #dialler: StreamSocket;
  readonly #listener: StreamSocket;

  #handlers(way: "inward" | "outward", other: () => StreamSocket): StreamHandlers {
    return {
      onData: (bytes) => {
        const limit = this.limits[way] ?? Number.POSITIVE_INFINITY;
        const room = Math.max(0, limit - this.passedBytes[way]);
        const passing = Uint8Array.from(bytes.subarray(0, room));
        this.passedBytes[way] += passing.length;
        other().write(passing);
        if (bytes.length < room || this.isSilent) return;
        // What has passed still arrives at the one; the other hears nothing more.
        other().end();
        this.#dialler.pause();
        this.#listener.pause();
      },
      onEnd: () => other().end(),
      onClose: () => other().destroy(),
    };
  }
}

/** What a router with mapped ports does: a machine that passes connections to `at` on to `target`. */
export class Router {
  readonly connections: RoutedConnection[] = [];
  /** Sees each connection before its first byte. */
  onConnection: (connection: RoutedConnection) => void = () => {};
  /** It listens. */
  readonly ready: Promise<void>;

  constructor(world: SimulatedWorld, at: SocketAddress, target: SocketAddress) {
    const { network } = world.machine(at.host).start();
    const listening = network.listen(at, (socket) => {
      const connection = new RoutedConnection(socket, (handlers) => network.connect(target, handlers));
      this.connections.push(connection);
      this.onConnection(connection);
    });
    this.ready = listening.then(() => undefined);
  }
}
