/** A real redis-server of its own, for comparisons: on a Unix socket in a temporary folder, without persistence. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Reply, ReplyDecoder } from "../../src/resp/index.ts";

export class RedisServer {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #socket: Socket;
  readonly #decoder: ReplyDecoder = new ReplyDecoder();
  readonly #waiting: ((reply: Reply) => void)[] = [];

  private constructor(child: ChildProcess, folder: string, socket: Socket) {
    this.#process = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.#decoder.feed(chunk);
      for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) {
        this.#waiting.shift()?.(reply);
      }
    });
  }

  /** The Unix socket that it listens on, for other connections. */
  get path(): string {
    return join(this.#folder, "redis.sock");
  }

  static async start(): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), "coterie-compat-"));
    const path = join(folder, "redis.sock");
    const options = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", folder];
    const child = spawn("redis-server", options, { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise<void>((resolve, reject) => {
      let output = "";
      child.on("error", reject);
      child.on("exit", () => reject(new Error(`redis-server ended:\n${output}`)));
      child.stdout.on("data", (chunk) => {
        output += chunk;
        if (output.includes("ready to accept connections")) resolve();
      });
    });
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new RedisServer(child, folder, socket);
  }

  /** Sends all commands at once; the replies in order. Words are byte strings. */
  run(commands: readonly (readonly string[])[]): Promise<Reply[]> {
    let text = "";
    const replies = commands.map((words) => {
      text += `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
      return new Promise<Reply>((resolve) => this.#waiting.push(resolve));
    });
    this.#socket.write(text, "latin1");
    return Promise.all(replies);
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    const isOver = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.removeAllListeners("exit");
    this.#process.kill("SIGKILL");
    await Promise.race([isOver, new Promise((resolve) => this.#process.once("close", resolve))]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
