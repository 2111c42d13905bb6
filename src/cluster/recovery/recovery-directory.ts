/** What the directory has to say once a plan is carried out: the lost nodes are removed, and the groups stand where they begin. */
import type { DirectoryNode, DirectoryShard, DirectoryState } from "../../directory/index.ts";
import { groupOfShard } from "../replica/shard-group.ts";
import type { RecoveryPlan } from "./recovery-plan.ts";
import type { SurveyedNode } from "./recovery-survey.ts";

const ordinaryWeight = 100;

/** `state` is where the log ends of which the directory goes on. Nodes that it has not heard of yet, or any more, are put back. */
export function recoveredDirectory(state: DirectoryState, plan: RecoveryPlan): DirectoryState {
  const lost = new Set(plan.lostNodes.map(({ id }) => id));
  const known = new Set(state.nodes.map(({ id }) => id));
  const strangers = [...plan.nodes, ...plan.lostNodes].filter(({ id }) => !known.has(id));
  const nodes = [...state.nodes, ...strangers.map(nodeFrom)]
    .map((node): DirectoryNode => (lost.has(node.id) ? { ...node, state: "removed", isDecommissioned: true } : node))
    .toSorted((left, right) => left.id - right.id);
  const nextNodeId = Math.max(state.nextNodeId, (nodes.at(-1)?.id ?? 0) + 1, ...plan.surveys.map(nextNodeOf));
  return { ...state, nodes, nextNodeId, shards: state.shards.map((shard) => recoveredShard(shard, plan)) };
}

function nextNodeOf({ directory }: RecoveryPlan["surveys"][number]): number {
  return directory?.nextNodeId ?? 0;
}

function nodeFrom({ id, name, directoryId }: SurveyedNode): DirectoryNode {
  const rest = { peerAddress: undefined, zone: "", weight: ordinaryWeight, isDecommissioned: false };
  return { id, name, state: "active", directoryId, ...rest };
}

function recoveredShard(shard: DirectoryShard, { groups }: RecoveryPlan): DirectoryShard {
  const fate = groups[groupOfShard(shard.shard)];
  if (fate === undefined || fate.kind === "whole") return shard;
  const { index, node, successor } = fate;
  const report = { configurationIndex: index, voters: [successor], learners: [], highestReplica: successor };
  return { ...shard, report, wish: [node] };
}
