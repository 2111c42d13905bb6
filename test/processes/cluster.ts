/** Real nodes, each a process of its own that can be killed, stopped and started again. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { choosePorts } from "../../src/cli/demo-ports.ts";
import { type DirectoryState, readFacts } from "../../src/directory/index.ts";
import { createNodePlatform } from "../../src/platform/index.ts";
import { type Reply, VerbatimReply } from "../../src/resp/index.ts";
import { ask, type Outcome, Run, run, temporaryFolder } from "../cli/processes.ts";
import { FaultyDisk } from "./faulty-disk.ts";

const { random } = createNodePlatform();

/** The parts of `COTERIE STATUS` that the tests look at. */
export interface GroupView {
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
  readonly name: string;
  readonly dir: string;
  readonly port: number;
  /** Sound, until it is told otherwise; only in a cluster with `faultyDisks`. */
  readonly disk: FaultyDisk;
  readonly #firstWords: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  #run: Run | undefined;
  #wasStarted = false;

  constructor(name: string, dir: string, port: number, words: readonly string[], faultyDisk: boolean) {
    this.name = name;
    this.dir = dir;
    this.port = port;
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

  /** Starts it, from its directory alone if it ran before; resolves when it serves. */
  async start(): Promise<void> {
    const words = this.#wasStarted ? ["start", "--dir", this.dir] : this.#firstWords;
    this.#wasStarted = true;
    this.#run = new Run([...words, "--log-level", "warn"], this.#environment);
    await this.#run.output(({ stdout }) => (stdout.includes("\n") ? stdout : undefined));
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
  /** Nodes that may join later: see `spares`. Default 0. */
  readonly spareCount?: number;
  /**
   * Peers reach every node through whoever listens at its address, which the function has to see to before the nodes start;
   * the nodes themselves listen at ports of their own.
   */
  readonly front?: (ports: readonly FrontPorts[]) => Promise<void>;
  /** The nodes' disks fail when they are told to, and forget at a kill what was not synced: see {@link FaultyDisk}. */
  readonly faultyDisks?: boolean;
}

/** Where the peers of a node dial, and where it listens. */
export interface FrontPorts {
  readonly given: number;
  readonly real: number;
}

/** Another loopback address, as Linux has them. */
export const hiddenHost: string = "127.0.0.2";

export class ProcessCluster {
  readonly nodes: readonly ProcessNode[];
  /** Nodes with ports of their own that join when they are started. */
  readonly spares: readonly ProcessNode[];
  readonly peerPorts: readonly number[];

  private constructor(
    nodes: readonly ProcessNode[],
    { spares, peerPorts }: { readonly spares: readonly ProcessNode[]; readonly peerPorts: readonly number[] },
  ) {
    this.nodes = nodes;
    this.spares = spares;
    this.peerPorts = peerPorts;
  }

  static async start(options: ProcessClusterOptions = {}): Promise<ProcessCluster> {
    const folder = temporaryFolder();
    const size = options.size ?? 3;
    // The second half are the ports at which nodes listen behind a front.
    const { spareCount = 0, shards = 1 } = options;
    const wishes = { port: 0, clusterPort: 0, httpPort: 0, peerPort: 0 };
    const all = await choosePorts(random, 2 * size + spareCount, wishes);
    const ports = all.slice(0, size);
    const fronts = ports.map(({ peer }, at) => ({ given: peer, real: all[size + at]?.peer ?? 0 }));
    await options.hideSecond?.(ports[1]?.peer ?? 0);
    await options.front?.(fronts);
    const peers = ports.map(({ peer }, at) => `n${at + 1}=127.0.0.1:${peer}`).join(",");
    const nodes = ports.map(({ redis }, at) => {
      const name = `n${at + 1}`;
      const dir = join(folder, name);
      const words = [
        "start",
        "--name",
        name,
        "--dir",
        dir,
        "--port",
        String(redis),
        "--cluster-port",
        "0",
        "--http-port",
        "0",
        "--peers",
        peers,
        "--shards",
        String(shards),
      ];
      if (at === 1 && options.hideSecond !== undefined) words.push("--peer-bind", hiddenHost);
      if (options.front !== undefined) words.push("--peer-port", String(fronts[at]?.real));
      return new ProcessNode(name, dir, redis, words, options.faultyDisks === true);
    });
    const spares = all.slice(2 * size).map(({ redis, peer }, at) => {
      const name = `n${size + at + 1}`;
      const own = ["--name", name, "--dir", join(folder, name), "--port", String(redis), "--peer-port", String(peer)];
      const words = [
        "start",
        ...own,
        "--cluster-port",
        "0",
        "--http-port",
        "0",
        "--join",
        `127.0.0.1:${ports[0]?.redis}`,
      ];
      return new ProcessNode(name, join(folder, name), redis, words, false);
    });
    await Promise.all(nodes.map((node) => node.start()));
    const peerPorts = ports.map(({ peer }) => peer);
    const cluster = new ProcessCluster(nodes, { spares, peerPorts });
    await cluster.leader();
    return cluster;
  }

  get ports(): readonly number[] {
    return this.nodes.map(({ port }) => port);
  }

  /** The node that leads as the others see it. */
  leader(among: readonly ProcessNode[] = this.nodes): Promise<ProcessNode> {
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

  /** `COTERIE STATUS`, asked of one node. */
  async status(asked: ProcessNode | undefined): Promise<StatusView> {
    const [reply] = await ask(asked?.port ?? 0, [["COTERIE", "STATUS"]]);
    return JSON.parse(textOf(reply));
  }

  /** The directory as one node knows it, by `COTERIE DIRECTORY`. */
  async directory(asked: ProcessNode | undefined): Promise<DirectoryState> {
    const [reply] = await ask(asked?.port ?? 0, [["COTERIE", "DIRECTORY"]]);
    return readFacts(textOf(reply)).state;
  }

  /** The digests of all nodes at one index that holds all that was committed before the call, by `coterie status --json`. */
  async digests(): Promise<readonly string[]> {
    const before = await this.status(this.nodes[0]);
    const floor = Math.max(...before.nodes.map(({ status }) => status?.groups[0]?.commitIndex ?? 0));
    return eventually("digests of all nodes at a common index", async () => {
      const { stdout } = await run(["status", "--port", String(this.nodes[0]?.port), "--json"]);
      const status: StatusView = JSON.parse(stdout);
      const [round] = status.commonChecksums;
      if (round === undefined || round.index < floor) return undefined;
      const found = Object.values(round.digests);
      return found.length === this.nodes.length ? found : undefined;
    });
  }
}

function textOf(reply: Reply | undefined): string {
  const bytes = reply instanceof VerbatimReply ? reply.text : reply;
  if (typeof bytes !== "string") throw new Error("no status");
  return Buffer.from(bytes, "latin1").toString("utf8");
}
