/** A plain client of the Redis protocol: one socket, replies matched to commands in order. */
import { connect, type Socket } from "node:net";
import { type Reply, ReplyDecoder } from "../../src/resp/index.ts";

/** A command as it goes over the wire; words are byte strings. */
export function encodeCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}

export class RespClient {
  readonly socket: Socket;
  readonly #decoder = new ReplyDecoder();
  readonly #waiting: ((reply: Reply | undefined) => void)[] = [];
  /** Replies that belong to no command. */
  readonly strayReplies: Reply[] = [];
  isOpen = true;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    socket.on("close", () => {
      this.isOpen = false;
      for (const done of this.#waiting.splice(0)) done(undefined);
    });
  }

  /** Rejects if nobody listens. */
  static connect(port: number): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RespClient(socket)));
    });
  }

  /** All in one write. A reply is undefined where the connection ended before it came. */
  pipeline(commands: readonly (readonly string[])[]): Promise<Reply | undefined>[] {
    const replies = commands.map(() => this.reply());
    this.socket.write(commands.map(encodeCommand).join(""), "latin1");
    return replies;
  }

  request(...words: readonly string[]): Promise<Reply | undefined> {
    const reply = this.reply();
    this.socket.write(encodeCommand(words), "latin1");
    return reply;
  }

  /** The next reply that no one else waits for. */
  reply(): Promise<Reply | undefined> {
    if (!this.isOpen) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(bytes: Buffer): void {
    this.#decoder.feed(bytes);
    for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) {
      const done = this.#waiting.shift();
      if (done === undefined) this.strayReplies.push(reply);
      else done(reply);
    }
  }
}
