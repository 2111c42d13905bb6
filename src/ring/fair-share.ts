import type { PlacementOptions } from "./placement.ts";
import type { PlacedNode } from "./ring-node.ts";

/**
 * How many replicas each node should hold: in proportion to its weight, within what can be. A node holds one replica of
 * a shard at most; a zone holds at least one of each if there are no more zones than replicas, and at most what the
 * other zones leave. So a heavy node among few, or the only node of a zone, gets what it must, and the others share the
 * rest: zones first, then the nodes within each.
 *
 * @returns by the index of the node; numbers with fractions, whose sum is what all nodes hold together
 */
export function fairShares<Id>(
  nodes: readonly PlacedNode<Id>[],
  { shards, replicas }: PlacementOptions,
): readonly number[] {
  const replicasEach = Math.min(replicas, nodes.length);
  const zoneNames = [...new Set(nodes.map(({ zone }) => zone))].sort();
  const zones = zoneNames.map((name) => nodes.filter(({ zone }) => zone === name));
  const zonesEach = Math.min(replicasEach, zones.length);
  const zoneShares = share(
    shards * replicasEach,
    zones.map((members) => ({
      weight: members.reduce((sum, { weight }) => sum + weight, 0),
      least: zones.length <= replicasEach ? shards : 0,
      most: shards * Math.min(members.length, replicasEach - zonesEach + 1),
    })),
  );
  const byId = new Map<Id, number>();
  for (const [at, members] of zones.entries()) {
    const shares = share(
      zoneShares[at] as number,
      members.map(({ weight }) => ({ weight, least: 0, most: shards })),
    );
    for (const [index, { id }] of members.entries()) byId.set(id, shares[index] as number);
  }
  return nodes.map(({ id }) => byId.get(id) as number);
}

/** What one may have of something that is shared out: between `least` and `most`, else by `weight`. */
interface Claim {
  readonly weight: number;
  readonly least: number;
  readonly most: number;
}

/**
 * Shares `total` out by weight. Whoever would get less than its least or more than its most is settled there, and the
 * others share what is left, as CSS resolves flexible lengths (Flexible Box Layout §9.7): in each round either those
 * below their least or those above their most are settled, whichever are off by more.
 */
function share(total: number, claims: readonly Claim[]): readonly number[] {
  const settled: (number | undefined)[] = claims.map(() => undefined);
  for (;;) {
    let left = total;
    let weight = 0;
    for (const [at, claim] of claims.entries()) {
      const fixed = settled[at];
      if (fixed === undefined) weight += claim.weight;
      else left -= fixed;
    }
    const free = claims.map((claim, at) => settled[at] ?? (left * claim.weight) / weight);
    let lacking = 0;
    let exceeding = 0;
    for (const [at, claim] of claims.entries()) {
      lacking += Math.max(0, claim.least - (free[at] as number));
      exceeding += Math.max(0, (free[at] as number) - claim.most);
    }
    if (lacking < roundingError && exceeding < roundingError) return free;
    for (const [at, claim] of claims.entries()) {
      if (settled[at] !== undefined) continue;
      if (lacking >= exceeding && (free[at] as number) < claim.least) settled[at] = claim.least;
      else if (exceeding >= lacking && (free[at] as number) > claim.most) settled[at] = claim.most;
    }
  }
}

/** Shares are sums and quotients of a few whole numbers below 2^32: they are off by far less than this. */
const roundingError = 1e-6;

/** The largest whole number of replicas within `amount`. */
export function wholeWithin(amount: number): number {
  return Math.floor(amount + roundingError);
}

/** The smallest whole number of replicas that holds `amount`. */
export function wholeAround(amount: number): number {
  return Math.ceil(amount - roundingError);
}
