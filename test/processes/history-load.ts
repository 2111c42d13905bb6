/** Clients that read and write a few keys in pipelines and write down a history for the checkers. */
import { setTimeout as delay } from "node:timers/promises";
import {
  checkConnectionOrder,
  checkLinearizability,
  HistoryRecorder,
  type KeyValueInput,
  type KeyValueOutput,
  keyValueSpecification,
  type Operation,
  SeededRandom,
} from "../../src/simulation/index.ts";
import { outcomeOf, wordsOf } from "../../src/simulation/redis-operation.ts";
import { RespClient } from "./resp-client.ts";

const keyCount = 6;
const pipelineMax = 3;

export interface HistoryLoadOptions {
  readonly ports: readonly number[];
  readonly clientCount: number;
  /** How long a client waits for its replies before it goes to the next node. */
  readonly replyTimeoutMs: number;
  /** Between two pipelines of a client. Default 5. */
  readonly pauseMs?: number;
}

export class HistoryLoad {
  readonly nonsense: string[] = [];
  readonly #options: HistoryLoadOptions;
  readonly #recorder = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  #connectionCount = 0;
  #valueCount = 0;
  #isStopped = false;
  #era = 0;
  #runs: readonly Promise<void>[] = [];

  constructor(options: HistoryLoadOptions) {
    this.#options = options;
  }

  start(): void {
    this.#runs = Array.from({ length: this.#options.clientCount }, (_, place) => this.#run(place));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#runs);
  }

  /** New keys from now on, so that what is checked at once stays small. */
  turnOver(): void {
    this.#era++;
  }

  get operationCount(): number {
    return this.#recorder.operations().length;
  }

  get operations(): readonly Operation<KeyValueInput, KeyValueOutput>[] {
    return this.#recorder.operations();
  }

  /** What the checkers find wrong; empty if all is well. */
  verdicts(history: readonly Operation<KeyValueInput, KeyValueOutput>[] = this.operations): readonly string[] {
    return [checkLinearizability, checkConnectionOrder].flatMap((check) => {
      const verdict = check(history, keyValueSpecification);
      if (verdict.kind === "passed") return [];
      return [`${check.name}: ${verdict.kind === "failed" ? verdict.explanation : `undecided, ${verdict.part}`}`];
    });
  }

  async #run(place: number): Promise<void> {
    const { ports, replyTimeoutMs } = this.#options;
    const random = new SeededRandom(place + 1);
    for (let target = place; !this.#isStopped; target++) {
      let client: RespClient;
      try {
        client = await RespClient.connect(ports[target % ports.length] ?? 0);
      } catch {
        await delay(10);
        continue;
      }
      const connection = this.#connectionCount++;
      while (!this.#isStopped && client.isOpen) {
        const timer = setTimeout(() => client.close(), replyTimeoutMs);
        await this.#pipeline(client, connection, random);
        clearTimeout(timer);
        await delay(this.#options.pauseMs ?? 5);
      }
      client.close();
    }
  }

  async #pipeline(client: RespClient, connection: number, random: SeededRandom): Promise<void> {
    const inputs = Array.from({ length: 1 + (random.uint32() % pipelineMax) }, () => this.#draw(random));
    const operations = inputs.map((input) => this.#recorder.invoke(connection, input));
    const replies = client.pipeline(inputs.map(wordsOf));
    await Promise.all(
      replies.map(async (pending, at) => {
        const outcome = outcomeOf(await pending);
        const operation = operations[at] ?? 0;
        if (outcome.kind === "replied") this.#recorder.reply(operation, outcome.output);
        else if (outcome.kind === "refused") this.#recorder.refuse(operation);
        else if (outcome.kind === "nonsense") this.nonsense.push(outcome.text);
      }),
    );
  }

  #draw(random: SeededRandom): KeyValueInput {
    const number = random.uint32() % keyCount;
    if (number < keyCount / 2) {
      const key = `counter:${this.#era}:${number}`;
      return random.uint32() % 2 === 0 ? { kind: "get", key } : { kind: "increment", key, by: 1 };
    }
    const key = `register:${this.#era}:${number}`;
    if (random.uint32() % 2 === 0) return { kind: "get", key };
    const value = `v${this.#valueCount++}`;
    return { kind: random.uint32() % 2 === 0 ? "set" : "swap", key, value };
  }
}
