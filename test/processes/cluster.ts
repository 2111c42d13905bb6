/** Real nodes, each a process of its own that can be killed, stopped and started again. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { choosePorts } from "../../src/cli/demo-ports.ts";
import { type DirectoryState, readFacts } from "../../src/directory/index.ts";
import { createNodePlatform } from "../../src/platform/index.ts";
import { type Reply, VerbatimReply } from "../../src/resp/index.ts";
import { ask, binary, type Outcome, Run, run, temporaryFolder } from "../cli/processes.ts";
import { FaultyDisk } from "./faulty-disk.ts";

const { random } = createNodePlatform();

/** The parts of `COTERIE STATUS` that the tests look at. */
export interface GroupView {
  readonly group: number;
  readonly role: string;
  readonly term: number;
  readonly leader: string | null;
  readonly commitIndex: number;
  readonly appliedIndex: number;
}

export interface StatusView {
  readonly nodes: readonly {
    readonly name: string;
    readonly status: {
      readonly pid: number;
      readonly logBytes: number;
      readonly isDiskFull: boolean;
      readonly residentBytes: number;
      readonly rejectedConnections: number;
      readonly groups: readonly GroupView[];
    } | null;
  }[];
  readonly commonChecksums: readonly {
    readonly group: number;
    readonly index: number;
    readonly digests: Readonly<Record<string, string>>;
  }[];
}

/** Looks until `find` finds something; what goes wrong meanwhile counts as not found. */
export async function eventually<T>(
  what: string,
  find: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const startedMs = performance.now();
  let last: unknown;
  for (;;) {
    try {
      const found = await find();
      if (found !== undefined) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() - startedMs > timeoutMs)
      throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: last });
    await delay(20);
  }
}

export class ProcessNode {
  /** By which the cluster knows it, from 1. */
  readonly number: number;
  readonly name: string;
  readonly dir: string;
  readonly port: number;
  /** Where it serves cluster clients; 0: anywhere. */
  clusterPort: number;
  /** What is started: the `bin/coterie` of one version or another. */
  program: string = binary;
  /** Sound, until it is told otherwise; only in a cluster with `faultyDisks`. */
  readonly disk: FaultyDisk;
  readonly #firstWords: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  #run: Run | undefined;
  #wasStarted = false;
  /** It is to go, and may be refused as one that has gone. */
  isLeaving = false;

  constructor({ number, redis, cluster }: Place, dir: string, words: readonly string[], faultyDisk: boolean) {
    this.number = number;
    this.name = nameOf(number);
    this.dir = dir;
    this.port = redis;
    this.clusterPort = cluster;
    this.disk = new FaultyDisk(dir);
    this.#firstWords = words;
    this.#environment = faultyDisk ? this.disk.environment : {};
  }

  get pid(): number {
    return this.#process.pid;
  }

  get stderr(): string {
    return this.#process.stderr;
  }

  /** Resolves when its process has ended. */
  get ended(): Promise<Outcome> {
    return this.#process.done;
  }

  get isRunning(): boolean {
    return this.#process.child.exitCode === null && this.#process.child.signalCode === null;
  }

  /** Starts it, from its directory alone if it ran before; resolves when it serves, or is told that it has been removed. */
  async start(): Promise<void> {
    const words = this.#wasStarted ? ["start", "--dir", this.dir] : this.#firstWords;
    const all = [...words, "--cluster-port", String(this.clusterPort), "--log-level", "warn"];
    this.#wasStarted = true;
    this.#run = new Run(all, this.#environment, { program: this.program });
    const serving = this.#run.output(({ stdout }) => (stdout.includes("\n") ? stdout : undefined));
    await serving.catch((error: unknown) => {
      if (!this.isLeaving || !this.stderr.includes("REMOVED")) throw error;
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#process.child.kill(name);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#process.done;
  }

  get #process(): Run {
    if (this.#run === undefined) throw new Error(`${this.name} was not started`);
    return this.#run;
  }
}

export interface ProcessClusterOptions {
  /**
   * Peers reach the second node through whoever listens at its address, which the function has to see to before the nodes
   * start; the node itself listens at the same port of {@link hiddenHost}.
   */
  readonly hideSecond?: (peerPort: number) => Promise<void>;
  /** Default 3. */
  readonly size?: number;
  /** Default 1. */
  readonly shards?: number;
  /**
   * Peers reach every node through whoever listens at its address, which the function has to see to before the nodes start;
   * the nodes themselves listen at ports of their own.
   */
  readonly front?: (ports: readonly FrontPorts[]) => Promise<void>;
  /** The nodes serve cluster clients at ports that stay theirs; else at any. */
  readonly clusterPorts?: boolean;
  /** What the first nodes are started with. Default: this version. */
  readonly program?: string;
  /** The nodes' disks fail when they are told to, and forget at a kill what was not synced: see {@link FaultyDisk}. */
  readonly faultyDisks?: boolean;
}

/** Where the peers of a node dial, and where it listens. */
export interface FrontPorts {
  /** The node's. */
  readonly number: number;
  readonly given: number;
  readonly real: number;
}

/** Another loopback address, as Linux has them. */
export const hiddenHost: string = "127.0.0.2";

function nameOf(number: number): string {
  return `n${number}`;
}

interface Place {
  readonly number: number;
  readonly redis: number;
  readonly cluster: number;
  readonly peer: FrontPorts;
}

const anyPorts = { port: 0, clusterPort: 0, httpPort: 0, peerPort: 0 } as const;

/** A node listens for its peers at one port, and they dial the other one where there is a front. */
async function choosePlaces(first: number, count: number, clusterPorts = false): Promise<readonly Place[]> {
  const all = await choosePorts(random, 2 * count, anyPorts);
  return all.slice(0, count).map(({ redis, cluster, peer }, at) => {
    const number = first + at;
    const ports = { redis, cluster: clusterPorts ? cluster : 0 };
    return { number, ...ports, peer: { number, given: peer, real: all[count + at]?.peer ?? 0 } };
  });
}

/** A port for cluster clients that was free a moment ago. */
export async function anyClusterPort(): Promise<number> {
  const [ports] = await choosePorts(random, 1, anyPorts);
  return ports?.cluster ?? 0;
}

export class ProcessCluster {
  readonly #options: ProcessClusterOptions;
  readonly #folder: string = temporaryFolder();
  readonly #nodes: ProcessNode[] = [];
  readonly #ports: number[] = [];
  /** Of the first nodes. */
  readonly peerPorts: readonly number[];
  #lastNumber: number;

  private constructor(options: ProcessClusterOptions, places: readonly Place[]) {
    this.#options = options;
    this.#lastNumber = places.length;
    this.peerPorts = places.map(({ peer }) => peer.given);
    const peers = places.map(({ number, peer }) => `${nameOf(number)}=127.0.0.1:${peer.given}`).join(",");
    for (const place of places) {
      const words = ["--peers", peers, "--shards", String(options.shards ?? 1)];
      if (place.number === 2 && options.hideSecond !== undefined) words.push("--peer-bind", hiddenHost);
      if (options.front !== undefined) words.push("--peer-port", String(place.peer.real));
      const node = this.#node(place, words);
      node.program = options.program ?? binary;
      this.#take(node);
    }
  }

  static async start(options: ProcessClusterOptions = {}): Promise<ProcessCluster> {
    const places = await choosePlaces(1, options.size ?? 3, options.clusterPorts);
    await options.hideSecond?.(places[1]?.peer.given ?? 0);
    await options.front?.(places.map(({ peer }) => peer));
    const cluster = new ProcessCluster(options, places);
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await cluster.leader();
    return cluster;
  }

  get nodes(): readonly ProcessNode[] {
    return this.#nodes;
  }

  /** Those that are not about to go. */
  get staying(): readonly ProcessNode[] {
    return this.#nodes.filter(({ isLeaving }) => !isLeaving);
  }

  /** Of all nodes, also of those to come: always the same array. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /** One node more; resolves when it serves. Its number is the cluster's where one joins after the other. */
  async join(): Promise<ProcessNode> {
    const [place] = await choosePlaces(++this.#lastNumber, 1, this.#options.clusterPorts);
    if (place === undefined) throw new Error("no ports");
    await this.#options.front?.([place.peer]);
    const words = ["--join", `127.0.0.1:${this.staying[0]?.port}`];
    if (this.#options.front === undefined) words.push("--peer-port", String(place.peer.given));
    else words.push("--peer-port", String(place.peer.real), "--peer-address", `127.0.0.1:${place.peer.given}`);
    const node = this.#node(place, words);
    await node.start();
    this.#take(node);
    return node;
  }

  /** It is gone for good. */
  forget(node: ProcessNode): void {
    const at = this.#nodes.indexOf(node);
    this.#nodes.splice(at, 1);
    this.#ports.splice(at, 1);
  }

  #node(place: Place, words: readonly string[]): ProcessNode {
    const { number, redis } = place;
    const dir = join(this.#folder, nameOf(number));
    const own = ["--port", String(redis), "--http-port", "0"];
    const all = ["start", "--name", nameOf(number), "--dir", dir, ...own, ...words];
    return new ProcessNode(place, dir, all, this.#options.faultyDisks === true);
  }

  #take(node: ProcessNode): void {
    this.#nodes.push(node);
    this.#ports.push(node.port);
  }

  /** The node that leads as the others see it; the one with most shards, where there are several. */
  leader(among: readonly ProcessNode[] = this.staying): Promise<ProcessNode> {
    if ((this.#options.shards ?? 1) > 1) return this.#mainLeader(among);
    return eventually("a leader that the others know", async () => {
      const { nodes } = await this.status(among[0]);
      const groups = among.map(({ name }) => nodes.find((node) => node.name === name)?.status?.groups[0]);
      const [name] = groups.map((group) => group?.leader);
      if (name === undefined || groups.some((group) => group?.leader !== name)) return undefined;
      return among.find((node) => node.name === name);
    });
  }

  others(node: ProcessNode): readonly ProcessNode[] {
    return this.nodes.filter((one) => one !== node);
  }

  #mainLeader(among: readonly ProcessNode[]): Promise<ProcessNode> {
    return eventually("a node that leads", async () => {
      const { nodes } = await this.status(among[0]);
      const led = among.map(({ name }) => {
        const groups = nodes.find((node) => node.name === name)?.status?.groups ?? [];
        return groups.filter(({ role }) => role === "leader").length;
      });
      const most = Math.max(...led);
      return most === 0 ? undefined : among[led.indexOf(most)];
    });
  }

  /** The directory as one node knows it, by `COTERIE DIRECTORY`. */
  async directory(asked: ProcessNode | undefined): Promise<DirectoryState> {
    const [reply] = await ask(asked?.port ?? 0, [["COTERIE", "DIRECTORY"]]);
    return readFacts(textOf(reply)).state;
  }

  /** `COTERIE STATUS`, asked of one node. */
  async status(asked: ProcessNode | undefined): Promise<StatusView> {
    const [reply] = await ask(asked?.port ?? 0, [["COTERIE", "STATUS"]]);
    return JSON.parse(textOf(reply));
  }

  /**
   * The digests of each shard, of all its replicas at one index that holds all that was committed before the call, by
   * `coterie status --json`.
   */
  async digests(): Promise<readonly (readonly string[])[]> {
    const floors = new Map<number, number>();
    const before = await this.status(this.nodes[0]);
    for (const { group, commitIndex } of before.nodes.flatMap(({ status }) => status?.groups ?? []))
      floors.set(group, Math.max(commitIndex, floors.get(group) ?? 0));
    return eventually("digests of all replicas at common indexes", async () => {
      const { stdout } = await run(["status", "--port", String(this.nodes[0]?.port), "--json"]);
      const status: StatusView = JSON.parse(stdout);
      const found = [...floors].map(([group, floor]) => {
        const round = status.commonChecksums.find((each) => each.group === group);
        if (round === undefined || round.index < floor) return undefined;
        const hosts = status.nodes.filter((node) => node.status?.groups.some((each) => each.group === group));
        const digests = Object.values(round.digests);
        return digests.length === hosts.length && digests.length > 1 ? digests : undefined;
      });
      return found.every((digests) => digests !== undefined) ? found : undefined;
    });
  }
}

function textOf(reply: Reply | undefined): string {
  const bytes = reply instanceof VerbatimReply ? reply.text : reply;
  if (typeof bytes !== "string") throw new Error("no status");
  return Buffer.from(bytes, "latin1").toString("utf8");
}
