import type { SocketAddress, StreamSocket } from "../../src/platform/index.ts";
import type { SimulatedWorld } from "../../src/simulation/index.ts";

/** What a router with mapped ports does: a machine that passes connections to `at` on to `target`. Counts them. */
export class Forwarder {
  count = 0;

  constructor(world: SimulatedWorld, at: SocketAddress, target: SocketAddress) {
    const { network } = world.machine(at.host).start();
    this.ready = network
      .listen(at, (inner) => {
        this.count++;
        const outer: StreamSocket = network.connect(
          target,
          handlersTowards(() => inner),
        );
        inner.handle(handlersTowards(() => outer));
      })
      .then(() => undefined);
  }

  /** It listens. */
  readonly ready: Promise<void>;
}

function handlersTowards(other: () => StreamSocket): Parameters<StreamSocket["handle"]>[0] {
  return {
    onData: (bytes) => void other().write(Uint8Array.from(bytes)),
    onEnd: () => other().end(),
    onClose: () => other().destroy(),
  };
}
