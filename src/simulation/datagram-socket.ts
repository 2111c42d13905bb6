import {
  assert,
  type DatagramHandlers,
  type DatagramSent,
  type DatagramSocket,
  datagramBytesMax,
  NetworkError,
  type SocketAddress,
} from "../platform/index.ts";
import { arrivalPhase } from "./event-queue.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { ProcessDatagrams } from "./process-datagrams.ts";
import { anyHosts, loopbackHosts } from "./process-network.ts";
import type { SimulatedWorld } from "./world.ts";

/** A datagram socket of one process. What it sends takes its own time and its own risk, each datagram by itself. */
export class SimulatedDatagramSocket implements DatagramSocket {
  readonly machine: SimulatedMachine;
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress | undefined;
  readonly #world: SimulatedWorld;
  readonly #owner: ProcessDatagrams;
  readonly #handlers: DatagramHandlers;
  #isClosed = false;

  constructor(
    world: SimulatedWorld,
    owner: ProcessDatagrams,
    options: {
      readonly localAddress: SocketAddress;
      readonly remoteAddress: SocketAddress | undefined;
      readonly handlers: DatagramHandlers;
    },
  ) {
    this.#world = world;
    this.#owner = owner;
    this.machine = owner.machine;
    this.localAddress = options.localAddress;
    this.remoteAddress = options.remoteAddress;
    this.#handlers = options.handlers;
    owner.sockets.add(this);
    world.network.datagramSockets.add(this);
  }

  send(bytes: Uint8Array, to: SocketAddress | undefined, done: DatagramSent): void {
    assert((to === undefined) === (this.remoteAddress !== undefined), "a connected socket takes no address");
    const target = to ?? this.remoteAddress;
    const code = target === undefined ? "EDESTADDRREQ" : this.#send(bytes, target);
    this.#owner.post(() => done(code === undefined ? null : new NetworkError(code, `send: ${code}`)));
  }

  close(): Promise<void> {
    this.end();
    return new Promise((resolve) => this.#owner.post(resolve));
  }

  /** As when its process ends. */
  end(): void {
    this.#isClosed = true;
    this.#owner.sockets.delete(this);
    this.#world.network.datagramSockets.delete(this);
  }

  #send(bytes: Uint8Array, to: SocketAddress): string | undefined {
    if (this.#isClosed) return "ECANCELED";
    if (to.port === 0) return "EINVAL";
    if (bytes.length > datagramBytesMax) return "EMSGSIZE";
    const isLoopback = loopbackHosts.has(to.host);
    const target = isLoopback ? this.machine : this.#world.findMachine(to.host);
    if (target === undefined) return "ENOTFOUND";
    const { network } = this.#world;
    const sent = new Uint8Array(bytes);
    this.machine.countSent(target, bytes.length);
    const from = { host: isLoopback ? "127.0.0.1" : this.machine.address, port: this.localAddress.port };
    for (const delayMs of network.datagramDelaysMs(this.machine, target)) {
      this.#world.at(this.#world.later(delayMs), arrivalPhase, () => {
        if (!network.isOpen(this.machine, target)) return;
        const receiver = receiverAt(network.datagramSockets, target, { host: to.host, port: to.port });
        if (receiver !== undefined) receiver.#receive(new Uint8Array(sent), from);
      });
    }
    return undefined;
  }

  #receive(bytes: Uint8Array, from: SocketAddress): void {
    const { remoteAddress } = this;
    if (remoteAddress !== undefined && (remoteAddress.host !== from.host || remoteAddress.port !== from.port)) return;
    this.#owner.post(() => {
      if (!this.#isClosed) this.#handlers.onMessage(bytes, from);
    });
  }
}

function receiverAt(
  sockets: Iterable<SimulatedDatagramSocket>,
  machine: SimulatedMachine,
  to: SocketAddress,
): SimulatedDatagramSocket | undefined {
  for (const socket of sockets) {
    const { host, port } = socket.localAddress;
    if (socket.machine !== machine || port !== to.port) continue;
    if (anyHosts.has(host) || loopbackHosts.has(host) === loopbackHosts.has(to.host)) return socket;
  }
  return undefined;
}
