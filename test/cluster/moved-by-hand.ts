import type { GroupWish } from "../../src/cluster/groups/group-change.ts";
import type { GroupPlacement, MembersReport } from "../../src/cluster/groups/group-placement.ts";
import { nodeOf } from "../../src/cluster/replica/replica-id.ts";
import { groupOfShard } from "../../src/cluster/replica/shard-group.ts";
import { highestReplicaOf } from "../../src/raft/index.ts";
import type { SeededRandom } from "../../src/simulation/index.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

/** Says to all nodes of a cluster where replicas are to be and are: what the directory does, by the test's own hand. */
export class MovedByHand implements GroupPlacement {
  wishOf(group: number): GroupWish | undefined {
    return this.#wishes.get(group);
  }

  isKnown(): boolean {
    return true;
  }

  reportOf(group: number): MembersReport | undefined {
    return this.#reports.get(group);
  }

  /** A shard is to be kept by these nodes. */
  wish(shard: number, ...voters: readonly number[]): void {
    this.#wishes.set(groupOfShard(shard), { voters, learners: [] });
  }

  /** Waits until a shard is led and has just these voters, and no other member. */
  async untilMoved(cluster: SimulatedCluster, shard: number, limitMs = 60_000): Promise<void> {
    const wished = this.#wishes.get(groupOfShard(shard))?.voters ?? [];
    const isThere = (): boolean => {
      const { voters = [], votersOutgoing = [], learners = [] } = leaderOf(cluster, shard)?.core.configuration ?? {};
      const nodes = voters.map(nodeOf).sort((a, b) => a - b);
      return nodes.join() === wished.join() && votersOutgoing.length === 0 && learners.length === 0;
    };
    await cluster.until(isThere, `shard ${shard} on ${wished}`, limitMs);
  }

  /** Reports each shard whose members are not on their way to others, as its leader does. */
  reportAll(cluster: SimulatedCluster, shardCount: number): void {
    for (let shard = 0; shard < shardCount; shard++) {
      const configuration = leaderOf(cluster, shard)?.core.configuration;
      if (configuration?.votersOutgoing.length === 0) this.report(cluster, shard);
    }
  }

  /** Of each shard that has come to where it was wished, now and then wishes one of its replicas elsewhere. */
  wander(cluster: SimulatedCluster, shardCount: number, random: SeededRandom): void {
    for (let shard = 0; shard < shardCount; shard++) {
      const configuration = leaderOf(cluster, shard)?.core.configuration;
      if (configuration === undefined || configuration.votersOutgoing.length > 0) continue;
      const nodes = configuration.voters.map(nodeOf).sort((a, b) => a - b);
      const wish = this.#wishes.get(groupOfShard(shard))?.voters ?? nodes;
      if (nodes.join() !== wish.join() || configuration.learners.length > 0) continue;
      const others = cluster.names.map((_, at) => at + 1).filter((node) => !nodes.includes(node));
      const goes = random.pick(nodes);
      const kept = nodes.filter((node) => node !== goes);
      if (others.length > 0 && random.chance(0.3))
        this.wish(shard, ...[...kept, random.pick(others)].sort((a, b) => a - b));
    }
  }

  /** All nodes hear what the shard's leader has. */
  report(cluster: SimulatedCluster, shard: number): MembersReport {
    const configuration = leaderOf(cluster, shard)?.core.configuration;
    if (configuration === undefined) throw new Error(`nobody leads shard ${shard}`);
    const { voters, learners } = configuration;
    const report = { voters, learners, highestReplica: highestReplicaOf(configuration) };
    this.#reports.set(groupOfShard(shard), report);
    return report;
  }

  readonly #wishes: Map<number, GroupWish> = new Map();
  readonly #reports: Map<number, MembersReport> = new Map();
}

type View = ReturnType<ReturnType<SimulatedCluster["node"]>["replicaOf"]>;

/** The replica that leads in the highest term. */
function leaderOf(cluster: SimulatedCluster, shard: number): View | undefined {
  return [...cluster.nodes.values()]
    .filter((node) => node.hostedShards.includes(shard))
    .map((node) => node.replicaOf(shard))
    .filter(({ core }) => core.role === "leader")
    .toSorted((left, right) => right.core.term - left.core.term)[0];
}
