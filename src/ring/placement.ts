import { RingError } from "./exact-ring.ts";
import { HashRing, type HashRingOptions } from "./hash-ring.ts";
import type { RingNode } from "./ring-node.ts";
import { ringPosition } from "./ring-position.ts";
import { shardsMax } from "./slot-ranges.ts";

/** The nodes that keep each shard's replicas: at index 0 those of shard 0. The first of a shard is its preferred leader. */
export type Placement<Id = string> = readonly (readonly Id[])[];

/** Why a replica moves. */
export type MoveReason =
  /** The shard has fewer replicas than it should; nothing is given up for this one. */
  | "missing"
  /** The shard has more replicas than it should; this one goes, and none comes. */
  | "surplus"
  /** Its node is not among the nodes any more. */
  | "left"
  /** Another zone, in which the shard has no replica yet, is there to be used. */
  | "zone"
  /** Its node holds more than its bound. */
  | "bound"
  /** A node that has joined, or grown, gets its fair share. */
  | "share";

/** One replica's way. */
export interface ReplicaMove<Id = string> {
  readonly shard: number;
  /** Undefined when a missing replica is made. */
  readonly from: Id | undefined;
  /** Undefined when a replica too many goes, or there is no node that could take it. */
  readonly to: Id | undefined;
  readonly reason: MoveReason;
}

export interface PlacementOptions {
  /** How many shards there are: from 1 to 1,024. */
  readonly shards: number;
  /** How many replicas each should have: from 1 to 15. With fewer nodes, each node has one. */
  readonly replicas: number;
}

export const replicasMax = 15;

/** Where shard `shard` stands on the ring. */
export function shardPosition(shard: number): number {
  return ringPosition(`shard ${shard}`);
}

/**
 * Where each shard's replicas would be if there were nothing to move: at the first distinct nodes clockwise of the
 * shard's own point, those in zones not used yet first. It is a function of the *set* of nodes.
 *
 * When a node joins or leaves, a shard exchanges one replica at most, and only for or against that node. Without zones
 * a node of weight w among nodes that weigh W in all has, for equal weights, exactly 1 in n of all replicas in the mean;
 * that is what moves. Nothing bounds what falls to one node: {@link plan} does.
 *
 * @throws RingError (RING)
 */
export function ideal<Id>(nodes: Iterable<RingNode<Id>>, options: PlacementOptions & HashRingOptions): Placement<Id> {
  checkOptions(options);
  const ring = new HashRing(nodes, options);
  return Array.from({ length: options.shards }, (_, shard) => ring.successors(shardPosition(shard), options.replicas));
}

/** @throws RingError (RING) */
export function checkOptions({ shards, replicas }: PlacementOptions): void {
  if (!Number.isInteger(shards) || shards < 1 || shards > shardsMax) {
    throw new RingError(`shards is ${shards}; it must be a whole number from 1 to ${shardsMax}`);
  }
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > replicasMax) {
    throw new RingError(`replicas is ${replicas}; it must be a whole number from 1 to ${replicasMax}`);
  }
}

/**
 * What has to move to come from one placement to the other: for each shard as many moves as it has new nodes, paired
 * with those that it leaves in the order in which they stand there.
 *
 * @param reasonOf why `from` is left (undefined: nothing is). Default: always "left", or "missing" and "surplus".
 */
export function movesBetween<Id>(
  before: Placement<Id>,
  after: Placement<Id>,
  reasonOf: (shard: number, from: Id) => MoveReason = () => "left",
): readonly ReplicaMove<Id>[] {
  const moves: ReplicaMove<Id>[] = [];
  for (let shard = 0; shard < Math.max(before.length, after.length); shard++) {
    const old = before[shard] ?? [];
    const wanted = after[shard] ?? [];
    const gone = old.filter((id) => !wanted.includes(id));
    const come = wanted.filter((id) => !old.includes(id));
    for (let at = 0; at < Math.max(gone.length, come.length); at++) {
      const from = gone[at];
      const to = come[at];
      const reason = from === undefined ? "missing" : reasonOf(shard, from);
      moves.push({ shard, from, to, reason: to === undefined && reason !== "left" ? "surplus" : reason });
    }
  }
  return moves;
}
