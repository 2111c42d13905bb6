/** Spreads the leaders of a node's groups over the nodes (CONSENSUS H-5). */

/** One group, as this node knows it. */
export interface LedGroup {
  readonly group: number;
  /** The node that leads it; 0 if none is known. */
  readonly leader: number;
}

/**
 * The group that `self` should hand over, and to whom; undefined while it leads at most one group more than the node that
 * leads the fewest of those that could take one (`candidates`, without `self`). Since every node gives only while it has two more than
 * another, they come to rest.
 */
export function leaderToMove(
  groups: readonly LedGroup[],
  self: number,
  candidates: readonly number[],
): { readonly group: number; readonly to: number } | undefined {
  const counts = new Map<number, number>();
  for (const { leader } of groups) counts.set(leader, (counts.get(leader) ?? 0) + 1);
  const countOf = (node: number): number => counts.get(node) ?? 0;
  const [to] = candidates.toSorted((left, right) => countOf(left) - countOf(right) || left - right);
  if (to === undefined || countOf(self) - countOf(to) < 2) return undefined;
  const own = groups.filter(({ leader }) => leader === self);
  const group = own.at(-1)?.group;
  return group === undefined ? undefined : { group, to };
}
