import {
  assert,
  formatAddress,
  NetworkError,
  type SocketAddress,
  type StreamHandlers,
  type StreamSocket,
  type UnixAddress,
} from "../platform/index.ts";
import type { SimulatedMachine } from "./machine.ts";
import { type Packet, Pipe } from "./pipe.ts";
import type { ProcessNetwork } from "./process-network.ts";
import type { SimulatedWorld } from "./world.ts";

/** One end of a connection between two processes, over TCP or a Unix socket. */
export class SimulatedSocket<A extends SocketAddress | UnixAddress = SocketAddress> implements StreamSocket<A> {
  readonly machine: SimulatedMachine;
  readonly isInitiator: boolean;
  readonly remoteAddress: A;
  readonly localAddress: A;
  peer: SimulatedSocket<A> | undefined;
  readonly #world: SimulatedWorld;
  readonly #owner: ProcessNetwork;
  #handlers: StreamHandlers | undefined;
  #outgoing: Pipe | undefined;
  #isOpen = false;
  #isEnded = false;
  #isEndSent = false;
  /** Destroyed, broken, or its process is gone: what still arrives is answered with a reset. */
  #isDead = false;
  #isClosePosted = false;
  #isPaused = false;
  /** In this process. */
  readonly #queued: Uint8Array[] = [];
  #queuedBytes = 0;
  /** Taken by the operating systems, and not yet by the other process. */
  #outstandingBytes = 0;
  #isDrainAwaited = false;
  readonly #arrived: Uint8Array[] = [];
  #arrivedBytes = 0;
  #hasEndArrived = false;
  #isEndDelivered = false;
  #isReadPosted = false;

  constructor(
    world: SimulatedWorld,
    owner: ProcessNetwork,
    options: {
      readonly isInitiator: boolean;
      readonly remoteAddress: A;
      readonly localAddress: A;
      readonly handlers: StreamHandlers | undefined;
    },
  ) {
    this.#world = world;
    this.#owner = owner;
    this.machine = owner.machine;
    this.isInitiator = options.isInitiator;
    this.remoteAddress = options.remoteAddress;
    this.localAddress = options.localAddress;
    this.#handlers = options.handlers;
    owner.sockets.add(this);
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  handle(handlers: StreamHandlers): void {
    assert(this.#handlers === undefined, "a socket's handlers are set once");
    this.#handlers = handlers;
  }

  /** Both ends know each other now. */
  join(peer: SimulatedSocket<A>): void {
    this.peer = peer;
    this.#outgoing = new Pipe(
      this.#world,
      { from: this.machine, to: peer.machine },
      {
        onPacket: (packet) => peer.#receive(packet),
        onTimeout: () => this.breakOff("ETIMEDOUT"),
        onCut: () => this.breakOff("ECONNRESET"),
      },
    );
  }

  /** The initiating side has waited for long enough. An answer that is merely late still comes, or its pipe breaks. */
  endIfUnanswered(): void {
    if (!this.#isOpen && this.peer?.isDead === true) this.breakOff("ETIMEDOUT");
  }

  /** The accepting side, once its program has seen it. */
  accept(): void {
    assert(this.#handlers !== undefined, "onConnection must call handle");
    this.#isOpen = true;
    this.#flush();
    this.#postRead();
  }

  /** The accepting side's system has answered. */
  sendOpen(): void {
    this.#outgoing?.send({ kind: "open" });
  }

  get pendingBytes(): number {
    return this.#queuedBytes;
  }

  write(data: string | Uint8Array): boolean {
    if (this.#isEnded || this.#isDead) return false;
    if (data.length > 0) {
      this.#queued.push(typeof data === "string" ? Buffer.from(data, "latin1") : data);
      this.#queuedBytes += data.length;
      this.#flush();
    }
    if (this.#queuedBytes === 0) return true;
    this.#isDrainAwaited = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#postRead();
  }

  end(): void {
    if (this.#isEnded || this.#isDead) return;
    this.#isEnded = true;
    this.#flush();
  }

  destroy(): void {
    this.processEnded();
    this.#postClose(undefined);
  }

  /** As when a process ends: its system takes leave of the other side, and nobody is told here. */
  processEnded(): void {
    if (this.#isDead) return;
    const isUnread = this.#arrivedBytes > 0;
    this.#die();
    // Bytes that nobody read are no orderly end.
    if (isUnread) this.#outgoing?.send({ kind: "reset" });
    else if (!this.#isEndSent) this.#outgoing?.send({ kind: "end" });
    this.#isEndSent = true;
  }

  /** The machine has no power any more: the other side hears nothing. */
  vanish(): void {
    this.#die();
    this.#outgoing?.purge();
  }

  /** The connection has failed. */
  breakOff(code: string): void {
    if (this.#isDead) return;
    this.#die();
    this.#outgoing?.purge();
    this.#postClose(new NetworkError(code, `connection with ${formatAddress(this.remoteAddress)}: ${code}`));
  }

  #receive(packet: Packet): void {
    if (this.#isDead) {
      if (packet.kind === "data" || packet.kind === "open") this.#outgoing?.send({ kind: "reset" });
      return;
    }
    switch (packet.kind) {
      case "open":
        this.#isOpen = true;
        this.#owner.post(() => {
          if (!this.#isDead) this.#handlers?.onOpen?.();
        });
        this.#flush();
        break;
      case "data":
        this.#arrived.push(packet.bytes);
        this.#arrivedBytes += packet.bytes.length;
        this.#postRead();
        break;
      case "end":
        this.#hasEndArrived = true;
        this.#postRead();
        break;
      case "taken":
        this.#release(packet.byteCount);
        break;
      case "reset":
      case "cut":
        this.breakOff("ECONNRESET");
        break;
    }
  }

  /** Hands over to the operating system what its window takes. */
  #flush(): void {
    if (!this.#isOpen || this.#isDead) return;
    const { windowBytes } = this.#world.network.settings;
    for (let first = this.#queued[0]; first !== undefined; first = this.#queued[0]) {
      const room = windowBytes - this.#outstandingBytes;
      if (room <= 0) break;
      const bytes = first.length <= room ? first : first.subarray(0, room);
      if (bytes === first) this.#queued.shift();
      else this.#queued[0] = first.subarray(room);
      this.#queuedBytes -= bytes.length;
      this.#outstandingBytes += bytes.length;
      if (this.peer !== undefined) this.machine.countSent(this.peer.machine, bytes.length);
      this.#outgoing?.send({ kind: "data", bytes });
    }
    if (this.#queuedBytes > 0) return;
    if (this.#isEnded) this.#sendEnd();
    else if (this.#isDrainAwaited) this.#postDrain();
  }

  #sendEnd(): void {
    if (this.#isEndSent) return;
    this.#isEndSent = true;
    this.#outgoing?.send({ kind: "end" });
    if (this.#isEndDelivered) this.#close();
  }

  #postDrain(): void {
    this.#owner.post(() => {
      if (!this.#isDrainAwaited || this.#isDead || this.#isEnded || this.#queuedBytes > 0) return;
      this.#isDrainAwaited = false;
      this.#handlers?.onDrain?.();
    });
  }

  #release(byteCount: number): void {
    // What came twice was sent once.
    this.#outstandingBytes = Math.max(0, this.#outstandingBytes - byteCount);
    if (this.#queuedBytes > 0) this.#flush();
  }

  #postRead(): void {
    if (this.#isReadPosted || this.#isPaused || this.#isDead || !this.#isOpen) return;
    if (this.#arrivedBytes === 0 && (!this.#hasEndArrived || this.#isEndDelivered)) return;
    this.#isReadPosted = true;
    this.#owner.post(this.#read);
  }

  readonly #read = (): void => {
    this.#isReadPosted = false;
    if (this.#isPaused || this.#isDead) return;
    if (this.#arrivedBytes > 0) {
      this.#deliver();
    } else {
      this.#isEndDelivered = true;
      if (this.#handlers?.onEnd === undefined) this.end();
      else this.#handlers.onEnd();
      if (this.#isEndSent && !this.#isDead) this.#close();
    }
    this.#postRead();
  };

  #deliver(): void {
    const buffer = this.#world.network.receiveBuffer;
    const length = this.#gather(buffer);
    this.#acknowledge(length);
    const bytes = buffer.subarray(0, length);
    this.#world.note(this.#owner.processId, length);
    this.#world.noteBytes(bytes);
    try {
      this.#handlers?.onData(bytes);
    } finally {
      // Whoever kept the view keeps nonsense.
      bytes.fill(0xdb);
    }
  }

  /** Moves what has arrived, or now and then only the beginning of it, into the buffer. */
  #gather(buffer: Uint8Array): number {
    const { random, settings } = this.#world.network;
    let lengthMax = Math.min(this.#arrivedBytes, buffer.length);
    if (lengthMax > 1 && random.chance(settings.splitChance)) lengthMax = random.integer(1, lengthMax - 1);
    let length = 0;
    while (length < lengthMax) {
      const first = this.#arrived[0] as Uint8Array;
      const count = Math.min(first.length, lengthMax - length);
      buffer.set(count === first.length ? first : first.subarray(0, count), length);
      length += count;
      if (count === first.length) this.#arrived.shift();
      else this.#arrived[0] = first.subarray(count);
    }
    this.#arrivedBytes -= length;
    return length;
  }

  /** The sender's window opens; where nobody waits for that, without a packet. */
  #acknowledge(byteCount: number): void {
    const peer = this.peer as SimulatedSocket<A>;
    if (peer.#queuedBytes === 0 && this.#world.network.isOpen(this.machine, peer.machine)) peer.#release(byteCount);
    else this.#outgoing?.send({ kind: "taken", byteCount });
  }

  #close(): void {
    this.#die();
    this.#postClose(undefined);
  }

  #die(): void {
    this.#isDead = true;
    this.#queued.length = 0;
    this.#queuedBytes = 0;
    this.#arrived.length = 0;
    this.#arrivedBytes = 0;
    this.#owner.forget(this);
  }

  #postClose(error: NetworkError | undefined): void {
    if (this.#isClosePosted) return;
    this.#isClosePosted = true;
    this.#owner.post(() => this.#handlers?.onClose(error));
  }
}
