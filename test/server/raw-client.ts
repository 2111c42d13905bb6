/** A client that says exactly what a test says, byte by byte. */
import { connect, type Socket } from "node:net";
import { type Reply, ReplyDecoder } from "../../src/resp/index.ts";

export class RawClient {
  readonly socket: Socket;
  /** All bytes that came. */
  received = "";
  readonly #decoder: ReplyDecoder = new ReplyDecoder();
  readonly #replies: Reply[] = [];
  #wake: () => void = () => {};
  #isEnded = false;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes) => {
      this.received += bytes.toString("latin1");
      this.#decoder.feed(bytes);
      for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next())
        this.#replies.push(reply);
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("end", () => {
      this.#isEnded = true;
      this.#wake();
    });
    socket.on("close", () => {
      this.#isEnded = true;
      this.#isClosed = true;
      this.#wake();
    });
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
      const client = new RawClient(socket);
      socket.once("connect", () => resolve(client)).once("error", reject);
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends bytes as they are. */
  send(text: string): void {
    this.socket.write(text, "latin1");
  }

  /** Sends commands, all at once. */
  sendCommands(...commands: readonly (readonly string[])[]): void {
    this.send(commands.map(encodeCommand).join(""));
  }

  /** The next `count` replies. */
  async replies(count: number): Promise<Reply[]> {
    await this.#until(() => this.#replies.length >= count || this.#isEnded);
    return this.#replies.splice(0, count);
  }

  /** Sends one command and waits for its reply. */
  async run(...words: readonly string[]): Promise<Reply | undefined> {
    this.sendCommands(words);
    return (await this.replies(1))[0];
  }

  /** Until the server has sent its last byte. */
  async ended(): Promise<void> {
    await this.#until(() => this.#isEnded);
  }

  close(): void {
    this.socket.destroy();
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        if (condition()) resolve();
      };
      this.#wake();
    });
  }
}

export function encodeCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}
