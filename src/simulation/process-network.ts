import {
  type Network,
  NetworkError,
  type SocketAddress,
  type StreamHandlers,
  type StreamListener,
  type StreamSocket,
  type UnixAddress,
} from "../platform/index.ts";
import { arrivalPhase } from "./event-queue.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { SimulatedProcess } from "./process.ts";
import { SimulatedSocket } from "./socket.ts";
import type { SimulatedWorld } from "./world.ts";

/** Somebody listens. */
export interface ListeningPort {
  readonly address: SocketAddress;
  readonly network: ProcessNetwork;
  readonly onConnection: (socket: StreamSocket) => void;
}

export const loopbackHosts: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "::1"]);
export const anyHosts: ReadonlySet<string> = new Set(["", "0.0.0.0", "::"]);

/** The network as one process sees it. Hosts are the names and addresses of machines, or loopback. */
export class ProcessNetwork implements Network {
  readonly machine: SimulatedMachine;
  /** Of both kinds. */
  readonly sockets: Set<SimulatedSocket<SocketAddress | UnixAddress>> = new Set();
  readonly #world: SimulatedWorld;
  readonly #process: SimulatedProcess;

  constructor(world: SimulatedWorld, process: SimulatedProcess, machine: SimulatedMachine) {
    this.#world = world;
    this.#process = process;
    this.machine = machine;
  }

  get processId(): number {
    return this.#process.id;
  }

  get isAlive(): boolean {
    return this.#process.isAlive;
  }

  post(callback: () => void): void {
    this.#process.post(callback);
  }

  /** The socket has come to its end. */
  forget(socket: SimulatedSocket<SocketAddress | UnixAddress>): void {
    this.sockets.delete(socket);
    this.#world.network.forget(socket);
  }

  listen(address: SocketAddress, onConnection: (socket: StreamSocket) => void): Promise<StreamListener> {
    return new Promise((resolve, reject) => {
      const outcome = this.#listen(address, onConnection);
      this.post(() => {
        if (typeof outcome !== "string") resolve(outcome);
        else reject(new NetworkError(outcome, `listen ${address.host}:${address.port}: ${outcome}`));
      });
    });
  }

  connect(address: SocketAddress, handlers: StreamHandlers): StreamSocket {
    const localHost = loopbackHosts.has(address.host) ? address.host : this.machine.address;
    const socket = new SimulatedSocket(this.#world, this, {
      isInitiator: true,
      remoteAddress: address,
      localAddress: { host: localHost, port: this.machine.takePort() },
      handlers,
    });
    this.#world.network.register(socket);
    if (this.#process.isAlive) this.#dial(socket, this.#world.nowMs, 0);
    return socket;
  }

  /** The process is gone; with `isSilent` so is the machine, and nobody is told. */
  close(isSilent: boolean): void {
    for (const socket of [...this.sockets]) {
      if (isSilent) socket.vanish();
      else socket.processEnded();
    }
    for (const listening of [...this.machine.listening]) {
      if (listening.network === this) this.machine.listening.delete(listening);
    }
  }

  #listen(asked: SocketAddress, onConnection: (socket: StreamSocket) => void): StreamListener | string {
    const { machine } = this;
    const isOwn = loopbackHosts.has(asked.host) || anyHosts.has(asked.host) || machine.isHost(asked.host);
    if (!isOwn) return "EADDRNOTAVAIL";
    const port = asked.port === 0 ? machine.takePort() : asked.port;
    const address = { host: asked.host, port };
    for (const { address: taken } of machine.listening) {
      const isSameHost = taken.host === asked.host || anyHosts.has(taken.host) || anyHosts.has(asked.host);
      if (taken.port === port && isSameHost) return "EADDRINUSE";
    }
    const listening: ListeningPort = { address, network: this, onConnection };
    if (this.#process.isAlive) machine.listening.add(listening);
    return {
      address,
      close: () => {
        machine.listening.delete(listening);
        return new Promise((resolve) => this.post(resolve));
      },
    };
  }

  /** Sends the first packet of a connection; again after a while if nothing comes back. */
  #dial(socket: SimulatedSocket, startedMs: number, attempt: number): void {
    const { host, port } = socket.remoteAddress;
    const target = loopbackHosts.has(host) ? this.machine : this.#world.findMachine(host);
    if (target === undefined) {
      this.#world.at(this.#world.later(1), arrivalPhase, () => socket.breakOff("ENOTFOUND"));
      return;
    }
    const { network } = this.#world;
    const { connectTimeoutMs, synRetryMs } = network.settingsOf(this.machine, target);
    const arrivalMs = this.#world.later(network.delayMs(this.machine, target));
    this.#world.at(arrivalMs, arrivalPhase, () => {
      if (socket.isDead) return;
      const isAnswered = network.isOpen(this.machine, target) && network.isOpen(target, this.machine);
      if (isAnswered) {
        this.#answer(socket, target, port);
        // The answer may be lost with the machine that gave it.
        const endMs = Math.max(startedMs + connectTimeoutMs, this.#world.nowMs);
        this.#world.at(endMs, arrivalPhase, () => socket.endIfUnanswered());
      } else if (this.#world.nowMs - startedMs >= connectTimeoutMs) {
        socket.breakOff("ETIMEDOUT");
      } else {
        const retryMs = this.#world.later(synRetryMs * 2 ** attempt);
        this.#world.at(Math.min(retryMs, startedMs + connectTimeoutMs), arrivalPhase, () => {
          if (!socket.isDead) this.#dial(socket, startedMs, attempt + 1);
        });
      }
    });
  }

  #answer(socket: SimulatedSocket, target: SimulatedMachine, port: number): void {
    const isLoopback = loopbackHosts.has(socket.remoteAddress.host);
    const listening = [...target.listening].find(({ address }) => {
      const isHost = anyHosts.has(address.host) || loopbackHosts.has(address.host) === isLoopback;
      return address.port === port && isHost;
    });
    if (listening === undefined) {
      const refusedMs = this.#world.later(this.#world.network.delayMs(target, this.machine));
      this.#world.at(refusedMs, arrivalPhase, () => socket.breakOff("ECONNREFUSED"));
      return;
    }
    listening.network.#accept(socket, listening);
  }

  /** The system takes the connection at once; the program sees it in its next turn. */
  #accept(initiator: SimulatedSocket, listening: ListeningPort): void {
    const socket = new SimulatedSocket(this.#world, this, {
      isInitiator: false,
      remoteAddress: initiator.localAddress,
      localAddress: { host: initiator.remoteAddress.host, port: listening.address.port },
      handlers: undefined,
    });
    this.#world.network.register(socket);
    socket.join(initiator);
    initiator.join(socket);
    socket.sendOpen();
    this.post(() => {
      if (socket.isDead) return;
      if (!this.machine.listening.has(listening)) {
        // Nobody accepts any more what has been waiting.
        socket.processEnded();
        return;
      }
      listening.onConnection(socket);
      if (!socket.isDead) socket.accept();
    });
  }
}
