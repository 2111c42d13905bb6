import type { ClusterStatus } from "../cluster/index.ts";
import type { Platform } from "../platform/index.ts";
import type { Reply } from "../resp/index.ts";
import type { ClusterMember } from "./cluster-member.ts";
import type { HistoryRecorder } from "./history.ts";
import type { KeyValueInput, KeyValueOutput } from "./key-value-specification.ts";
import { outcomeOf, wordsOf } from "./redis-operation.ts";
import { RedisSession } from "./redis-session.ts";
import type { SimulatedWorld } from "./world.ts";

export interface FinalCheckOptions {
  readonly keys: number;
  readonly shards: number;
  readonly takeConnection: () => number;
  readonly takeValue: () => string;
  readonly onViolation: (text: string) => void;
}

const retryMs = 200;
const statusEveryMs = 1_000;

/**
 * After the faults: every node takes a write and a read of every key, the replicas' digests are equal, and in the end
 * every key is read once more at every node. What it does is in the history too.
 */
export class FinalCheck {
  readonly #world: SimulatedWorld;
  readonly #members: readonly ClusterMember[];
  readonly #recorder: HistoryRecorder<KeyValueInput, KeyValueOutput>;
  readonly #options: FinalCheckOptions;
  readonly #platform: Platform;
  #open = 0;
  #operationCount = 0;
  /** Shards whose digests are compared. */
  readonly #equal: Set<number> = new Set();

  constructor(
    world: SimulatedWorld,
    members: readonly ClusterMember[],
    recorder: HistoryRecorder<KeyValueInput, KeyValueOutput>,
    options: FinalCheckOptions,
  ) {
    this.#world = world;
    this.#members = members;
    this.#recorder = recorder;
    this.#options = options;
    this.#platform = world.machine("checker").start();
  }

  /** Nodes whose disk was damaged may be gone for good; nothing is asked of them. The others are made anew. */
  get #core(): readonly ClusterMember[] {
    return this.#members.filter((member) => !member.isGone);
  }

  /** Writes and reads every key at every node. */
  start(): void {
    for (const member of this.#core) {
      const inputs = this.#keys().flatMap((key): KeyValueInput[] => [
        key.startsWith("counter")
          ? { kind: "increment", key, by: 1 }
          : { kind: "set", key, value: this.#options.takeValue() },
        { kind: "get", key },
      ]);
      for (const input of inputs) this.#untilDone(member, input);
    }
  }

  /** Its operations in the history. */
  get operationCount(): number {
    return this.#operationCount;
  }

  get isServed(): boolean {
    return this.#open === 0;
  }

  readAll(): void {
    for (const member of this.#core) {
      for (const key of this.#keys()) this.#untilDone(member, { kind: "get", key });
    }
  }

  get isRead(): boolean {
    return this.#open === 0;
  }

  /** Asks for digests of all that has been written, until all nodes have one. */
  compareDigests(): void {
    const indexes = Array.from({ length: this.#options.shards }, (_, shard) =>
      Math.max(
        0,
        ...this.#core
          .flatMap(({ node }) => node?.info().shards ?? [])
          .map((each) => (each.shard === shard ? each.appliedIndex : 0)),
      ),
    );
    this.#askStatus(indexes);
  }

  get isEqual(): boolean {
    return this.#equal.size === this.#options.shards;
  }

  #keys(): readonly string[] {
    const numbers = Array.from({ length: this.#options.keys }, (_, index) => index + 1);
    return numbers.flatMap((number) => [`counter${number}`, `text${number}`]);
  }

  /** Asks one node until it says that the operation was done. */
  #untilDone(member: ClusterMember, input: KeyValueInput): void {
    this.#open++;
    const attempt = (): void => {
      if (member.isGone) {
        this.#open--;
        return;
      }
      const operation = this.#recorder.invoke(this.#options.takeConnection(), input);
      this.#operationCount++;
      this.#ask(member, wordsOf(input), (reply) => {
        const outcome = outcomeOf(reply);
        if (outcome.kind === "replied") {
          this.#recorder.reply(operation, outcome.output);
          this.#open--;
          return;
        }
        if (outcome.kind === "refused") {
          this.#recorder.refuse(operation);
          this.#operationCount--;
        }
        if (outcome.kind === "nonsense") this.#options.onViolation(`${member.name}: ${input.kind}: ${outcome.text}`);
        this.#world.schedule(retryMs, attempt);
      });
    };
    attempt();
  }

  #askStatus(indexMins: readonly number[]): void {
    const member = this.#core[0] as ClusterMember;
    this.#ask(member, ["COTERIE", "STATUS"], (reply) => {
      if (typeof reply === "string") {
        const status: ClusterStatus = JSON.parse(reply);
        for (const [shard, indexMin] of indexMins.entries())
          if (this.#compare(status, shard, indexMin)) this.#equal.add(shard);
      }
      if (!this.isEqual) this.#world.schedule(statusEveryMs, () => this.#askStatus(indexMins));
    });
  }

  /** True once all nodes have a digest at a common index from `indexMin` on, it is the same, and no replica is made anew. */
  #compare(status: ClusterStatus, shard: number, indexMin: number): boolean {
    const digests = new Map<number, Map<string, string>>();
    const replicas = status.nodes.flatMap(({ name, status: node }) =>
      (node?.groups ?? []).filter(({ group }) => group === shard + 1).map((replica) => ({ name, ...replica })),
    );
    for (const { name, checksums } of replicas) {
      for (const { index, digest } of checksums) {
        const known = digests.get(index) ?? new Map<string, string>();
        digests.set(index, known.set(name, digest));
      }
    }
    let isEqual = false;
    for (const [index, known] of digests) {
      if (new Set(known.values()).size > 1) {
        const text = [...known].map(([name, digest]) => `${name} ${digest}`).join(", ");
        this.#options.onViolation(`digests of shard ${shard} differ at index ${index} [I-16]: ${text}`);
      }
      if (index >= indexMin && this.#hosts(shard).every((name) => known.has(name))) isEqual = true;
    }
    // A node that is gone in the middle of it does not come back for the rest.
    const rebuilt = replicas.map(({ rebuild }) => rebuild?.node);
    return isEqual && !this.#core.some(({ name }) => rebuilt.includes(name));
  }

  /** The nodes that keep the shard, of those of which anything is asked. Who is down now counts, since it is to come back. */
  #hosts(shard: number): readonly string[] {
    return this.#core
      .filter(({ node }) => node === undefined || node.hostedShards.includes(shard))
      .map(({ name }) => name);
  }

  /** One command over a connection of its own. */
  #ask(member: ClusterMember, words: readonly string[], done: (reply: Reply | undefined) => void): void {
    let isDone = false;
    const finish = (reply: Reply | undefined): void => {
      if (isDone) return;
      isDone = true;
      session.destroy();
      done(reply);
    };
    const session: RedisSession = new RedisSession(this.#platform, member.redisAddress, {
      onOpen: () => {},
      onClose: () => finish(undefined),
      onNonsense: (reason) => this.#options.onViolation(`${member.name}: ${reason}`),
    });
    session.send([{ words, done: finish }]);
  }
}
