import type { Clock, StreamHandlers, StreamSocket } from "../platform/index.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { FrameWriter } from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import type { LinkKind } from "./link-kind.ts";
import type { PeerIdentity } from "./peer-identity.ts";

export interface PeerLinkHandler {
  /** `payload` is valid until it returns. False: it cannot be understood, and the connection is broken off. */
  onMessage(link: PeerLink, type: number, payload: ByteReader): boolean;
  /** All that came with one chunk has been handed out. */
  onMessagesEnd(link: PeerLink): void;
  /** Everything that was flushed has been taken by the operating system, after it had not. */
  onDrain(link: PeerLink): void;
  /** Once, also after `close`; nothing comes from this link any more. */
  onDown(link: PeerLink, reason: string): void;
}

export interface PeerLinkOptions {
  readonly clock: Clock;
  readonly kind: LinkKind;
  readonly peer: PeerIdentity;
  readonly version: number;
  readonly socket: StreamSocket;
  readonly sendSeed: number;
  readonly receiveSeed: number;
  readonly frameBytesMax: number;
  readonly handler: PeerLinkHandler;
}

/**
 * One connection to a peer after the handshake. Messages collect in frames until `flush`, which the host calls at the
 * end of its turn; while the operating system does not take more they go on collecting here.
 */
export class PeerLink {
  readonly kind: LinkKind;
  readonly peer: PeerIdentity;
  /** Of the peer protocol: the newest one that both sides know. */
  readonly version: number;
  /** Monotonic. */
  readonly upSinceMs: number;

  constructor(options: PeerLinkOptions) {
    this.#clock = options.clock;
    this.upSinceMs = options.clock.nowMs();
    this.kind = options.kind;
    this.peer = options.peer;
    this.version = options.version;
    this.#socket = options.socket;
    this.#handler = options.handler;
    this.#writer = new FrameWriter(options.sendSeed);
    this.#reader = new FrameReader({
      seed: options.receiveSeed,
      frameBytesMax: options.frameBytesMax,
      onMessage: (type, payload) => this.#handler.onMessage(this, type, payload),
    });
    this.#receivedMs = this.upSinceMs;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Monotonic time at which something valid came last. */
  get receivedMs(): number {
    return this.#receivedMs;
  }

  /** Whether the operating system takes nothing more for now. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** To be called now and then: since when nothing has gone out although something waits; undefined if all is well. */
  checkStall(): number | undefined {
    const { pendingBytes } = this.#socket;
    const hasProgress = !this.#isBlocked || pendingBytes < this.#lastPendingBytes;
    // While it is blocked nothing is added.
    this.#lastPendingBytes = pendingBytes;
    if (hasProgress) this.#stalledSinceMs = undefined;
    else this.#stalledSinceMs ??= this.#clock.nowMs();
    return this.#stalledSinceMs;
  }

  /** Bytes on this side of the operating system. */
  get queuedBytes(): number {
    return this.#writer.queuedBytes + this.#socket.pendingBytes;
  }

  /** Messages begun so far. */
  get messageCount(): number {
    return this.#messageCount;
  }

  /** Messages that may have left this process: those behind them surely have not. */
  get sentCount(): number {
    return this.#sentCount;
  }

  /** Begins a message of about `payloadBytes`; the payload is written with what comes back, then `end` is called. */
  begin(type: number, payloadBytes: number): ByteWriter {
    this.#messageCount++;
    return this.#writer.begin(type, payloadBytes);
  }

  end(): void {
    this.#writer.end();
  }

  /** Sends what has collected, unless the operating system is still busy with earlier bytes. */
  flush(): void {
    if (!this.#isUp || this.#isBlocked) return;
    if (this.#sentCount === this.#messageCount) return;
    this.#sentCount = this.#messageCount;
    for (const frame of this.#writer.take()) {
      if (!this.#socket.write(frame)) this.#isBlocked = true;
    }
  }

  /** Drops the connection and what waits in it. `onDown` comes within this call. */
  close(reason: string): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#reader.stop();
    this.#socket.destroy();
    this.#handler.onDown(this, reason);
  }

  /** For the one that owns the socket's events. */
  readonly handlers: StreamHandlers = {
    onData: (bytes) => this.#onData(bytes),
    onDrain: () => {
      this.#isBlocked = false;
      this.flush();
      if (this.#isUp && !this.#isBlocked) this.#handler.onDrain(this);
    },
    onEnd: () => this.close("the peer closed the connection"),
    onClose: (error) => this.close(error === undefined ? "the connection was closed" : error.code),
  };

  readonly #clock: Clock;
  readonly #socket: StreamSocket;
  readonly #handler: PeerLinkHandler;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  #isUp = true;
  #receivedMs: number;
  #isBlocked = false;
  #lastPendingBytes = 0;
  #stalledSinceMs: number | undefined;
  #messageCount = 0;
  #sentCount = 0;

  #onData(bytes: Uint8Array): void {
    if (!this.#isUp) return;
    const fault = this.#reader.feed(bytes);
    if (fault !== undefined) {
      this.close(`a bad frame: ${fault}`);
    } else if (this.#isUp) {
      this.#receivedMs = this.#clock.nowMs();
      this.#handler.onMessagesEnd(this);
    }
  }
}
