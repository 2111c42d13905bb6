/**
 * What evening out works towards. The ring's plan is sticky: once a node that joined has nearly its share, a plan made anew
 * leaves it at that. So a plan that was begun is carried out to its end, for as long as it is one for the same nodes. What it
 * has become impossible or needless to do is dropped, so that nobody's own moves are undone.
 */
import type { MoveReason } from "../ring/index.ts";
import type { DirectoryNode, DirectoryState } from "./directory-state.ts";
import { targetOf } from "./target.ts";

export interface PlannedGoal {
  /** The nodes, their weights and zones, and the number of replicas for which it was made. */
  readonly key: string;
  /** Those that are not under way yet. */
  readonly moves: readonly GoalMove[];
}

export interface GoalMove {
  readonly shard: number;
  /** Undefined: the shard gets one more. */
  readonly from: number | undefined;
  /** Undefined: one goes, and none comes. */
  readonly to: number | undefined;
  readonly reason: MoveReason;
}

/** The moves of `goal` that are left, if it is one for these nodes, and otherwise those of a new one. */
export function continuedGoal(
  state: DirectoryState,
  nodes: readonly DirectoryNode[],
  goal: PlannedGoal | undefined,
): PlannedGoal {
  const { replicas } = state.settings;
  const key = `${replicas} ${nodes.map(({ id, weight, zone }) => `${id}:${weight}:${zone}`).join()}`;
  if (goal?.key === key) {
    const moves = goal.moves.filter((move) => isLeft(state, move));
    if (moves.length > 0) return moves.length === goal.moves.length ? goal : { key, moves };
  }
  return { key, moves: targetOf(state, nodes)?.moves ?? [] };
}

function isLeft({ shards, settings }: DirectoryState, { shard, from, to }: GoalMove): boolean {
  const wish = shards[shard]?.wish ?? [];
  if (from !== undefined && !wish.includes(from)) return false;
  return to === undefined ? wish.length > settings.replicas : !wish.includes(to);
}
