import type { Clock, NetworkError, SocketAddress, StreamHandlers, StreamSocket, Timer } from "../platform/index.ts";
import type { Handshake, HandshakeOutcome } from "./handshake.ts";

export type AttemptOutcome =
  | Exclude<HandshakeOutcome, { readonly kind: "pending" }>
  /** Nobody listens there, or the way there is cut: said by the operating system. */
  | { readonly kind: "unreachable"; readonly error: NetworkError }
  | { readonly kind: "timeout" };

export interface AttemptOptions {
  readonly clock: Clock;
  readonly handshake: Handshake;
  readonly timeoutMs: number;
  /** Called once. After "done" the socket is the receiver's, whose handlers it returns; `rest` came behind the handshake. */
  readonly onOutcome: (attempt: ConnectionAttempt, outcome: AttemptOutcome) => void;
}

/** A connection from its first byte to the end of its handshake. Bounded in time and in memory. */
export class ConnectionAttempt {
  constructor(options: AttemptOptions) {
    this.#handshake = options.handshake;
    this.#onOutcome = options.onOutcome;
    this.#timer = options.clock.setTimer(options.timeoutMs, () => {
      if (this.#isOver) this.#socket?.destroy();
      else this.#finish({ kind: "timeout" });
    });
  }

  /** The dialler's: from `connect`. */
  dialled(connect: (handlers: StreamHandlers) => StreamSocket): void {
    this.#socket = connect(this.#handlers);
  }

  /** The acceptor's: from a listener. */
  accepted(socket: StreamSocket): void {
    this.#socket = socket;
    socket.handle(this.#handlers);
  }

  get remoteAddress(): SocketAddress | undefined {
    return this.#socket?.remoteAddress;
  }

  /** Gives the socket away, after "done": `makeHandlers` says who hears of it from now on. */
  handOver(makeHandlers: (socket: StreamSocket) => StreamHandlers): void {
    this.#timer.cancel();
    if (this.#socket !== undefined) this.#next = makeHandlers(this.#socket);
  }

  /** Breaks off without an outcome. */
  cancel(): void {
    this.#isOver = true;
    this.#timer.cancel();
    this.#socket?.destroy();
  }

  /** Closes a connection that has done its work: what was said still arrives. */
  end(): void {
    this.#socket?.end();
  }

  readonly #handshake: Handshake;
  readonly #onOutcome: AttemptOptions["onOutcome"];
  readonly #timer: Timer;
  #socket: StreamSocket | undefined;
  #next: StreamHandlers | undefined;
  #isOver = false;

  readonly #handlers: StreamHandlers = {
    onOpen: () => this.#send(),
    onData: (bytes) => this.#onData(bytes),
    onDrain: () => this.#next?.onDrain?.(),
    onEnd: () => {
      if (this.#next?.onEnd !== undefined) this.#next.onEnd();
      else this.#finish({ kind: "broken", reason: "the connection ended within the handshake" });
    },
    onClose: (error) => {
      this.#timer.cancel();
      if (this.#next !== undefined) this.#next.onClose(error);
      else if (error !== undefined) this.#finish({ kind: "unreachable", error });
      else this.#finish({ kind: "broken", reason: "the connection closed within the handshake" });
    },
  };

  #onData(bytes: Uint8Array): void {
    if (this.#next !== undefined) {
      this.#next.onData(bytes);
      return;
    }
    if (this.#isOver) return;
    const outcome = this.#handshake.feed(bytes);
    if (outcome.kind === "pending") this.#send();
    else this.#finish(outcome);
    // Unless the connection was not wanted, it was handed over within `#finish`.
    if (outcome.kind === "done") this.#passOn(bytes.subarray(outcome.consumedBytes));
  }

  #passOn(rest: Uint8Array): void {
    if (rest.length > 0) this.#next?.onData(rest);
  }

  #finish(outcome: AttemptOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#send();
    if (outcome.kind === "refusing") this.#socket?.end();
    else if (outcome.kind !== "done") this.#socket?.destroy();
    this.#onOutcome(this, outcome);
  }

  #send(): void {
    const output = this.#handshake.takeOutput();
    if (output.length > 0) this.#socket?.write(output);
  }
}
