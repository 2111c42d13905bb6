/** Spreads the leaders of a cluster's groups over the nodes (CONSENSUS H-5). */

/** One group, as this node knows it. */
export interface LedGroup {
  readonly group: number;
  /** The node that leads it; 0 if none is known. */
  readonly leader: number;
  /** The nodes that could: where it has voters. Looked at for the groups that this node leads. */
  readonly voters: readonly number[];
}

/**
 * The group that `self` should hand over, and to whom; undefined while it leads at most one group more than the node that
 * leads the fewest of those that could take one: who has a voter of it and is among the `candidates` (without `self`). Since
 * every node gives only while it has two more than another, they come to rest.
 */
export function leaderToMove(
  groups: readonly LedGroup[],
  self: number,
  candidates: readonly number[],
): { readonly group: number; readonly to: number } | undefined {
  const countOf = leaderCounts(groups);
  const own = groups.filter(({ leader }) => leader === self).toReversed();
  const poorestFirst = candidates.toSorted((left, right) => countOf(left) - countOf(right) || left - right);
  for (const to of poorestFirst) {
    if (countOf(self) - countOf(to) < 2) return undefined;
    const taken = own.find(({ voters }) => voters.includes(to));
    if (taken !== undefined) return { group: taken.group, to };
  }
  return undefined;
}

/** How many groups a node leads. */
export function leaderCounts(groups: readonly Pick<LedGroup, "leader">[]): (node: number) => number {
  const counts = new Map<number, number>();
  for (const { leader } of groups) counts.set(leader, (counts.get(leader) ?? 0) + 1);
  return (node) => counts.get(node) ?? 0;
}
