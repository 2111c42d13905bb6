/** Redis Cluster's clients at work on keys of all shards: the history that they write down, and when they are served. */
import { setTimeout as delay } from "node:timers/promises";
import {
  checkLinearizability,
  HistoryRecorder,
  type KeyValueInput,
  type KeyValueOutput,
  keyValueSpecification,
  type Operation,
  SeededRandom,
} from "../../src/simulation/index.ts";
import { type Outcome, wordsOf } from "../../src/simulation/redis-operation.ts";
import { eventually } from "./cluster.ts";
import type { ClusterClient } from "./cluster-client.ts";

/** Commands of a client under way at the same time. */
const atOnce = 2;
const pauseMs = 15;
/** Keys of each kind: enough that each of a few shards has some. */
const keyCount = 12;

type History = readonly Operation<KeyValueInput, KeyValueOutput>[];

class Worker {
  servedCount = 0;
  readonly client: ClusterClient;
  readonly name: string;
  readonly random: SeededRandom;

  constructor(client: ClusterClient, name: string, seed: number) {
    this.client = client;
    this.name = name;
    this.random = new SeededRandom(seed);
  }
}

export class ClusterClientLoad {
  readonly clients: readonly ClusterClient[];
  /** What no client should be told, by how often. */
  readonly nonsense: Map<string, number> = new Map();
  refusedCount = 0;
  unknownCount = 0;
  readonly #workers: readonly Worker[];
  readonly #recorder = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  #runs: readonly Promise<void>[] = [];
  #era = 0;
  #valueCount = 0;
  #isStopped = false;

  constructor(clients: readonly ClusterClient[]) {
    this.clients = clients;
    this.#workers = clients.flatMap((client, place) =>
      Array.from({ length: atOnce }, (_, at) => new Worker(client, `${place}:${at}`, atOnce * place + at + 1)),
    );
  }

  start(): void {
    this.#runs = this.#workers.map((worker) => this.#run(worker));
  }

  /** What is under way is ended with the clients. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const forced = setTimeout(() => this.#close(), 5_000);
    await Promise.all(this.#runs);
    clearTimeout(forced);
    this.#close();
  }

  /** New keys from now on. */
  turnOver(): void {
    this.#era++;
  }

  /** Resolves once each client has had so many more replies to each stream of its commands. */
  async served(count: number, timeoutMs: number): Promise<void> {
    const before = this.#workers.map(({ servedCount }) => servedCount);
    const late = (): readonly Worker[] =>
      this.#workers.filter(({ servedCount }, at) => servedCount < (before[at] ?? 0) + count);
    const areServed = (): true | undefined => (late().length === 0 ? true : undefined);
    await eventually(`${count} replies for each client`, areServed, timeoutMs).catch((error: unknown) => {
      throw new Error(`not served: ${late().map(({ name }) => name)}`, { cause: error });
    });
  }

  get history(): History {
    return this.#recorder.operations();
  }

  /** What is wrong with it; undefined if nothing is. */
  verdict(history: History = this.history): string | undefined {
    const verdict = checkLinearizability(history, keyValueSpecification);
    if (verdict.kind === "passed") return undefined;
    return verdict.kind === "failed" ? verdict.explanation : `undecided, ${verdict.part}`;
  }

  #close(): void {
    for (const client of this.clients) client.close();
  }

  async #run(worker: Worker): Promise<void> {
    for (let number = worker.random.uint32(); !this.#isStopped; number++) {
      const input = this.#draw(worker);
      const operation = this.#recorder.invoke(number, input);
      this.#note(worker, operation, await worker.client.run(wordsOf(input)));
      await delay(pauseMs);
    }
  }

  #note(worker: Worker, operation: number, outcome: Outcome): void {
    if (outcome.kind === "replied") {
      worker.servedCount++;
      this.#recorder.reply(operation, outcome.output);
    } else if (outcome.kind === "nonsense") {
      this.nonsense.set(outcome.text, (this.nonsense.get(outcome.text) ?? 0) + 1);
    } else if (outcome.kind === "refused" && !worker.client.repeats) {
      // Of a command that was sent twice, a refusal speaks of the second time alone.
      this.refusedCount++;
      this.#recorder.refuse(operation);
    } else {
      this.unknownCount++;
    }
  }

  /** Who repeats commands writes to registers of its own alone: there a command that happens twice looks as if it had once. */
  #draw({ client, name, random }: Worker): KeyValueInput {
    const number = random.uint32() % keyCount;
    const isRead = random.uint32() % 2 === 0;
    if (client.repeats) {
      const key = `own:${name}:${this.#era}:${number}`;
      return isRead ? { kind: "get", key } : { kind: "set", key, value: this.#value() };
    }
    if (random.uint32() % 2 === 0) {
      const key = `counter:${this.#era}:${number}`;
      return isRead ? { kind: "get", key } : { kind: "increment", key, by: 1 };
    }
    const key = `register:${this.#era}:${number}`;
    if (isRead) return { kind: "get", key };
    return { kind: random.uint32() % 2 === 0 ? "set" : "swap", key, value: this.#value() };
  }

  #value(): string {
    return `v${this.#valueCount++}`;
  }
}
