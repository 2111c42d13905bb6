/** Clients that write one new key after the other, spread over the nodes, and remember what they were told of each. */
import { setTimeout as delay } from "node:timers/promises";
import type { Reply } from "../../src/resp/index.ts";
import { outcomeOf } from "../../src/simulation/redis-operation.ts";
import { eventually } from "./cluster.ts";
import { RespClient } from "./resp-client.ts";

export interface WriteLoadOptions {
  readonly ports: readonly number[];
  readonly clientCount: number;
  /** How long a client waits for a reply before it goes to the next node. Default: as long as it takes. */
  readonly replyTimeoutMs?: number;
  /** Between two writes of a client. Default 0. */
  readonly pauseMs?: number;
}

class WriteClient {
  readonly acknowledged: string[] = [];
  /** Told that nothing happened. */
  readonly refused: string[] = [];
  readonly nonsense: string[] = [];
  unknownCount = 0;
  readonly #place: number;
  readonly #options: WriteLoadOptions;
  #client: RespClient | undefined;
  #target: number;
  #writeCount = 0;
  #isStopped = false;

  constructor(place: number, options: WriteLoadOptions) {
    this.#place = place;
    this.#options = options;
    this.#target = place;
  }

  async run(): Promise<void> {
    while (!this.#isStopped) {
      if (this.#client?.isOpen !== true && !(await this.#connect())) continue;
      const key = `w:${this.#place}:${this.#writeCount++}`;
      this.#note(key, await this.#write(key));
      // What refuses now refuses in a moment too.
      const pauseMs = this.#options.pauseMs ?? (this.refused.at(-1) === key ? 10 : 0);
      if (pauseMs > 0) await delay(pauseMs);
    }
    this.#client?.close();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Gives up on what it waits for. */
  abandon(): void {
    this.stop();
    this.#client?.close();
  }

  async #connect(): Promise<boolean> {
    const { ports } = this.#options;
    try {
      this.#client = await RespClient.connect(ports[this.#target % ports.length] ?? 0);
      return true;
    } catch {
      this.#target++;
      await delay(10);
      return false;
    }
  }

  async #write(key: string): Promise<Reply | undefined> {
    const client = this.#client;
    const { replyTimeoutMs } = this.#options;
    const timer = replyTimeoutMs === undefined ? undefined : setTimeout(() => client?.close(), replyTimeoutMs);
    const reply = await client?.request("SET", key, valueFor(key));
    clearTimeout(timer);
    return reply;
  }

  #note(key: string, reply: Reply | undefined): void {
    const outcome = outcomeOf(reply);
    if (outcome.kind === "replied" && outcome.output === "OK") this.acknowledged.push(key);
    else if (outcome.kind === "refused") this.refused.push(key);
    else if (outcome.kind === "unknown") this.unknownCount++;
    else this.nonsense.push(`${key}: ${JSON.stringify(outcome)}`);
    if (reply === undefined) this.#target++;
  }
}

/** What every key holds: no other key's value can be taken for it. */
export function valueFor(key: string): string {
  return `value of ${key} `.padEnd(64, ".");
}

export class WriteLoad {
  readonly #clients: readonly WriteClient[];
  #runs: readonly Promise<void>[] = [];

  constructor(options: WriteLoadOptions) {
    this.#clients = Array.from({ length: options.clientCount }, (_, place) => new WriteClient(place, options));
  }

  start(): void {
    this.#runs = this.#clients.map((client) => client.run());
  }

  /** Every client finishes what it waits for. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.stop();
    const forced = setTimeout(() => this.abandon(), 10_000);
    await Promise.all(this.#runs);
    clearTimeout(forced);
  }

  abandon(): void {
    for (const client of this.#clients) client.abandon();
  }

  get acknowledged(): readonly string[] {
    return this.#clients.flatMap(({ acknowledged }) => acknowledged);
  }

  get refused(): readonly string[] {
    return this.#clients.flatMap(({ refused }) => refused);
  }

  get unknownCount(): number {
    return this.#clients.reduce((sum, { unknownCount }) => sum + unknownCount, 0);
  }

  /** Replies that should never come. */
  get nonsense(): readonly string[] {
    return this.#clients.flatMap(({ nonsense }) => nonsense);
  }

  /** Resolves when `clientCount` of the clients (default: all) have had `writeCount` more writes acknowledged. */
  async flows(writeCount: number, clientCount: number = this.#clients.length, timeoutMs?: number): Promise<void> {
    const before = this.#clients.map(({ acknowledged }) => acknowledged.length);
    const look = (): true | undefined => {
      const served = this.#clients.filter(
        ({ acknowledged }, at) => acknowledged.length >= (before[at] ?? 0) + writeCount,
      );
      return served.length >= clientCount ? true : undefined;
    };
    await eventually(`${writeCount} writes of each of ${clientCount} clients`, look, timeoutMs);
  }

  /** Reads all from one node: acknowledged keys that are missing or hold something else, refused ones that are there. */
  async faults(port: number): Promise<readonly string[]> {
    const client = await RespClient.connect(port);
    const faults: string[] = [];
    await compare(client, this.acknowledged, (key, value) => {
      if (value !== valueFor(key)) faults.push(`${key} was acknowledged and is ${JSON.stringify(value)}`);
    });
    await compare(client, this.refused, (key, value) => {
      if (value !== null) faults.push(`${key} was refused and is ${JSON.stringify(value)}`);
    });
    client.close();
    return faults;
  }
}

const keysAtOnce = 500;

async function compare(
  client: RespClient,
  keys: readonly string[],
  look: (key: string, value: Reply | undefined) => void,
): Promise<void> {
  for (let at = 0; at < keys.length; at += keysAtOnce) {
    const some = keys.slice(at, at + keysAtOnce);
    const reply = await client.request("MGET", ...some);
    const values = Array.isArray(reply) ? reply : [];
    for (const [place, key] of some.entries()) look(key, values[place]);
  }
}
