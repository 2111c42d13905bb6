import { assert } from "../platform/index.ts";
import { plan, shardsMax, weightDefault } from "../ring/index.ts";
import { isWithin, nodeNumberMax, replicasBounds, reportMembersMax } from "./bounds.ts";
import type { DirectoryNode, DirectoryShard, DirectoryState } from "./directory-state.ts";

/** What a cluster was created with; fixed for ever, and the same at every node. */
export interface Genesis {
  /** Of the first nodes, sorted: a first node's number is its place here, from 1. */
  readonly names: readonly string[];
  readonly shardCount: number;
  /**
   * How many replicas each shard begins with, from 1 to 15; default {@link replicasDefault}. More, up to {@link firstReplicasMax}, where it is the number of
   * first nodes: they began when every node had every shard. Then each should have 15, and gives up the others.
   */
  readonly replicas?: number | undefined;
}

/** A node that was away for five minutes loses its replicas to others. */
export const replaceAfterMsDefault = 300_000;
export const movesPerNodeDefault = 4;

/** Of a shard that was on every node before shards could be on some: as many as a report can name. */
export const firstReplicasMax: number = reportMembersMax;

/** As many as there are first nodes, but three at least; of more than five nodes three. */
export function replicasDefault(firstNodeCount: number): number {
  return firstNodeCount > 5 ? 3 : Math.max(3, firstNodeCount);
}

/** Whether a cluster of so many first nodes can have begun with so many replicas of each shard. */
export function isFirstReplicaCount(replicas: number, firstNodeCount: number): boolean {
  if (isWithin(replicas, replicasBounds)) return true;
  return replicas === firstNodeCount && isWithin(replicas, { min: 1, max: firstReplicasMax });
}

/**
 * The directory before its first change, epoch 0. It follows from what all nodes have in their files, so nothing is
 * written for it. Each shard begins at all first nodes if they are no more than `replicas`, and otherwise where the ring's
 * plan puts it; the number of a first replica is that of its node.
 */
export function genesis({ names, shardCount, replicas = replicasDefault(names.length) }: Genesis): DirectoryState {
  assert(names.length > 0 && names.length <= nodeNumberMax, "a cluster begins with a node, and each has a number");
  assert(isWithin(shardCount, { min: 1, max: shardsMax }), "a cluster has shards, no more than there may be");
  assert(isFirstReplicaCount(replicas, names.length), "a shard's number of replicas is within its bounds");
  for (const [at, name] of names.entries()) {
    assert(at === 0 || (names[at - 1] as string) < name, `the names of the first nodes are sorted, not ${names}`);
  }
  const nodes = names.map(firstNode);
  const placement = firstPlacement(
    nodes.map(({ id }) => id),
    shardCount,
    replicas,
  );
  return {
    epoch: 0,
    nextNodeId: names.length + 1,
    settings: {
      replicas: Math.min(replicas, replicasBounds.max),
      replaceAfterMs: replaceAfterMsDefault,
      movesPerNodeMax: movesPerNodeDefault,
    },
    nodes,
    shards: placement.map(firstShard),
    skips: [],
  };
}

function firstNode(name: string, at: number): DirectoryNode {
  return {
    id: at + 1,
    name,
    state: "active",
    directoryId: undefined,
    peerAddress: undefined,
    zone: "",
    weight: weightDefault,
    isDecommissioned: false,
  };
}

function firstPlacement(ids: readonly number[], shards: number, replicas: number): readonly (readonly number[])[] {
  if (ids.length <= replicas) return Array.from({ length: shards }, () => ids);
  const { placement } = plan(
    [],
    ids.map((id) => ({ id })),
    { shards, replicas },
  );
  return placement.map((nodes) => nodes.toSorted((a, b) => a - b));
}

function firstShard(nodes: readonly number[], shard: number): DirectoryShard {
  const report = { configurationIndex: 0, voters: nodes, learners: [], highestReplica: nodes.at(-1) as number };
  return { shard, report, wish: nodes };
}
