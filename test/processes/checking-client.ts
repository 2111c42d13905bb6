/** A well-behaved client that asks all the time, knows every reply beforehand, and measures how long each took. */
import { setTimeout as delay } from "node:timers/promises";
import { ErrorReply, type Reply, SimpleString } from "../../src/resp/index.ts";
import { RespClient } from "./resp-client.ts";

export class CheckingClient {
  /** Replies that are not what they must be: lost, doubled, swapped or refused. */
  readonly faults: string[] = [];
  latencyMaxMs = 0;
  roundCount = 0;
  readonly #client: RespClient;
  readonly #name: string;
  readonly #run: Promise<void>;
  #isStopped = false;

  private constructor(client: RespClient, name: string) {
    this.#client = client;
    this.#name = name;
    this.#run = this.#ask();
  }

  static async start(port: number, name: string): Promise<CheckingClient> {
    return new CheckingClient(await RespClient.connect(port), name);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const forced = setTimeout(() => this.#client.close(), 10_000);
    await this.#run;
    clearTimeout(forced);
    if (this.#client.strayReplies.length > 0) this.faults.push(`${this.#client.strayReplies.length} replies too many`);
    this.#client.close();
  }

  async #ask(): Promise<void> {
    while (!this.#isStopped && this.faults.length < 10) {
      const round = ++this.roundCount;
      const startedMs = performance.now();
      await this.#compare(round);
      this.latencyMaxMs = Math.max(this.latencyMaxMs, performance.now() - startedMs);
      await delay(2);
    }
  }

  async #compare(round: number): Promise<void> {
    const [key, counter] = [`check:${this.#name}`, `count:${this.#name}`];
    const value = `${this.#name} ${round} \r\n\0\xff`;
    const commands: readonly [words: readonly string[], expected: string][] = [
      [["SET", key, value], "OK"],
      [["GET", key], value],
      [["ECHO", `echo ${value}`], `echo ${value}`],
      [["INCR", counter], String(round)],
      [["GET", counter], String(round)],
      [["STRLEN", key], String(value.length)],
    ];
    const replies = this.#client.pipeline(commands.map(([words]) => words));
    for (const [at, [words, expected]] of commands.entries()) {
      const reply = shown(await replies[at]);
      if (reply !== expected) this.faults.push(`round ${round}: ${words[0]} was answered ${JSON.stringify(reply)}`);
    }
  }
}

function shown(reply: Reply | undefined): string {
  if (reply instanceof SimpleString) return reply.text;
  return reply instanceof ErrorReply ? `error ${reply.text}` : String(reply);
}

/** Runs `attack` while a checking client at each port watches; resolves to the longest time that a reply took. */
export async function undisturbed(ports: readonly number[], attack: () => Promise<void>): Promise<number> {
  const checkers = await Promise.all(ports.map((port, at) => CheckingClient.start(port, `n${at + 1}`)));
  try {
    await attack();
  } finally {
    await Promise.all(checkers.map((checker) => checker.stop()));
  }
  const faults = checkers.flatMap((checker) => checker.faults);
  if (faults.length > 0) throw new Error(`wrong replies:\n${faults.join("\n")}`);
  return Math.max(...checkers.map(({ latencyMaxMs }) => latencyMaxMs));
}
