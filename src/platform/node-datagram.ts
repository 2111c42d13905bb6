import { createSocket, type Socket } from "node:dgram";
import { type LookupOneOptions, lookup } from "node:dns";
import { isIP } from "node:net";
import { assert } from "./assert.ts";
import type { DatagramHandlers, DatagramNetwork, DatagramSent, DatagramSocket } from "./datagram.ts";
import { type HostFound, HostLookups } from "./host-lookups.ts";
import { NetworkError, type SocketAddress } from "./network.ts";
import { toNetworkError } from "./node-socket.ts";

/** UDP over `node:dgram`. What a name's look-up says holds for 10 s. */
export class NodeDatagramNetwork implements DatagramNetwork {
  async bind(address: SocketAddress, handlers: DatagramHandlers, remote?: SocketAddress): Promise<DatagramSocket> {
    const operation = `bind ${address.host}:${address.port}`;
    const target = remote === undefined ? undefined : await resolveHost(remote, operation);
    // A socket speaks one of the two versions: the other side's, or that of the address to listen at.
    const host = address.host === "" ? undefined : address.host;
    const family =
      target?.family ?? (host === undefined ? 4 : (await resolveHost({ host, port: 0 }, operation)).family);
    const socket = createSocket({ type: family === 6 ? "udp6" : "udp4", lookup: this.#lookup });
    try {
      await started(socket, (done) =>
        socket.bind({ port: address.port, exclusive: true, ...(host !== undefined && { address: host }) }, done),
      );
      if (target !== undefined) await started(socket, (done) => socket.connect(target.port, target.host, done));
    } catch (error) {
      socket.close();
      throw toNetworkError(error instanceof Error ? error : new Error(String(error)), operation);
    }
    const remoteAddress = target === undefined ? undefined : { host: target.host, port: target.port };
    return new NodeDatagramSocket(socket, handlers, remoteAddress);
  }

  readonly #hosts: HostLookups = new HostLookups({ nowMs: () => performance.now(), keptMs: 10_000, hostsMax: 1_024 });

  /** A numeric address is at hand at once: Node's own look-up would wait a tick for it, for every datagram. */
  readonly #lookup = (host: string, options: LookupOneOptions, found: HostFound): void => {
    const version = isIP(host);
    if (version === 0)
      this.#hosts.find(`${JSON.stringify(options)} ${host}`, (done) => lookup(host, options, done), found);
    else found(null, host, version);
  };
}

class NodeDatagramSocket implements DatagramSocket {
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress | undefined;
  readonly #socket: Socket;
  #closing: Promise<void> | undefined;

  constructor(socket: Socket, handlers: DatagramHandlers, remoteAddress: SocketAddress | undefined) {
    const { address: host, port } = socket.address();
    this.localAddress = { host, port };
    this.remoteAddress = remoteAddress;
    this.#socket = socket;
    socket.on("message", (bytes, from) => {
      if (this.#closing === undefined) handlers.onMessage(bytes, { host: from.address, port: from.port });
    });
    socket.on("error", (error) => {
      if (this.#closing === undefined) handlers.onError(toNetworkError(error, `datagrams at ${host}:${port}`));
    });
  }

  send(bytes: Uint8Array, to: SocketAddress | undefined, done: DatagramSent): void {
    assert((to === undefined) === (this.remoteAddress !== undefined), "a connected socket takes no address");
    if (this.#closing !== undefined) {
      process.nextTick(done, new NetworkError("ECANCELED", "send: the socket is closed"));
      return;
    }
    // Node would throw.
    if (to?.port === 0) process.nextTick(done, new NetworkError("EINVAL", "send: EINVAL: nobody is at port 0"));
    else if (to === undefined) this.#socket.send(bytes, done);
    else this.#socket.send(bytes, to.port, to.host, done);
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => this.#socket.close(() => resolve()));
    return this.#closing;
  }
}

/** Waits for `start` to call back, or for the socket to fail. */
function started(socket: Socket, start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    start(() => {
      socket.off("error", reject);
      resolve();
    });
  });
}

function resolveHost(address: SocketAddress, operation: string): Promise<SocketAddress & { readonly family: number }> {
  return new Promise((resolve, reject) => {
    lookup(address.host, (error, host, family) => {
      if (error !== null) reject(toNetworkError(error, operation));
      else resolve({ host, family, port: address.port });
    });
  });
}
