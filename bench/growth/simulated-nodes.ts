import { Node, type Topology } from "coterie/cluster";
import { type Platform, silentLogger } from "coterie/platform";
import { type SimulatedMachine, SimulatedWorld } from "coterie/simulation";

/** What a machine has done since the beginning. */
export interface WorkCounts {
  /** Writes to connections with other machines, and datagrams. */
  readonly messages: number;
  readonly bytes: number;
  readonly syncs: number;
}

const peerPort = 17_000;
const leadersMsMax = 60_000;
/** Leaders are at rest when none has moved for so long. */
const restMs = 6_000;

/** The nodes of one cluster, each on a simulated machine of its own, without faults. */
export class SimulatedNodes {
  readonly world: SimulatedWorld;
  readonly nodes: readonly Node[];
  readonly #machines: readonly SimulatedMachine[];

  private constructor(world: SimulatedWorld, machines: readonly SimulatedMachine[], nodes: readonly Node[]) {
    this.world = world;
    this.nodes = nodes;
    this.#machines = machines;
  }

  /** Resolves when all nodes know the leaders of all shards, and no leader moves any more. */
  static async start(options: {
    readonly seed: number;
    readonly nodeCount: number;
    readonly shards: number;
    readonly replicas: number;
  }): Promise<SimulatedNodes> {
    const { seed, nodeCount, shards, replicas } = options;
    const world = new SimulatedWorld({ seed });
    const names = Array.from({ length: nodeCount }, (_, at) => `n${at + 1}`);
    const peers = names.map((name) => ({ name, host: name, port: peerPort }));
    const machines = names.map((name) => world.machine(name, { onProcessEnd: ({ kind }) => refuseEnd(name, kind) }));
    const startNode = (name: string, platform: Platform): Promise<Node> =>
      Node.start({
        platform,
        logger: silentLogger,
        directory: "/data",
        name,
        peers,
        secret: "bench",
        shards,
        replicas,
      });
    const starts = machines.map((machine, at) => startNode(names[at]!, machine.start()));
    const cluster = new SimulatedNodes(world, machines, await world.until(Promise.all(starts)));
    await cluster.#rest();
    return cluster;
  }

  /** Of each node, by its place. */
  counts(): readonly WorkCounts[] {
    return this.#machines.map(({ sent, disk }) => ({ ...sent, syncs: disk.syncCount }));
  }

  /** By shard, the place of the node that leads it. @throws if the nodes do not agree on all of them */
  leaders(): readonly number[] {
    const leaders = this.#agreedLeaders();
    if (leaders === undefined) throw new Error("the nodes do not agree on who leads");
    return leaders;
  }

  /** How many shards each node has a replica of. */
  replicaCounts(): readonly number[] {
    return this.nodes.map((node) => node.hostedShards.length);
  }

  async close(): Promise<void> {
    await this.world.until(Promise.all(this.nodes.map((node) => node.close())));
  }

  async #rest(): Promise<void> {
    let last = "";
    let sinceMs = this.world.nowMs;
    const endMs = this.world.nowMs + leadersMsMax;
    for (;;) {
      await this.world.run(500);
      const now = JSON.stringify(this.#agreedLeaders() ?? this.world.nowMs);
      if (now !== last) sinceMs = this.world.nowMs;
      else if (this.world.nowMs - sinceMs >= restMs) return;
      last = now;
      if (this.world.nowMs > endMs) throw new Error(`leaders still move after ${leadersMsMax} simulated ms`);
    }
  }

  /** Undefined while somebody knows none, or another one. */
  #agreedLeaders(): readonly number[] | undefined {
    const known = this.nodes.map((node) => leadersIn(node.topology()));
    const [first] = known;
    if (first === undefined || first.includes(-1)) return undefined;
    return known.every((each) => each.every((leader, shard) => leader === first[shard])) ? first : undefined;
  }
}

/** Node numbers begin at 1. */
function leadersIn({ shards }: Topology): readonly number[] {
  return shards.map(({ leader }) => (leader ?? 0) - 1);
}

function refuseEnd(name: string, kind: string): void {
  if (kind !== "killed") throw new Error(`${name} has ${kind}`);
}
