/** A cluster of whole nodes in a simulated world, for the tests of `src/cluster/`. */
import { type AskToJoin, Node, type NodeOptions, type NodeStatus } from "../../src/cluster/index.ts";
import type { Logger, LogLevel, LogValue, Platform } from "../../src/platform/index.ts";
import { type MachineOptions, type NetworkSettings, SimulatedWorld } from "../../src/simulation/index.ts";
import { Client } from "./client.ts";

export interface LoggedEvent {
  readonly node: string;
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: Readonly<Record<string, LogValue>>;
}

export interface ProcessExit {
  readonly node: string;
  readonly code: number;
  readonly reason: string;
}

export interface SimulatedClusterOptions {
  readonly seed?: number;
  readonly size?: number;
  readonly memory?: boolean;
  readonly node?: Partial<NodeOptions>;
  readonly machine?: MachineOptions;
  readonly network?: Partial<NetworkSettings>;
}

export class SimulatedCluster {
  readonly world: SimulatedWorld;
  /** Of the first nodes. */
  readonly names: readonly string[];
  /** Of those that joined, in their order. */
  readonly joined: string[] = [];
  readonly nodes: Map<string, Node> = new Map();
  /** Of each node's present process. */
  readonly platforms: Map<string, Platform> = new Map();
  readonly events: LoggedEvent[] = [];
  readonly exits: ProcessExit[] = [];
  readonly crashes: unknown[] = [];

  constructor(options: SimulatedClusterOptions = {}) {
    this.#options = options;
    this.world = new SimulatedWorld({ seed: options.seed ?? 1, network: options.network ?? {} });
    this.names = Array.from({ length: options.size ?? 3 }, (_, at) => `n${at + 1}`);
    for (const name of this.names) this.#addMachine(name);
  }

  /** Starts all nodes that do not run, and waits until they are up. */
  async start(): Promise<void> {
    await Promise.all([this.world.until(Promise.all(this.names.map((name) => this.startNode(name))))]);
  }

  /**
   * Starts a node that asks `via` to let it join; resolves when it runs, which is before it holds anything. To be awaited with
   * `world.until`.
   */
  async join(name: string, via: string, changes: Partial<NodeOptions> = {}): Promise<Node> {
    if (!this.joined.includes(name)) {
      this.joined.push(name);
      this.#addMachine(name);
    }
    return await this.startNode(name, { join: this.asking(name, via, changes), ...changes });
  }

  /** How the node `name` asks `via`, at its first start and later. */
  asking(name: string, via: string, { zone, weight }: Partial<NodeOptions> = {}): AskToJoin {
    return (directoryId, known) => {
      const { peerAddress = { host: name, port: 17_000 }, clusterId } = known ?? {};
      const gone = new Promise<never>((_, reject) => {
        this.#goneListeners.add((end) => end === via && reject(new Error(`${via} is gone`)));
      });
      gone.catch(() => {});
      const answer = this.node(via).admitJoiner({ directoryId, name, peerAddress, zone, weight, clusterId });
      return Promise.race([answer, gone]);
    };
  }

  /** To be awaited with `world.until`. */
  async startNode(name: string, changes: Partial<NodeOptions> = {}): Promise<Node> {
    const known = this.nodes.get(name);
    if (known !== undefined) return known;
    const platform = this.world.machine(name).start();
    this.platforms.set(name, platform);
    const isAlone = this.names.length === 1 || this.joined.includes(name);
    const peers = isAlone ? undefined : this.names.map((host) => ({ name: host, host, port: 17_000 }));
    const node = await Node.start({
      platform,
      logger: this.#logger(name),
      directory: this.#options.memory === true ? undefined : "/data",
      name,
      peers,
      secret: "secret",
      ...this.#options.node,
      ...changes,
      settings: { segmentBytes: 1_048_576, gossip: undefined, ...this.#options.node?.settings, ...changes.settings },
    });
    this.nodes.set(name, node);
    return node;
  }

  node(name: string): Node {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`${name} does not run`);
    return node;
  }

  status(name: string): NodeStatus["groups"][number] {
    const [group] = this.node(name).nodeStatus().groups;
    if (group === undefined) throw new Error(`${name} hosts no group`);
    return group;
  }

  /** The name of the node that leads in the highest term, if one does. */
  get leader(): string | undefined {
    const leaders = [...this.nodes.keys()].filter((name) => {
      return this.node(name).nodeStatus().groups[0]?.role === "leader";
    });
    return leaders.toSorted((left, right) => this.status(right).term - this.status(left).term)[0];
  }

  get followers(): readonly string[] {
    const { leader } = this;
    return [...this.nodes.keys()].filter((name) => name !== leader).toSorted();
  }

  /** Waits until some node leads that is not `except`, and gives its name. */
  async untilLeader(except?: string): Promise<string> {
    const isThere = (): boolean => this.leader !== undefined && this.leader !== except;
    await this.until(isThere, "a leader");
    return this.leader as string;
  }

  /** Waits until every shard has a leader that runs, and that all nodes which run know. */
  async untilAllLed(): Promise<void> {
    const isLed = (): boolean => {
      const topologies = [...this.nodes.values()].map((node) => node.topology());
      const [first] = topologies;
      const running = (first?.nodes ?? []).filter(({ name }) => this.nodes.has(name)).map(({ nodeId }) => nodeId);
      return topologies.every(({ shards }) =>
        shards.every(({ leader }, at) => {
          return leader !== undefined && running.includes(leader) && leader === first?.shards[at]?.leader;
        }),
      );
    };
    await this.until(isLed, "leaders of all shards");
  }

  async until(condition: () => boolean, what: string, limitMs = 30_000): Promise<void> {
    if (!(await this.world.runUntil(condition, limitMs))) {
      const events = this.events
        .slice(-20)
        .map(({ node, event, fields }) => `${node} ${event} ${JSON.stringify(fields)}`);
      const states = this.names.map((name) => {
        const groups = this.nodes.get(name)?.nodeStatus().groups ?? [];
        return `${name} ${JSON.stringify(groups.map((group) => ({ ...group, checksums: undefined })))}`;
      });
      const story = [...states, ...this.exits.map((exit) => JSON.stringify(exit)), ...events].join("\n");
      throw new Error(`seed ${this.world.seed}: no ${what} within ${limitMs} ms\n${story}`);
    }
  }

  client(name: string): Client {
    return new Client(this.node(name));
  }

  kill(name: string): void {
    this.world.machine(name).kill();
  }

  /** Flips a bit of each batch that the log of a node, which is down, has acknowledged. */
  damageLog(name: string): void {
    const { disk } = this.world.machine(name);
    const files = disk.files().filter(({ path }) => path.startsWith("/data/log/") && path.endsWith(".segment"));
    for (const { path, sizeBytes } of files) {
      // In the bodies of the batches, behind the two headers of the segment.
      for (let at = 8_192; at + 4_096 <= sizeBytes; at += 4_096) disk.flipBit(path, at + 120, 3);
    }
  }

  /** Cuts a node off from all others, both ways. */
  isolate(name: string): void {
    this.world.network.partition([[name], [...this.names, ...this.joined].filter((other) => other !== name)]);
  }

  /** Waits until all nodes that run have applied the same entries of the shards that they have. */
  async untilEqual(): Promise<void> {
    const isEqual = (): boolean => {
      const last = new Map<number, number>();
      const groups = [...this.nodes.values()].flatMap((node) => node.nodeStatus().groups);
      return groups.every(({ group, appliedIndex, lastIndex }) => {
        if (!last.has(group)) last.set(group, lastIndex);
        return appliedIndex === lastIndex && lastIndex === last.get(group);
      });
    };
    await this.until(isEqual, "equal replicas");
  }

  /** Of each shard, the digests of its replicas on the nodes that run: one if they hold the same. */
  digests(shardCount: number): readonly (readonly string[])[] {
    return Array.from({ length: shardCount }, (_, shard) => {
      const hosts = [...this.nodes.values()].filter((node) => node.hostedShards.includes(shard));
      return [...new Set(hosts.map((node) => node.keyspaceOf(shard).checksum()))];
    });
  }

  async close(): Promise<void> {
    await this.world.until(Promise.all([...this.nodes.values()].map((node) => node.close())));
  }

  eventsOf(event: string): readonly LoggedEvent[] {
    return this.events.filter((each) => each.event === event);
  }

  readonly #options: SimulatedClusterOptions;
  /** Called with the name of a node whose process has ended. */
  readonly #goneListeners: Set<(name: string) => void> = new Set();

  #addMachine(name: string): void {
    this.world.machine(name, {
      ...this.#options.machine,
      onProcessEnd: (end) => {
        this.nodes.delete(name);
        for (const listener of this.#goneListeners) listener(name);
        if (end.kind === "exited") this.exits.push({ node: name, code: end.code, reason: end.reason });
        if (end.kind === "crashed") this.crashes.push(end.error);
      },
    });
  }

  #logger(node: string): Logger {
    return { log: (level, event, fields = {}) => this.events.push({ node, level, event, fields }) };
  }
}
