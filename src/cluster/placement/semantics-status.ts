/** How far an upgrade of the cluster is, as far as its nodes say: see docs/upgrading.md. */
import type { NodeView, SemanticsStatus } from "../status.ts";

/** A version from before levels were told knows the first. */
const firstLevel = 1;

/** The level that a node's version knows; null: it did not answer. */
export function knownLevel({ status }: NodeView): number | null {
  return status === null ? null : (status.semanticsLevelMax ?? firstLevel);
}

/** Pure; whoever does not answer is left out, save by name. */
export function semanticsStatus(nodes: readonly NodeView[]): SemanticsStatus {
  const levels = nodes.map((node) => ({ name: node.name, knows: knownLevel(node) }));
  const known = levels.flatMap(({ knows }) => (knows === null ? [] : [knows]));
  const levelMax = known.length === 0 ? null : Math.max(...known);
  const level = dataLevel(nodes);
  return {
    level,
    levelMax,
    nodes: levels,
    isUpgradeFinished: known.every((each) => each === levelMax) && level === levelMax,
  };
}

/**
 * A group is at the level of that of its replicas which has come farthest: others follow, or have stopped. The lowest of all groups, the
 * directory's too.
 */
function dataLevel(nodes: readonly NodeView[]): number | null {
  const byGroup = new Map<number, number>();
  for (const { status } of nodes) {
    const { groups = [], directory = null } = status ?? {};
    for (const { group, semanticsLevel } of directory === null ? groups : [directory, ...groups])
      byGroup.set(group, Math.max(byGroup.get(group) ?? 0, semanticsLevel ?? firstLevel));
  }
  return byGroup.size === 0 ? null : Math.min(...byGroup.values());
}
