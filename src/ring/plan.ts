import { RingError } from "./exact-ring.ts";
import type { HashRingOptions } from "./hash-ring.ts";
import { checkOptions, movesBetween, type Placement, type PlacementOptions, type ReplicaMove } from "./placement.ts";
import { PlacementSearch, type SearchLimits } from "./placement-search.ts";
import type { RingNode } from "./ring-node.ts";

export interface PlanOptions extends PlacementOptions, HashRingOptions {
  /**
   * A node keeps what it has up to this part of its fair share, in percent, rounded up to whole replicas. A node that has
   * less than its fair share divided by this counts as one that joins. From 101 to 1,000; default 125.
   */
  readonly boundPercent?: number;
}

/** What one node holds before and after, beside what it should. */
export interface NodeLoad<Id = string> {
  readonly id: Id;
  /** Replicas. */
  readonly before: number;
  readonly after: number;
  /** By weight, within what the number of shards and the zones allow; with a fraction. */
  readonly fairShare: number;
  /** The most that it should hold. It may be more where distinct nodes and zones leave no other way. */
  readonly bound: number;
}

export interface Plan<Id = string> {
  readonly placement: Placement<Id>;
  /** By shard. */
  readonly moves: readonly ReplicaMove<Id>[];
  /** By id, of the nodes that are there. */
  readonly loads: readonly NodeLoad<Id>[];
}

const boundPercentDefault = 125;

/**
 * The next placement, with as little as possible moved (bounded loads after Mirrokni, Thorup and Zadimoghaddam 2018, but
 * sticky: what stands well enough stays). What it sees to, each only as far as what stands before it allows:
 *
 * 1. Each shard has its replicas, on distinct nodes.
 * 2. Each shard stands in as many zones as there are, up to its number of replicas.
 * 3. A node that joins holds its fair share, rounded down: one that holds less than its fair share / `boundPercent`.
 * 4. No node holds more than its bound: its fair share × `boundPercent`, rounded up.
 *
 * A replica stays where it is unless its node has left, its shard lacks a zone, its node holds more than its bound, or it
 * goes to a node that joins from one above its fair share. So from a placement that keeps all four, a join moves replicas
 * to the joiner alone, its fair share of them, and a leave moves those that the leaver held, and no other. New places are
 * looked for clockwise from the shard's own point, as {@link ideal} does: first among nodes below their fair share, then
 * among those below their bound, then anywhere.
 *
 * The result depends on the set of nodes, not on their order, and planning again moves nothing.
 *
 * @param current as it is wished at present; empty for a new cluster. It may hold nodes that are not there any more.
 * @throws RingError (RING)
 */
export function plan<Id>(current: Placement<Id>, nodes: Iterable<RingNode<Id>>, options: PlanOptions): Plan<Id> {
  const limits = checked(options);
  if (current.length > options.shards) {
    throw new RingError(`the placement has ${current.length} shards, and is to have ${options.shards}`);
  }
  for (const [shard, ids] of current.entries()) {
    if (new Set(ids).size !== ids.length) throw new RingError(`shard ${shard} has two replicas on one node`);
  }
  const search = new PlacementSearch(current, nodes, limits);
  search.dropSurplus();
  search.fillMissing();
  search.spreadZones();
  search.evenOut();
  const placement = search.placement();
  return {
    placement,
    moves: movesBetween(current, placement, (shard, from) => search.reasonOf(shard, from)),
    loads: search.loads(),
  };
}

function checked(options: PlanOptions): SearchLimits {
  checkOptions(options);
  const { boundPercent = boundPercentDefault } = options;
  if (!Number.isInteger(boundPercent) || boundPercent < 101 || boundPercent > 1_000) {
    throw new RingError(`boundPercent is ${boundPercent}; it must be a whole number from 101 to 1,000`);
  }
  return { ...options, boundPercent };
}
