import { type ClusterView, evenNodes } from "./cluster-view.ts";
import type { DirectoryState } from "./directory-state.ts";
import { differenceOf, voterNodesOf } from "./shard-report.ts";
import { targetOf } from "./target.ts";

/** A replica's way, in numbers of nodes. */
export interface ReplicaWay {
  readonly shard: number;
  /** Undefined: it is one more. */
  readonly from: number | undefined;
  /** Undefined: it goes without another one coming. */
  readonly to: number | undefined;
}

/** What remains until the shards are where they should be. */
export interface MoveProgress {
  /** Wished, and not reported as done. */
  readonly underWay: readonly ReplicaWay[];
  /** To be begun, as it looks now: what comes in between may change it. */
  readonly toCome: readonly ReplicaWay[];
}

/**
 * What remains to be moved. Of a state that a decision would lead to: what it would move. Without a view all active nodes
 * count as heard.
 */
export function progressOf(state: DirectoryState, view?: ClusterView): MoveProgress {
  const underWay = state.shards.flatMap(({ shard, report, wish }): ReplicaWay[] => {
    const { gone, come } = differenceOf(voterNodesOf(report), wish);
    return gone.length + come.length === 0 ? [] : [{ shard, from: gone[0], to: come[0] }];
  });
  const nodes = view === undefined ? state.nodes.filter((node) => node.state === "active") : evenNodes(state, view);
  const moves = targetOf(state, nodes)?.moves ?? [];
  return { underWay, toCome: moves.map(({ shard, from, to }) => ({ shard, from, to })) };
}
