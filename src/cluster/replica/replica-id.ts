/**
 * The numbers of replicas (CONSENSUS C-4). A replica's id says by itself on which node it lives and the how-manieth of
 * its group it is there: `generation * 65536 + node`. The members of a group at its beginning are of generation 0, so that
 * their ids are their nodes' numbers; whoever is added later has a generation that the group never gave before. Why it is
 * so: docs/decisions/replica-ids.md.
 */
import { assert } from "../../platform/index.ts";
import { type Configuration, highestReplicaOf, membersOf, type ReplicaId } from "../../raft/index.ts";

const nodeIdSpan = 65_536;

/** A cluster numbers its nodes from 1 up to this. */
export const nodeIdMax: number = nodeIdSpan - 1;

export function replicaOf(nodeId: number, generation: number): ReplicaId {
  assert(nodeId > 0 && nodeId <= nodeIdMax, "a node's number fits its replicas' ids");
  const replica = generation * nodeIdSpan + nodeId;
  assert(Number.isSafeInteger(replica) && generation >= 0, "a generation fits a replica's id");
  return replica;
}

/** The node on which a replica lives. */
export function nodeOf(replica: ReplicaId): number {
  return replica % nodeIdSpan;
}

export function generationOf(replica: ReplicaId): number {
  return Math.floor(replica / nodeIdSpan);
}

/** A generation above all that the group ever gave. */
export function nextGeneration(configuration: Configuration): number {
  return generationOf(highestReplicaOf(configuration)) + 1;
}

/** The group's replicas on a node, the oldest first. */
export function membersOn(nodeId: number, configuration: Configuration): readonly ReplicaId[] {
  return membersOf(configuration).filter((replica) => nodeOf(replica) === nodeId);
}

/** The nodes of the voters of both halves, sorted, each once. */
export function voterNodes({ voters, votersOutgoing }: Configuration): readonly number[] {
  return [...new Set([...voters, ...votersOutgoing].map(nodeOf))].sort((a, b) => a - b);
}
