/** What a shard's report says of nodes, by the numbers of its replicas: `generation * 65536 + node`. */
import { nodeNumberMax, reportMembersMax } from "./bounds.ts";
import type { DirectoryShard, ShardReport } from "./directory-state.ts";

/** The node on which a replica lives. */
export function nodeOfReplica(replica: number): number {
  return replica % (nodeNumberMax + 1);
}

/** The nodes with a vote, sorted, each once. */
export function voterNodesOf({ voters }: ShardReport): readonly number[] {
  return sortedSet(voters.map(nodeOfReplica));
}

/** The nodes with a replica, sorted, each once. */
export function memberNodesOf({ voters, learners }: ShardReport): readonly number[] {
  return sortedSet([...voters, ...learners].map(nodeOfReplica));
}

/** All nodes that have a replica of the shard or are to get one. */
export function nodesOfShard({ report, wish }: DirectoryShard): readonly number[] {
  return sortedSet([...[...report.voters, ...report.learners].map(nodeOfReplica), ...wish]);
}

/**
 * Whether the report proves that a replica will never be needed again (CONSENSUS M-10): the shard gave its number, and does
 * not count it among its members. Numbers rise, so nothing can bring it back.
 */
export function isReplicaGone(
  { voters, learners, highestReplica }: Pick<ShardReport, "voters" | "learners" | "highestReplica">,
  replica: number,
): boolean {
  return replica <= highestReplica && !voters.includes(replica) && !learners.includes(replica);
}

/** The replica by which `nodes` and `others`, both sorted, differ; undefined: by none. More than one: `isOne` is false. */
export function differenceOf(
  nodes: readonly number[],
  others: readonly number[],
): { readonly isOne: boolean; readonly gone: readonly number[]; readonly come: readonly number[] } {
  const gone = nodes.filter((node) => !others.includes(node));
  const come = others.filter((node) => !nodes.includes(node));
  return { isOne: gone.length <= 1 && come.length <= 1 && gone.length + come.length > 0, gone, come };
}

export function isSameList(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((each, at) => each === right[at]);
}

/** What is wrong with a report's form; undefined: nothing. */
export function faultOfReport({
  configurationIndex,
  voters,
  learners,
  highestReplica,
}: ShardReport): string | undefined {
  if (!Number.isSafeInteger(configurationIndex) || configurationIndex < 0) return "its index is no whole number";
  if (!isReplicaList(voters) || !isReplicaList(learners)) return "its replicas are no sorted list of numbers";
  if (voters.length === 0) return "it has no voters";
  if (voters.length + learners.length > reportMembersMax) return `it has more than ${reportMembersMax} members`;
  if (voters.some((replica) => learners.includes(replica))) return "a replica is voter and learner";
  const highest = Math.max(...voters, ...learners);
  if (!Number.isSafeInteger(highestReplica) || highestReplica < highest)
    return "its highest replica is not the highest";
  return undefined;
}

function isReplicaList(list: readonly number[]): boolean {
  return list.every(
    (replica, at) =>
      Number.isSafeInteger(replica) && nodeOfReplica(replica) >= 1 && (at === 0 || (list[at - 1] as number) < replica),
  );
}

function sortedSet(numbers: readonly number[]): readonly number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}
