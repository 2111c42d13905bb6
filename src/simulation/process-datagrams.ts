import {
  type DatagramHandlers,
  type DatagramNetwork,
  type DatagramSocket,
  NetworkError,
  type SocketAddress,
} from "../platform/index.ts";
import { SimulatedDatagramSocket } from "./datagram-socket.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { SimulatedProcess } from "./process.ts";
import { anyHosts, loopbackHosts } from "./process-network.ts";
import type { SimulatedWorld } from "./world.ts";

/** Datagrams as one process sees them. Hosts are the names and addresses of machines, or loopback. */
export class ProcessDatagrams implements DatagramNetwork {
  readonly machine: SimulatedMachine;
  readonly sockets: Set<SimulatedDatagramSocket> = new Set();
  readonly #world: SimulatedWorld;
  readonly #process: SimulatedProcess;

  constructor(world: SimulatedWorld, process: SimulatedProcess, machine: SimulatedMachine) {
    this.#world = world;
    this.#process = process;
    this.machine = machine;
  }

  post(callback: () => void): void {
    this.#process.post(callback);
  }

  bind(address: SocketAddress, handlers: DatagramHandlers, remote?: SocketAddress): Promise<DatagramSocket> {
    return new Promise((resolve, reject) => {
      const outcome = this.#bind(address, handlers, remote);
      this.post(() => {
        if (typeof outcome !== "string") resolve(outcome);
        else reject(new NetworkError(outcome, `bind ${address.host}:${address.port}: ${outcome}`));
      });
    });
  }

  /** The process is gone. */
  close(): void {
    for (const socket of [...this.sockets]) socket.end();
  }

  #bind(
    asked: SocketAddress,
    handlers: DatagramHandlers,
    remote: SocketAddress | undefined,
  ): SimulatedDatagramSocket | string {
    const { machine } = this;
    const isOwn = loopbackHosts.has(asked.host) || anyHosts.has(asked.host) || machine.isHost(asked.host);
    if (!isOwn) return "EADDRNOTAVAIL";
    const host = numeric(asked.host) ?? machine.address;
    const port = asked.port === 0 ? machine.takePort() : asked.port;
    for (const { machine: other, localAddress: taken } of this.#world.network.datagramSockets) {
      const isSameHost = taken.host === host || anyHosts.has(taken.host) || anyHosts.has(host);
      if (other === machine && taken.port === port && isSameHost) return "EADDRINUSE";
    }
    let remoteAddress: SocketAddress | undefined;
    if (remote !== undefined) {
      const remoteHost = numeric(remote.host) ?? this.#world.findMachine(remote.host)?.address;
      if (remoteHost === undefined) return "ENOTFOUND";
      remoteAddress = { host: remoteHost, port: remote.port };
    }
    // A socket that is connected has the address from which it reaches the other side.
    const isLoopback = remoteAddress?.host === "127.0.0.1";
    const ownHost =
      remoteAddress === undefined || !anyHosts.has(host) ? host : isLoopback ? "127.0.0.1" : machine.address;
    const options = { localAddress: { host: ownHost, port }, remoteAddress, handlers };
    const socket = new SimulatedDatagramSocket(this.#world, this, options);
    if (!this.#process.isAlive) socket.end();
    return socket;
  }
}

/** Loopback and "every interface" as numbers; undefined for other hosts. */
function numeric(host: string): string | undefined {
  if (loopbackHosts.has(host)) return "127.0.0.1";
  return anyHosts.has(host) ? "0.0.0.0" : undefined;
}
