import {
  DiskError,
  isUnixPath,
  type Network,
  NetworkError,
  type StreamHandlers,
  type StreamListener,
  type StreamSocket,
  type UnixAddress,
} from "../platform/index.ts";
import { FileNode, type FolderNode, findNode, findParent } from "./disk-tree.ts";
import { arrivalPhase } from "./event-queue.ts";
import type { ProcessNetwork } from "./process-network.ts";
import { SimulatedSocket } from "./socket.ts";
import type { SimulatedWorld } from "./world.ts";

/** Somebody listens at a file. */
export interface ListeningFile {
  readonly address: UnixAddress;
  readonly network: ProcessUnixNetwork;
  readonly onConnection: (socket: StreamSocket<UnixAddress>) => void;
}

/**
 * Unix sockets as one process sees them. A socket that listens has a file on the machine's disk, which a process that is
 * killed leaves behind.
 */
export class ProcessUnixNetwork implements Network<UnixAddress> {
  readonly #world: SimulatedWorld;
  /** The process' sockets are all its. */
  readonly #owner: ProcessNetwork;

  constructor(world: SimulatedWorld, owner: ProcessNetwork) {
    this.#world = world;
    this.#owner = owner;
  }

  listen(
    address: UnixAddress,
    onConnection: (socket: StreamSocket<UnixAddress>) => void,
  ): Promise<StreamListener<UnixAddress>> {
    return new Promise((resolve, reject) => {
      const outcome = this.#listen(address, onConnection);
      this.#owner.post(() => {
        if (typeof outcome !== "string") resolve(outcome);
        else reject(new NetworkError(outcome, `listen unix:${address.path}: ${outcome}`));
      });
    });
  }

  connect(address: UnixAddress, handlers: StreamHandlers): StreamSocket<UnixAddress> {
    const socket = new SimulatedSocket<UnixAddress>(this.#world, this.#owner, {
      isInitiator: true,
      remoteAddress: address,
      localAddress: { path: "" },
      handlers,
    });
    if (this.#owner.isAlive) this.#dial(socket);
    return socket;
  }

  /** The process is gone; its files stay. */
  close(): void {
    const { listeningFiles } = this.#owner.machine;
    for (const [file, listening] of [...listeningFiles]) {
      if (listening.network === this) listeningFiles.delete(file);
    }
  }

  #listen(
    address: UnixAddress,
    onConnection: (socket: StreamSocket<UnixAddress>) => void,
  ): StreamListener<UnixAddress> | string {
    const { machine } = this.#owner;
    const place = isUnixPath(address.path) ? placeOf(machine.disk.root, address.path) : "EINVAL";
    if (typeof place === "string") return place;
    const { folder, name } = place;
    if (folder.names.has(name)) return "EADDRINUSE";
    const file = new FileNode();
    if (this.#owner.isAlive) {
      folder.change((names) => void names.set(name, file));
      machine.listeningFiles.set(file, { address, network: this, onConnection });
    }
    return {
      address,
      close: () => {
        const isListening = machine.listeningFiles.delete(file);
        if (isListening && folder.names.get(name) === file) folder.change((names) => void names.delete(name));
        return new Promise((resolve) => this.#owner.post(resolve));
      },
    };
  }

  #dial(socket: SimulatedSocket<UnixAddress>): void {
    const { machine } = this.#owner;
    const { path } = socket.remoteAddress;
    const arrivalMs = this.#world.later(this.#world.network.delayMs(machine, machine));
    this.#world.at(arrivalMs, arrivalPhase, () => {
      if (socket.isDead) return;
      const file = isUnixPath(path) ? fileAt(machine.disk.root, path) : "EINVAL";
      if (typeof file === "string") {
        socket.breakOff(file);
        return;
      }
      const listening = machine.listeningFiles.get(file);
      if (listening === undefined) socket.breakOff("ECONNREFUSED");
      else listening.network.#accept(socket, file, listening);
    });
  }

  #accept(initiator: SimulatedSocket<UnixAddress>, file: FileNode, listening: ListeningFile): void {
    const socket = new SimulatedSocket<UnixAddress>(this.#world, this.#owner, {
      isInitiator: false,
      remoteAddress: initiator.localAddress,
      localAddress: listening.address,
      handlers: undefined,
    });
    socket.join(initiator);
    initiator.join(socket);
    socket.sendOpen();
    this.#owner.post(() => {
      if (socket.isDead) return;
      if (this.#owner.machine.listeningFiles.get(file) !== listening) {
        // Nobody accepts any more what has been waiting.
        socket.processEnded();
        return;
      }
      listening.onConnection(socket);
      if (!socket.isDead) socket.accept();
    });
  }
}

/** The folder and the name in it, or the system's word against it. */
function placeOf(root: FolderNode, path: string): { readonly folder: FolderNode; readonly name: string } | string {
  try {
    return findParent(root, path, "listen");
  } catch (error) {
    if (error instanceof DiskError) return error.code;
    throw error;
  }
}

function fileAt(root: FolderNode, path: string): FileNode | string {
  try {
    const node = findNode(root, path, "connect");
    if (node === undefined) return "ENOENT";
    return node.kind === "file" ? node : "ECONNREFUSED";
  } catch (error) {
    if (error instanceof DiskError) return error.code;
    throw error;
  }
}
