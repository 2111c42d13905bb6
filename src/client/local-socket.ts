/**
 * A connection within the process: two `StreamSocket`s, each of which hands what is written to the other. It lets the
 * embedded store talk to the Redis server of its node exactly as any client does, without a port.
 */
import { assert, type SocketAddress, type StreamHandlers, type StreamSocket } from "../platform/index.ts";

const address: SocketAddress = { host: "127.0.0.1", port: 0 };

export class LocalSocket implements StreamSocket {
  readonly remoteAddress: SocketAddress = address;
  readonly localAddress: SocketAddress = address;
  /** What is written is the other side's at once. */
  readonly pendingBytes = 0;
  #peer: LocalSocket | undefined;
  #handlers: StreamHandlers | undefined;
  #incoming: Uint8Array[] = [];
  #isPaused = false;
  #isScheduled = false;
  #hasEnded = false;
  #hasPeerEnded = false;
  #isEndTold = false;
  #isClosed = false;
  #isCloseTold = false;

  /** Two ends of one connection. */
  static pair(): readonly [LocalSocket, LocalSocket] {
    const left = new LocalSocket();
    const right = new LocalSocket();
    left.#peer = right;
    right.#peer = left;
    return [left, right];
  }

  handle(handlers: StreamHandlers): void {
    assert(this.#handlers === undefined, "a socket is handled once");
    this.#handlers = handlers;
    this.#schedule();
  }

  write(data: string | Uint8Array): boolean {
    if (this.#hasEnded || this.#isClosed || data.length === 0) return true;
    this.#other().#receive(typeof data === "string" ? Buffer.from(data, "latin1") : data);
    return true;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  end(): void {
    if (this.#hasEnded || this.#isClosed) return;
    this.#hasEnded = true;
    this.#other().#endReceived();
    this.#schedule();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#incoming = [];
    this.#schedule();
    this.#other().#broken();
  }

  #other(): LocalSocket {
    assert(this.#peer !== undefined, "a socket is made as one of a pair");
    return this.#peer;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#incoming.push(bytes);
    this.#schedule();
  }

  #endReceived(): void {
    this.#hasPeerEnded = true;
    this.#schedule();
  }

  /** The other side was destroyed: what it had written still arrives, then this side is closed as well. */
  #broken(): void {
    this.#hasEnded = true;
    this.#endReceived();
  }

  /** Events come in a microtask, never within a call. */
  #schedule(): void {
    if (this.#isScheduled || this.#isCloseTold || this.#handlers === undefined) return;
    this.#isScheduled = true;
    void Promise.resolve().then(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const handlers = this.#handlers;
    if (handlers === undefined || this.#isCloseTold) return;
    while (!this.#isPaused && !this.#isClosed) {
      const bytes = this.#incoming.shift();
      if (bytes === undefined) break;
      handlers.onData(bytes);
    }
    const hasAll = this.#incoming.length === 0 && this.#hasPeerEnded;
    if (hasAll && !this.#isEndTold && !this.#isClosed) {
      this.#isEndTold = true;
      if (handlers.onEnd === undefined) this.end();
      else handlers.onEnd();
    }
    if (this.#isClosed || (hasAll && this.#hasEnded)) {
      this.#isClosed = true;
      this.#isCloseTold = true;
      handlers.onClose(undefined);
    }
  }
}
