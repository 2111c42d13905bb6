import { WaitGroup } from "../channels/index.ts";

/** What has a socket, until that is closed. */
interface SocketOwner {
  destroy(): void;
}

/** All sockets of a server, from when they were accepted until they are closed for good. */
export class OpenSockets {
  readonly #owners = new Set<SocketOwner>();
  readonly #open = new WaitGroup();

  get count(): number {
    return this.#owners.size;
  }

  add(owner: SocketOwner): void {
    if (this.#owners.has(owner)) return;
    this.#owners.add(owner);
    this.#open.add();
  }

  remove(owner: SocketOwner): void {
    if (this.#owners.delete(owner)) this.#open.done();
  }

  destroyAll(): void {
    for (const owner of [...this.#owners]) owner.destroy();
  }

  /** Resolves once none is left. */
  async allClosed(): Promise<void> {
    await this.#open.wait();
  }
}
