/** What the planner is told of the world: not part of the directory, and soon out of date. */
import type { DirectoryNode, DirectoryShard, DirectoryState } from "./directory-state.ts";
import { activeNodes } from "./node-lookup.ts";
import { nodeOfReplica, nodesOfShard } from "./shard-report.ts";

/** A node that the directory's leader does not hear, and others hear who work with it. */
export interface PartlyHeard {
  /** Who leads the directory. */
  readonly notBy: number;
  /** Sorted; at least one. */
  readonly by: readonly number[];
  /** For how long this has been so, in milliseconds, counted as `absentMs` is. */
  readonly forMs: number;
}

export interface NodeView {
  /** It answers. */
  readonly isHeard: boolean;
  /**
   * For how long it has not, counted only while the directory's leader held a quorum, and nobody who leads its shards heard it either; 0
   * while it is heard.
   */
  readonly absentMs: number;
  /** Undefined: it is heard by the directory's leader, or by nobody who works with it. */
  readonly partlyHeard?: PartlyHeard | undefined;
  /** Its replica of the directory has caught up. */
  readonly hasDirectory: boolean;
}

export interface ClusterView {
  /** By number. A node that is missing here is not heard, and since just now. */
  readonly nodes: ReadonlyMap<number, NodeView>;
  /** The nodes that vote on the directory at present, both halves of a change under way. */
  readonly directoryVoters: readonly number[];
}

export function isHeard({ nodes }: ClusterView, id: number): boolean {
  return nodes.get(id)?.isHeard === true;
}

/** For how long a node has not been heard; 0: it is. */
export function absentMsOf({ nodes }: ClusterView, id: number): number {
  const node = nodes.get(id);
  return node === undefined || node.isHeard ? 0 : node.absentMs;
}

/** The active nodes that have been away for `replaceAfterMs`. */
export function overdueNodes(state: DirectoryState, view: ClusterView): readonly DirectoryNode[] {
  const { replaceAfterMs } = state.settings;
  return state.nodes.filter(({ id, state: kind }) => {
    return kind === "active" && !isHeard(view, id) && absentMsOf(view, id) >= replaceAfterMs;
  });
}

/**
 * The zones of which no node is heard, sorted. Such a zone is likelier cut off than lost, and what is left could hardly
 * carry its load: nobody's replicas are made anew until an operator decides, and removes nodes.
 */
export function silentZones({ nodes }: DirectoryState, view: ClusterView): readonly string[] {
  const working = nodes.filter(({ state, zone }) => zone !== "" && (state === "active" || state === "draining"));
  const heard = new Set(working.filter(({ id }) => isHeard(view, id)).map(({ zone }) => zone));
  return [...new Set(working.map(({ zone }) => zone))].filter((zone) => !heard.has(zone)).sort();
}

/** The nodes whose place others may take: those overdue, unless a whole zone is silent. */
export function lostNodes(state: DirectoryState, view: ClusterView): readonly DirectoryNode[] {
  const overdue = overdueNodes(state, view);
  return overdue.length === 0 || silentZones(state, view).length > 0 ? [] : overdue;
}

/** Active nodes over which replicas are to be evened out: not those lost, nor those that are away and have none. */
export function evenNodes(state: DirectoryState, view: ClusterView): readonly DirectoryNode[] {
  const lost = new Set(lostNodes(state, view));
  const holders = new Set(state.shards.flatMap(nodesOfShard));
  return activeNodes(state).filter((node) => !lost.has(node) && (isHeard(view, node.id) || holders.has(node.id)));
}

/** How many of the shard's live voters could fail before it stands still; negative: it does. */
export function spareVoters(view: ClusterView, { report: { voters } }: DirectoryShard): number {
  const live = voters.filter((replica) => isHeard(view, nodeOfReplica(replica))).length;
  return live - (Math.floor(voters.length / 2) + 1);
}
