import type { ClientStream, Node } from "coterie/cluster";
import { commandTable } from "coterie/keyspace";
import { Arguments, encodeReply } from "coterie/resp";
import { hashSlotOfText, SlotRanges } from "coterie/ring";
import { SeededRandom } from "coterie/simulation";
import type { SimulatedNodes } from "./simulated-nodes.ts";

/** `cluster`: each command goes to the node that leads its shard. `plain`: all go to the client's own node. */
export type Door = "cluster" | "plain";

export interface ClientsOptions {
  readonly seed: number;
  readonly door: Door;
  readonly clientsPerNode: number;
  /** Of each client, which nobody else writes. */
  readonly keysPerClient: number;
  /** The mean pause between a reply and the next command. */
  readonly thinkMs: number;
}

/** Of each value that is appended. */
export const valueBytes = 64;

/**
 * Clients that append numbered values to keys of their own, one command at a time. So a key's value says how many of the
 * commands a replica has applied, and whether it was in order.
 */
export class CheckedClients {
  readonly #cluster: SimulatedNodes;
  readonly #clients: readonly Client[];

  constructor(cluster: SimulatedNodes, options: ClientsOptions) {
    this.#cluster = cluster;
    const leaders = cluster.leaders();
    const random = new SeededRandom(options.seed);
    this.#clients = cluster.nodes.flatMap((_, home) =>
      Array.from({ length: options.clientsPerNode }, (_, at) => {
        return new Client(cluster, { ...options, name: `${options.door}-${home}-${at}`, home, leaders, random });
      }),
    );
  }

  /** Of all clients so far. */
  get acknowledged(): number {
    return this.#clients.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  start(): void {
    for (const client of this.#clients) client.start();
  }

  /** Resolves when the last command is answered. @throws if one was answered by an error */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.stop();
    const isQuiet = (): boolean => this.#clients.every(({ isQuiet }) => isQuiet);
    if (!(await this.#cluster.world.runUntil(isQuiet, 10_000))) throw new Error("a command was never answered");
    for (const { failure } of this.#clients) if (failure !== undefined) throw new Error(failure);
  }

  /** @throws if a replica does not hold just what was acknowledged, once all have caught up */
  async check(): Promise<void> {
    const { world, nodes } = this.#cluster;
    const isSame = (): boolean => this.appliedBy().reduce((sum, count) => sum + count, 0) === this.#due(nodes);
    if (!(await world.runUntil(isSame, 10_000))) throw new Error("replicas lack acknowledged writes, or have others");
    const expected = this.#expected();
    for (const node of nodes) {
      for (const [key, value] of held(node)) {
        if (expected.has(key) && expected.get(key) !== value) throw new Error(`${node.name} holds another ${key}`);
      }
    }
  }

  /** How many of the clients' commands each node has applied. */
  appliedBy(): readonly number[] {
    const own = this.#expected();
    return this.#cluster.nodes.map((node) => {
      let bytes = 0;
      for (const [key, value] of held(node)) if (own.has(key)) bytes += value.length;
      return bytes / valueBytes;
    });
  }

  /** What all replicas together will have applied. */
  #due(nodes: readonly Node[]): number {
    const ranges = new SlotRanges(nodes[0]!.shardCount);
    let due = 0;
    for (const [key, value] of this.#expected()) {
      const shard = ranges.shardOf(hashSlotOfText(key));
      due += (value.length / valueBytes) * nodes.filter((node) => node.hostedShards.includes(shard)).length;
    }
    return due;
  }

  #expected(): ReadonlyMap<string, string> {
    return new Map(this.#clients.flatMap(({ values }) => [...values]));
  }
}

interface ClientOptions extends ClientsOptions {
  readonly name: string;
  /** The place of its own node. */
  readonly home: number;
  readonly leaders: readonly number[];
  readonly random: SeededRandom;
}

class Client {
  /** By key, what was acknowledged. */
  readonly values: Map<string, string> = new Map();
  acknowledged = 0;
  /** The first error. */
  failure: string | undefined;
  readonly #cluster: SimulatedNodes;
  readonly #options: ClientOptions;
  readonly #ranges: SlotRanges;
  readonly #streams: Map<number, ClientStream> = new Map();
  #ticket = 0;
  #pending: { readonly key: string; readonly value: string } | undefined;
  #isStopped = false;

  constructor(cluster: SimulatedNodes, options: ClientOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#ranges = new SlotRanges(options.leaders.length);
    for (let at = 0; at < options.keysPerClient; at++) this.values.set(`${options.name}-${at}`, "");
  }

  get isQuiet(): boolean {
    return this.#pending === undefined;
  }

  start(): void {
    this.#think();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #think(): void {
    const { random, thinkMs } = this.#options;
    this.#cluster.world.schedule(random.exponential(thinkMs), () => this.#write());
  }

  #write(): void {
    if (this.#isStopped) return;
    const { door, home, leaders, name, keysPerClient, random } = this.#options;
    const key = `${name}-${random.integer(0, keysPerClient - 1)}`;
    const value = `${name} ${++this.#ticket} `.padEnd(valueBytes, "x");
    this.#pending = { key, value };
    const leader = leaders[this.#ranges.shardOf(hashSlotOfText(key))]!;
    this.#stream(door === "plain" ? home : leader).submit(
      this.#ticket,
      appendSpec,
      Arguments.of(["APPEND", key, value]),
      3,
    );
  }

  #stream(place: number): ClientStream {
    const open = this.#streams.get(place);
    if (open !== undefined) return open;
    const stream = this.#cluster.nodes[place]!.openStream({
      reply: (_, reply) => this.#answered(encodeReply(reply, 3)),
      fail: (reason) => this.#answered(`-${reason}`),
    });
    this.#streams.set(place, stream);
    return stream;
  }

  #answered(reply: string): void {
    const { key, value } = this.#pending!;
    this.#pending = undefined;
    const whole = `${this.values.get(key)}${value}`;
    if (reply === `:${whole.length}\r\n`) {
      this.values.set(key, whole);
      this.acknowledged++;
    } else {
      this.failure ??= `APPEND ${key}: ${reply.trim()}`;
    }
    this.#think();
  }
}

const appendSpec = commandTable.resolve(Arguments.of(["APPEND", "k", "v"]))!;

/** All keys and values of a node. */
function* held(node: Node): Iterable<readonly [key: string, value: string]> {
  for (const shard of node.hostedShards) {
    const keyspace = node.keyspaceOf(shard);
    for (const walk = keyspace.walk(); !walk.isOver; walk.next()) {
      const { key, value } = keyspace.record(walk);
      yield [key, typeof value === "string" ? value : value.text()];
    }
  }
}
