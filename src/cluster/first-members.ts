/** Who a group's members are before its first change: it follows from what all nodes have in their files from the beginning. */
import { type Configuration, emptyConfiguration } from "../raft/index.ts";
import { replicaOf } from "./replica-id.ts";
import { directoryGroup } from "./shard-group.ts";

/**
 * How many of the directory's replicas vote: all up to three, at most five. Fewer than there are nodes, so that a change
 * of the directory costs the same however large the cluster is; an odd number, since another voter more tolerates no more.
 */
export function directoryVoterCount(nodeCount: number): number {
  if (nodeCount <= 3) return nodeCount;
  return nodeCount === 4 ? 3 : 5;
}

/** @param firstNodeCount nodes 1 to this one were there when the cluster began */
export function firstConfiguration(group: number, firstNodeCount: number): Configuration {
  const replicas = Array.from({ length: firstNodeCount }, (_, at) => replicaOf(at + 1, 0));
  const voterCount = group === directoryGroup ? directoryVoterCount(firstNodeCount) : firstNodeCount;
  return { ...emptyConfiguration, voters: replicas.slice(0, voterCount), learners: replicas.slice(voterCount) };
}
