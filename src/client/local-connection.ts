/** Commands over one connection: all that are issued in one turn of the caller leave together, replies come in order. */
import type { NetworkError, StreamHandlers, StreamSocket } from "../platform/index.ts";
import { ErrorReply, PushReply, type Reply, ReplyDecoder } from "../resp/index.ts";
import { CommandError, StoreClosedError, TooManyCommandsError } from "./command-error.ts";
import { textOfBytes } from "./reply-value.ts";

/** Commands that may wait for their replies, and their bytes together. */
export const commandsInFlightMax = 100_000;
export const bytesInFlightMax: number = 256 * 1_048_576;

interface Waiter {
  /** Of the command. */
  readonly bytes: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class LocalConnection {
  readonly #socket: StreamSocket | undefined;
  readonly #decoder: ReplyDecoder = new ReplyDecoder();
  /** A queue: waiters before `#answered` have been answered. */
  #waiters: (Waiter | undefined)[] = [];
  #answered = 0;
  #outgoing = "";
  #bytesInFlight = 0;
  #isClosed = false;
  #onIdle: (() => void)[] = [];

  /** `open` connects to the server with the given handlers; undefined if there is none. */
  constructor(open: (handlers: StreamHandlers) => StreamSocket | undefined) {
    this.#socket = open({
      onData: (bytes) => this.#received(bytes),
      onClose: (error) => this.#closed(error),
    });
    this.#isClosed = this.#socket === undefined;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves to the reply; rejects with the error that it is. `text` is a command as RESP, a byte string. */
  send(text: string): Promise<Reply> {
    if (this.#inFlight >= commandsInFlightMax || this.#bytesInFlight + text.length > bytesInFlightMax) {
      const message = `${this.#inFlight} commands (${this.#bytesInFlight} bytes) wait for their replies already, and this one has ${text.length} bytes. Await some of them first.`;
      return Promise.reject(new TooManyCommandsError(message));
    }
    if (this.#isClosed) return Promise.reject(new StoreClosedError("The connection is closed.", "notApplied"));
    if (this.#outgoing === "") void Promise.resolve().then(() => this.#flush());
    this.#outgoing += text;
    this.#bytesInFlight += text.length;
    return new Promise((resolve, reject) => this.#waiters.push({ bytes: text.length, resolve, reject }));
  }

  /** Resolves once nothing waits for a reply. */
  idle(): Promise<void> {
    return this.#inFlight === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** What still waits rejects, with the outcome "unknown". */
  close(): void {
    this.#socket?.destroy();
    this.#closed(undefined);
  }

  get #inFlight(): number {
    return this.#waiters.length - this.#answered;
  }

  #flush(): void {
    const text = this.#outgoing;
    this.#outgoing = "";
    if (!this.#isClosed) this.#socket?.write(text);
  }

  #received(bytes: Uint8Array): void {
    this.#decoder.feed(bytes);
    for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) {
      // What the server says unasked is for subscribers, of which there are none.
      if (!(reply instanceof PushReply)) this.#answer(reply);
    }
    if (this.#inFlight > 0) return;
    const listeners = this.#onIdle;
    this.#onIdle = [];
    for (const listener of listeners) listener();
  }

  #answer(reply: Reply): void {
    const waiter = this.#waiters[this.#answered];
    this.#waiters[this.#answered] = undefined;
    this.#answered++;
    this.#bytesInFlight -= waiter?.bytes ?? 0;
    if (this.#answered === this.#waiters.length) {
      this.#waiters = [];
      this.#answered = 0;
    } else if (this.#answered >= 4_096 && this.#answered * 2 >= this.#waiters.length) {
      this.#waiters = this.#waiters.slice(this.#answered);
      this.#answered = 0;
    }
    if (reply instanceof ErrorReply) waiter?.reject(new CommandError(textOfBytes(reply.text)));
    else waiter?.resolve(reply);
  }

  #closed(error: NetworkError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const waiters = this.#waiters.slice(this.#answered);
    this.#waiters = [];
    this.#answered = 0;
    const reason = error === undefined ? "" : ` (${error.code})`;
    const message = `The store was closed before the reply came${reason}; a write may have happened. Read to find out.`;
    for (const waiter of waiters) waiter?.reject(new StoreClosedError(message, "unknown"));
    for (const listener of this.#onIdle) listener();
    this.#onIdle = [];
  }
}
