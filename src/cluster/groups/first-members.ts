/** Who a group's members are before its first change: it follows from what all nodes have in their files from the beginning. */
import { genesis } from "../../directory/index.ts";
import { type Configuration, emptyConfiguration } from "../../raft/index.ts";
import type { NodeRecord } from "../membership/node-record.ts";
import { nodeOf, replicaOf } from "../replica/replica-id.ts";
import { directoryGroup, shardOfGroup } from "../replica/shard-group.ts";

/**
 * How many of the directory's replicas vote: all up to three, at most five. Fewer than there are nodes, so that a change
 * of the directory costs the same however large the cluster is; an odd number, since another voter more tolerates no more.
 */
export function directoryVoterCount(nodeCount: number): number {
  if (nodeCount <= 3) return nodeCount;
  return nodeCount === 4 ? 3 : 5;
}

export class FirstMembers {
  constructor({ names, shardCount, replicaCount }: Pick<NodeRecord, "names" | "shardCount" | "replicaCount">) {
    const { shards } = genesis({ names, shardCount, replicas: replicaCount });
    this.#shards = shards.map(({ wish }) => ({ ...emptyConfiguration, voters: replicasOn(wish) }));
    const all = replicasOn(names.map((_, at) => at + 1));
    const voterCount = directoryVoterCount(all.length);
    this.#directory = { ...emptyConfiguration, voters: all.slice(0, voterCount), learners: all.slice(voterCount) };
  }

  /** What an empty log of the group stands for. */
  of(group: number): Configuration {
    const configuration = group === directoryGroup ? this.#directory : this.#shards[shardOfGroup(group)];
    return configuration ?? emptyConfiguration;
  }

  /** Whether the group began with a replica on the node. Its id is that of generation 0. */
  has(group: number, nodeId: number): boolean {
    const { voters, learners } = this.of(group);
    return [...voters, ...learners].some((replica) => nodeOf(replica) === nodeId);
  }

  readonly #directory: Configuration;
  readonly #shards: readonly Configuration[];
}

function replicasOn(nodes: readonly number[]): readonly number[] {
  return nodes.map((node) => replicaOf(node, 0));
}
