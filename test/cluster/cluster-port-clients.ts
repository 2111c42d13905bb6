/** Clients of the cluster port of simulated nodes, as those of Redis Cluster behave, and what they meet. */
import type { Node } from "../../src/cluster/index.ts";
import { commandTable } from "../../src/keyspace/index.ts";
import { Arguments } from "../../src/resp/index.ts";
import { hashSlotOfText, SlotRanges } from "../../src/ring/index.ts";
import { clusterAddressAttribute, redirection } from "../../src/server/cluster-door.ts";
import { Client, okReply } from "./client.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

/** One way between a client and a node. */
const networkMs = 1;
/** After a refused connection, a lost one or an error. */
const retryMs = 100;
/** Between a reply and the next command. */
const pauseMs = 200;

interface Way {
  readonly node: Node;
  readonly client: Client;
}

/** What a command of a client waits for. */
type Step =
  | { readonly kind: "send"; readonly atMs: number; readonly to: string }
  | { readonly kind: "reply"; readonly way: Way; readonly ticket: number };

/** One client: writes a key of its own after the other, and goes where it is sent. */
class PortClient {
  readonly counts: { done: number; moved: number; refused: number; errors: number; hopsMax: number; waitMsMax: number };
  /** By key, the last number whose write was answered OK. */
  readonly acknowledged: Map<string, number> = new Map();

  constructor(clients: ClusterPortClients, at: number) {
    this.counts = { done: 0, moved: 0, refused: 0, errors: 0, hopsMax: 0, waitMsMax: 0 };
    this.#clients = clients;
    this.#at = at;
    this.#sinceMs = clients.nowMs + (at * pauseMs) / 100;
    this.#step = { kind: "send", atMs: this.#sinceMs, to: this.#home };
  }

  get isResting(): boolean {
    return this.#step.kind === "send" && this.#step.atMs > this.#clients.nowMs && this.#hops === 0 && !this.#isRetry;
  }

  tick(): void {
    const step = this.#step;
    if (step.kind === "reply") this.#look(step);
    else if (step.atMs <= this.#clients.nowMs) this.#send(step.to);
  }

  readonly #clients: ClusterPortClients;
  readonly #at: number;
  readonly #ways: Map<string, Way> = new Map();
  /** By shard, the node that it was last sent to. */
  readonly #map: Map<number, string> = new Map();
  #step: Step;
  #number = 0;
  #sinceMs: number;
  #hops = 0;
  #isRetry = false;

  get #key(): string {
    return `${this.#at}:${this.#number % 8}`;
  }

  get #shard(): number {
    return this.#clients.shardOf(this.#key);
  }

  get #home(): string {
    return this.#map.get(this.#shard) ?? this.#clients.anyNode();
  }

  #send(to: string): void {
    const node = this.#clients.cluster.nodes.get(to);
    if (node === undefined) {
      this.counts.refused++;
      // As clients do whose connection is refused: anybody else may know.
      this.#again(retryMs, this.#clients.anyNode(to));
      return;
    }
    const words = ["SET", this.#key, String(this.#number)];
    const args = Arguments.of(words);
    const spec = commandTable.resolve(args);
    const moved = spec === undefined ? undefined : redirection(node, spec, args);
    if (moved !== undefined) {
      this.#follow(to, moved.text);
      return;
    }
    let way = this.#ways.get(to);
    if (way?.node !== node) {
      way = { node, client: new Client(node) };
      this.#ways.set(to, way);
    }
    this.#map.set(this.#shard, to);
    this.#step = { kind: "reply", way, ticket: way.client.send(...words) };
  }

  #follow(from: string, text: string): void {
    const [, word = "", address = ""] = text.split(" ");
    const [to = ""] = address.split(":");
    this.#clients.redirected({ from, to, shard: this.#clients.ranges.shardOf(Number(word)) });
    this.counts.moved++;
    this.#hops++;
    this.counts.hopsMax = Math.max(this.counts.hopsMax, this.#hops);
    this.#map.set(this.#shard, to);
    this.#again(2 * networkMs, to);
  }

  #look({ way, ticket }: Extract<Step, { kind: "reply" }>): void {
    const reply = way.client.replies[ticket];
    const name = [...this.#ways].find(([, each]) => each === way)?.[0] as string;
    if (reply === okReply) {
      this.acknowledged.set(this.#key, this.#number);
      this.counts.done++;
      this.counts.waitMsMax = Math.max(this.counts.waitMsMax, this.#clients.nowMs - this.#sinceMs);
      this.#number++;
      this.#hops = 0;
      this.#isRetry = false;
      this.#sinceMs = this.#clients.nowMs + pauseMs;
      this.#step = { kind: "send", atMs: this.#sinceMs, to: this.#home };
    } else if (reply !== undefined) {
      this.counts.errors++;
      // Who is told to try again begins anew.
      this.#hops = 0;
      this.#again(retryMs, this.#clients.anyNode());
    } else if (this.#clients.cluster.nodes.get(name) !== way.node) {
      this.#again(retryMs, this.#clients.anyNode(name));
    }
  }

  #again(afterMs: number, to: string): void {
    this.#isRetry = true;
    this.#step = { kind: "send", atMs: this.#clients.nowMs + afterMs, to };
  }
}

export interface Redirect {
  readonly from: string;
  readonly to: string;
  readonly shard: number;
}

/** What clients met since the last time that somebody asked. */
export interface Figures {
  readonly leaderChanges: number;
  /** `MOVED` per client and leader change. */
  readonly perChange: number;
  readonly moved: number;
  readonly done: number;
  readonly errors: number;
  readonly refused: number;
  readonly hopsMax: number;
  readonly waitMsMax: number;
  readonly complaints: readonly string[];
}

export class ClusterPortClients {
  readonly cluster: SimulatedCluster;
  readonly ranges: SlotRanges;

  /** @param latelyMs a node that leads no more may be named for so long */
  constructor(cluster: SimulatedCluster, options: { count: number; shards: number; latelyMs: number }) {
    this.cluster = cluster;
    this.ranges = new SlotRanges(options.shards);
    this.#latelyMs = options.latelyMs;
    this.#clients = Array.from({ length: options.count }, (_, at) => new PortClient(this, at));
    this.#tick();
  }

  get nowMs(): number {
    return this.cluster.world.nowMs;
  }

  shardOf(key: string): number {
    return this.ranges.shardOf(hashSlotOfText(key));
  }

  anyNode(except?: string): string {
    const names = [...this.cluster.nodes.keys()].filter((name) => name !== except);
    return this.cluster.world.random.pick(names);
  }

  redirected({ from, to, shard }: Redirect): void {
    if (from === to) this.#complaints.add(`${from} redirects to itself`);
    const ledMs = (): number => this.#ledMs.get(`${shard} ${to}`) ?? Number.NEGATIVE_INFINITY;
    // It may have begun just now.
    if (this.nowMs - ledMs() > this.#latelyMs) this.#watch();
    if (this.nowMs - ledMs() > this.#latelyMs)
      this.#complaints.add(`${from} names ${to} for shard ${shard}, which led it ${this.nowMs - ledMs()} ms ago`);
  }

  figures(): Figures {
    const won = this.cluster.eventsOf("leadership was won").filter(({ fields }) => Number(fields.group) > 0).length;
    const leaderChanges = won - this.#wonBefore;
    this.#wonBefore = won;
    const sum = (name: keyof PortClient["counts"]): number =>
      this.#clients.reduce((total, { counts }) => total + counts[name], 0);
    const most = (name: keyof PortClient["counts"]): number =>
      Math.max(...this.#clients.map(({ counts }) => counts[name]));
    const [moved, done, errors, refused] = [sum("moved"), sum("done"), sum("errors"), sum("refused")];
    const [hopsMax, waitMsMax] = [most("hopsMax"), most("waitMsMax")];
    const perChange = moved / this.#clients.length / Math.max(leaderChanges, 1);
    const figures = { leaderChanges, perChange, moved, done, errors, refused, hopsMax, waitMsMax };
    for (const { counts } of this.#clients) for (const name of countNames) counts[name] = 0;
    return { ...figures, complaints: [...this.#complaints] };
  }

  /** Waits until no command is under way, and begins none. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.cluster.until(() => this.#clients.every(({ isResting }) => isResting), "replies");
  }

  /** All that was answered OK, by key. */
  acknowledged(): ReadonlyMap<string, number> {
    return new Map(this.#clients.flatMap(({ acknowledged }) => [...acknowledged]));
  }

  readonly #latelyMs: number;
  readonly #clients: readonly PortClient[];
  readonly #complaints: Set<string> = new Set();
  /** By shard and node, when it led last. */
  readonly #ledMs: Map<string, number> = new Map();
  #wonBefore = 0;
  #isStopped = false;
  #tickCount = 0;

  readonly #tick = (): void => {
    const { cluster } = this;
    if (this.#tickCount++ % 10 === 0) this.#watch();
    for (const client of this.#clients) if (!this.#isStopped || !client.isResting) client.tick();
    cluster.world.schedule(5, this.#tick);
  };

  /** Who leads what now. */
  #watch(): void {
    for (const [name, node] of this.cluster.nodes) {
      if (!(clusterAddressAttribute in (node.topology().nodes.find(({ isSelf }) => isSelf)?.attributes ?? {})))
        node.setAttribute(clusterAddressAttribute, `${name}:7000`);
      for (const { group, role } of node.nodeStatus().groups)
        if (role === "leader") this.#ledMs.set(`${group - 1} ${name}`, this.nowMs);
    }
  }
}

const countNames = ["done", "moved", "refused", "errors", "hopsMax", "waitMsMax"] as const;
