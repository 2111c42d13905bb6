/** Where the shards are, as one node knows it: what clients need to find a key by themselves. */
import type { Term } from "../raft/index.ts";
import type { SlotRange, SlotRanges } from "../ring/index.ts";
import type { ShardPlace } from "./groups/shard-place.ts";
import type { Attributes } from "./node-attributes.ts";
import { shardOfGroup } from "./replica/shard-group.ts";

export interface Topology {
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  /** All nodes, in the order of their numbers. */
  readonly nodes: readonly TopologyNode[];
  /** All shards, in the order of their slots. */
  readonly shards: readonly TopologyShard[];
}

export interface TopologyNode {
  readonly nodeId: number;
  readonly name: string;
  readonly isSelf: boolean;
  /** Whether it can be reached from here. A node that stops is not up itself, and remembers of the others what was so last. */
  readonly isUp: boolean;
  /** What the node says of itself, such as its clients' addresses; empty as long as it was not heard. */
  readonly attributes: Attributes;
}

export interface TopologyShard {
  readonly shard: number;
  readonly slots: SlotRange;
  readonly term: Term;
  /** The node that leads it; undefined if none is known. */
  readonly leader: number | undefined;
  /** The nodes that hold it, the leader's included. */
  readonly replicas: readonly number[];
}

/** @param votersElsewhere of a group of which this node has no replica that could tell: where its voters are, as far as known */
export function topologyShards(
  places: Iterable<ShardPlace>,
  ranges: SlotRanges,
  votersElsewhere: (group: number) => readonly number[],
): readonly TopologyShard[] {
  return [...places].map(({ group, hosted, route: { leader, term } }) => {
    const shard = shardOfGroup(group);
    const isTelling = hosted !== undefined && hosted.replica.stoppedBecause === undefined && !hosted.replica.isLearner;
    const voters = isTelling ? hosted.voters : votersElsewhere(group);
    // Who leads says so itself, and sooner.
    const replicas = leader === 0 || voters.includes(leader) ? voters : [...voters, leader].sort((a, b) => a - b);
    return { shard, slots: ranges.rangeOf(shard), term, leader: leader === 0 ? undefined : leader, replicas };
  });
}

/** Another node that leads the shard, and can be reached; undefined if none is known. */
export function leaderIn({ nodes, shards }: Topology, shard: number): TopologyNode | undefined {
  const leader = shards.find((each) => each.shard === shard)?.leader;
  return nodes.find(({ nodeId, isSelf, isUp }) => nodeId === leader && isUp && !isSelf);
}
