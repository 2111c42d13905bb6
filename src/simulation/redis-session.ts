import type { NetworkError, Platform, SocketAddress, StreamSocket } from "../platform/index.ts";
import { ErrorReply, type Reply, ReplyDecoder, ReplyFormatError } from "../resp/index.ts";

export interface SessionHandlers {
  onOpen(): void;
  onClose(error: NetworkError | undefined): void;
  /** What came back is no reply to anything. */
  onNonsense(reason: string): void;
}

/** One connection of a client to a Redis port: commands go out in order, and replies are matched to them in order. */
export class RedisSession {
  readonly #socket: StreamSocket;
  readonly #decoder = new ReplyDecoder();
  readonly #handlers: SessionHandlers;
  readonly #waiting: ((reply: Reply | undefined) => void)[] = [];
  #isOver = false;

  constructor(platform: Platform, address: SocketAddress, handlers: SessionHandlers) {
    this.#handlers = handlers;
    this.#socket = platform.network.connect(address, {
      onOpen: () => handlers.onOpen(),
      onData: (bytes) => this.#receive(bytes),
      onClose: (error) => this.#closed(error),
    });
  }

  /** Commands without a reply. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Several commands in one write. `done` gets the reply, or undefined if none will come. */
  send(
    commands: readonly {
      readonly words: readonly string[];
      readonly done: (reply: Reply | undefined) => void;
    }[],
  ): void {
    let text = "";
    for (const { words, done } of commands) {
      text += `*${words.length}\r\n`;
      for (const word of words) text += `$${word.length}\r\n${word}\r\n`;
      this.#waiting.push(done);
    }
    this.#socket.write(text);
  }

  /** Sends bytes as they are: the beginning of a command, say. */
  sendRaw(text: string): void {
    this.#socket.write(text);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#decoder.feed(bytes);
      for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) {
        const done = this.#waiting.shift();
        if (done === undefined) {
          const text = reply instanceof ErrorReply ? reply.text : JSON.stringify(reply);
          this.#handlers.onNonsense(`a reply to no command: ${text}`);
          return;
        }
        done(reply);
      }
    } catch (error) {
      if (!(error instanceof ReplyFormatError)) throw error;
      this.#handlers.onNonsense(error.message);
      this.destroy();
    }
  }

  #closed(error: NetworkError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const done of this.#waiting.splice(0)) done(undefined);
    this.#handlers.onClose(error);
  }
}
