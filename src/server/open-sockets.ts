/** What has a socket, until that is closed. */
interface SocketOwner {
  destroy(): void;
}

/** All sockets of a server, from when they were accepted until they are closed for good. */
export class OpenSockets {
  readonly #owners = new Set<SocketOwner>();
  #onEmpty: (() => void)[] = [];

  get count(): number {
    return this.#owners.size;
  }

  add(owner: SocketOwner): void {
    this.#owners.add(owner);
  }

  remove(owner: SocketOwner): void {
    this.#owners.delete(owner);
    if (this.#owners.size > 0) return;
    const waiting = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiting) resolve();
  }

  destroyAll(): void {
    for (const owner of [...this.#owners]) owner.destroy();
  }

  /** Resolves once none is left. */
  allClosed(): Promise<void> {
    if (this.#owners.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }
}
