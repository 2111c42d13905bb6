import { type ClusterView, isHeard, overdueNodes, silentZones, spareVoters } from "./cluster-view.ts";
import type { DirectoryNode, DirectoryShard, DirectoryState } from "./directory-state.ts";
import { isNodeRemoved, nameOfNode } from "./node-lookup.ts";
import { voterNodesOf } from "./shard-report.ts";

const shownShardsMax = 10;
/** Who has just gone is missed by some before it is by others. */
const partlyHeardMsMin = 30_000;

/** What nobody but an operator can decide or mend; sentences for people. */
export function warningsOf(state: DirectoryState, view: ClusterView): readonly string[] {
  const overdue = overdueNodes(state, view);
  return [...zoneWarning(state, view, overdue), ...majorityWarning(state, view, overdue), ...linkWarnings(state, view)];
}

/** Such a node keeps its replicas, which is right as long as it works; that the directory's leader cannot reach it nobody else would say. */
function linkWarnings(state: DirectoryState, { nodes }: ClusterView): readonly string[] {
  return state.nodes.flatMap(({ id, name, state: kind }) => {
    const partly = nodes.get(id)?.partlyHeard;
    if (partly === undefined || partly.forMs < partlyHeardMsMin || kind === "removed") return [];
    const { notBy, by } = partly;
    const leader = nameOfNode(state, notBy);
    const hearers = by.map((each) => nameOfNode(state, each)).join(", ");
    const what = `${leader}, which leads the directory, does not hear ${name}; ${hearers} ${by.length === 1 ? "does" : "do"}`;
    const cure = `Look at the network between ${leader} and ${name}.`;
    return [`${what}. So ${name} is not taken for lost: its replicas stay, and none comes to it meanwhile. ${cure}`];
  });
}

function zoneWarning(state: DirectoryState, view: ClusterView, overdue: readonly DirectoryNode[]): readonly string[] {
  const zones = silentZones(state, view);
  if (overdue.length === 0 || zones.length === 0) return [];
  const names = overdue.map(({ name }) => name).join(", ");
  const which = zones.length === 1 ? `Zone ${zones[0]} does` : `Zones ${zones.join(", ")} do`;
  const cure = "Bring one of its nodes back, or remove the nodes that are gone for good.";
  return [`${which} not answer at all, so the replicas of ${names} are not made anew elsewhere. ${cure}`];
}

function majorityWarning(
  state: DirectoryState,
  view: ClusterView,
  overdue: readonly DirectoryNode[],
): readonly string[] {
  const late = new Set(overdue.map(({ id }) => id));
  const isGone = (id: number): boolean => late.has(id) || isNodeRemoved(state, id);
  const away = (shard: DirectoryShard): readonly number[] =>
    voterNodesOf(shard.report).filter((id) => !isHeard(view, id));
  const still = state.shards.filter((shard) => spareVoters(view, shard) < 0 && away(shard).every(isGone));
  if (still.length === 0) return [];
  const shown = still.slice(0, shownShardsMax).map(({ shard }) => shard);
  const numbers = shown.join(", ") + (still.length > shown.length ? ", …" : "");
  const startable = [...new Set(still.flatMap(away))].filter((id) => late.has(id)).sort((a, b) => a - b);
  const names = startable.map((id) => nameOfNode(state, id)).join(" or ");
  const cure = names === "" ? "The others of their replicas were on nodes that are removed." : `Start ${names} again.`;
  const count = still.length === 1 ? "1 shard has" : `${still.length} shards have`;
  return [`${count} no live majority (${numbers}), so nothing of theirs can move. ${cure}`];
}
