/**
 * What is to become of a cluster that has lost majorities for good, decided on what is left of its nodes: a pure function from
 * surveys of their directories, taken while they are stopped. docs/decisions/membership.md says why it is so.
 *
 * Of several logs of a group the one with the last entry of the highest term, then index, holds every committed entry that any
 * of them holds: who leads in a term has all that was committed before it, and entries of that term stand behind those. So it
 * does not matter whether it is a voter's or a learner's. What only the lost nodes knew nobody can tell.
 */
import { createHash } from "node:crypto";
import { assert, CoterieError } from "../../platform/index.ts";
import {
  type Configuration,
  highestReplicaOf,
  type LogIndex,
  membersOf,
  type ReplicaId,
  type Term,
} from "../../raft/index.ts";
import { generationOf, nodeOf, replicaOf } from "../replica/replica-id.ts";
import { groupsOf, isShardGroup, shardOfGroup } from "../replica/shard-group.ts";
import {
  type NodeSurvey,
  type SurveyedConfiguration,
  type SurveyedNode,
  type SurveyedReplica,
  surveyedNode,
  surveyText,
} from "./recovery-survey.ts";

/** What becomes of a group. */
export type GroupFate =
  /** What is left is enough: it goes on by itself, and must not be touched. */
  { readonly kind: "whole"; readonly group: number } | RecoveredGroup | EmptiedGroup;

/** With what a group goes on, alone, under a new id. */
export interface GroupBeginning {
  readonly group: number;
  /** On which node. */
  readonly node: number;
  /** The replica from then on: above every id that the group has given, those included of which only lost nodes know. */
  readonly successor: ReplicaId;
  /** Of the snapshot with which it begins: behind all that is known of the group, in a term above all that were seen. */
  readonly index: LogIndex;
  readonly term: Term;
}

/** One replica carries the group on. */
export interface RecoveredGroup extends GroupBeginning {
  readonly kind: "recovered";
  /** Whose log counts, to its end. */
  readonly replica: ReplicaId;
  /** Keys at the end of that log. */
  readonly keyCount: number;
  /** Those of its voters that do not come back, sorted. */
  readonly lostVoters: readonly ReplicaId[];
  /** What is lost for certain: what others that are left know to be committed, and no log holds. */
  readonly lostEntries: { readonly first: LogIndex; readonly last: LogIndex } | undefined;
  /** Entries that are kept although nobody who is left knows them to be committed. */
  readonly doubtfulCount: number;
}

/** Nothing is left of it: it begins anew, with nothing. */
export interface EmptiedGroup extends GroupBeginning {
  readonly kind: "emptied";
}

export interface RecoveryPlan {
  /** 12 hexadecimal digits, which follow from the surveys: whoever accepts it says what was looked at. */
  readonly id: string;
  readonly clusterId: string;
  /** The nodes whose directories it was made of, sorted: it is to be carried out at each of them. */
  readonly nodes: readonly SurveyedNode[];
  /** The others, sorted: they must never run again, and are removed. */
  readonly lostNodes: readonly SurveyedNode[];
  /** By number: the directory, and all shards. */
  readonly groups: readonly GroupFate[];
  /** What it was made of, by the nodes' numbers. */
  readonly surveys: readonly NodeSurvey[];
}

/** Nothing can be recovered so. The message says why, and what to do. */
export class RecoveryRefusedError extends CoterieError {
  readonly code = "RECOVERY_REFUSED";
}

/** Of so many changes of a group's members only lost nodes may know. */
const unknownGenerations = 65_536;

/** @throws RecoveryRefusedError (RECOVERY_REFUSED) */
export function planRecovery(given: readonly NodeSurvey[]): RecoveryPlan {
  const surveys = given.toSorted((left, right) => left.nodeId - right.nodeId);
  const [first] = surveys;
  if (first === undefined)
    throw new RecoveryRefusedError("No directory was surveyed. Survey each that is left: coterie cluster survey.");
  checkTogether(first, surveys);
  const nodes = surveys.map(({ nodeId }) => nodeId);
  const known = knownNodes(surveys);
  const removed = known.find(({ id, state }) => state === "removed" && nodes.includes(id));
  if (removed !== undefined) {
    const cure = "What its directory holds has been overtaken. Leave its survey out.";
    throw new RecoveryRefusedError(`${removed.name} (${removed.id}) was removed from the cluster for good. ${cure}`);
  }
  const load = new Map(nodes.map((node) => [node, 0]));
  const groups = groupsOf(first.shardCount).map((group) => {
    const fate = fateOf(group, surveys, load);
    if (fate.kind !== "whole") load.set(fate.node, (load.get(fate.node) ?? 0) + 1);
    return fate;
  });
  const id = createHash("sha256").update(surveyText(surveys)).digest("hex").slice(0, 12);
  return {
    id,
    clusterId: first.clusterId,
    nodes: known.filter((node) => nodes.includes(node.id)),
    lostNodes: known.filter((node) => node.state !== "removed" && !nodes.includes(node.id)),
    groups,
    surveys,
  };
}

/** Whether there is anything to recover. */
export function isRecoveryNeeded({ groups }: Pick<RecoveryPlan, "groups">): boolean {
  return groups.some(({ kind }) => kind !== "whole");
}

/**
 * The id under which a replica on another node than the group's new one is never to speak again: below the new one's, so that
 * its members prove that it has gone, and above all that anybody has given.
 */
export function fenceOf({ successor }: GroupBeginning, nodeId: number): ReplicaId {
  return replicaOf(nodeId, generationOf(successor) - 1);
}

/** @throws RecoveryRefusedError (RECOVERY_REFUSED) */
function checkTogether({ clusterId, shardCount }: NodeSurvey, surveys: readonly NodeSurvey[]): void {
  if (surveys.some((survey) => survey.clusterId !== clusterId || survey.shardCount !== shardCount))
    throw new RecoveryRefusedError("The surveys are of several clusters. Give those of one.");
  const twice = surveys.find(({ nodeId }, at) => surveys[at - 1]?.nodeId === nodeId);
  if (twice !== undefined) {
    const cure = "Give the newest survey of each node, and of no copy.";
    throw new RecoveryRefusedError(`${twice.name} (${twice.nodeId}) was surveyed twice. ${cure}`);
  }
}

/** All nodes that anybody knows of, by number. Who was removed for one is removed. */
function knownNodes(surveys: readonly NodeSurvey[]): readonly SurveyedNode[] {
  const known = new Map<number, SurveyedNode>();
  const listed = surveys.flatMap(({ members, directory }) => [...members, ...(directory?.nodes ?? [])]);
  for (const node of listed) {
    if (known.get(node.id)?.state !== "removed") known.set(node.id, surveyedNode(node));
  }
  const groups = groupsOf(surveys[0]?.shardCount ?? 0).map((group) => replicasOf(group, surveys));
  const named = groups.flatMap(possibleConfigurations).flatMap(membersOf);
  for (const id of named.map(nodeOf)) {
    if (!known.has(id)) known.set(id, { id, name: `node ${id}`, state: "active", directoryId: undefined });
  }
  return [...known.values()].toSorted((left, right) => left.id - right.id);
}

function fateOf(group: number, surveys: readonly NodeSurvey[], load: ReadonlyMap<number, number>): GroupFate {
  const replicas = replicasOf(group, surveys);
  const left = new Set(replicas.filter(isSound).map(({ replica }) => replica));
  const possible = possibleConfigurations(replicas);
  const last = possible.at(-1);
  if (last !== undefined && possible.every((configuration) => hasMajority(configuration, left)))
    return { kind: "whole", group };
  const committed = Math.max(0, ...replicas.map(({ commitIndex }) => commitIndex));
  const best = bestLog(replicas);
  const beginning = beginningOf(group, best === undefined ? leastLoaded(load) : nodeOf(best.replica), surveys);
  if (best === undefined || last === undefined) return { kind: "emptied", ...beginning };
  const lost = new Set([...last.voters, ...last.votersOutgoing].filter((replica) => !left.has(replica)));
  return {
    kind: "recovered",
    ...beginning,
    replica: best.replica,
    keyCount: best.keyCount,
    lostVoters: [...lost].sort((a, b) => a - b),
    lostEntries: committed > best.lastIndex ? { first: best.lastIndex + 1, last: committed } : undefined,
    doubtfulCount: Math.max(0, best.lastIndex - committed),
  };
}

/** Above and behind all that anybody who is left has heard of the group. */
function beginningOf(group: number, node: number, surveys: readonly NodeSurvey[]): GroupBeginning {
  const seen = surveys.flatMap(({ groups }) => groups.filter((each) => each.group === group));
  const configurations = seen.flatMap((each) => each.configurations.map(({ configuration }) => configuration));
  const reports = isShardGroup(group)
    ? surveys.flatMap(({ directory }) => directory?.reports[shardOfGroup(group)] ?? [])
    : [];
  const ids = [
    ...seen.map(({ replica }) => replica),
    ...configurations.map(highestReplicaOf),
    ...reports.map(({ highestReplica }) => highestReplica),
  ];
  const indexes = [
    ...seen.map(({ commitIndex, lastIndex }) => Math.max(commitIndex, lastIndex)),
    ...reports.map(({ configurationIndex }) => configurationIndex),
  ];
  return {
    group,
    node,
    successor: replicaOf(node, generationOf(Math.max(0, ...ids)) + unknownGenerations),
    index: Math.max(0, ...indexes) + 1,
    term: Math.max(0, ...seen.map(({ term, lastTerm }) => Math.max(term, lastTerm))) + 1,
  };
}

/** What is left of a group's replicas, those that have gone left out. */
function replicasOf(group: number, surveys: readonly NodeSurvey[]): readonly SurveyedReplica[] {
  return surveys.flatMap(({ groups }) => groups.filter((each) => each.group === group && !each.hasGone));
}

function isSound({ damage }: SurveyedReplica): boolean {
  return damage === undefined;
}

/** Of the nodes that carry the fewest groups on the first. */
function leastLoaded(load: ReadonlyMap<number, number>): number {
  const [least] = [...load].toSorted(([node, count], [other, otherCount]) => count - otherCount || node - other);
  assert(least !== undefined, "a plan is made of surveys");
  return least[0];
}

/**
 * The newest configuration that one of the replicas knows to be committed, and those behind it in the log that counts, which may
 * be committed yet. None: they know of none.
 */
function possibleConfigurations(replicas: readonly SurveyedReplica[]): readonly Configuration[] {
  const known = inForce(replicas);
  if (known === undefined) return [];
  const later = bestLog(replicas)?.configurations.filter(({ index }) => index > known.index) ?? [];
  return [known, ...later].map(({ configuration }) => configuration);
}

/** The newest configuration that one of them knows to be committed; undefined: they know of none. */
function inForce(replicas: readonly SurveyedReplica[]): SurveyedConfiguration | undefined {
  const committed = replicas
    .filter(isSound)
    .flatMap(({ configurations, commitIndex }) => configurations.filter(({ index }) => index <= commitIndex));
  return committed.toSorted((left, right) => right.index - left.index)[0];
}

/** Whether it was a member, is none, and never will be again (CONSENSUS M-10). */
function isGone(configuration: Configuration, replica: ReplicaId): boolean {
  return replica <= highestReplicaOf(configuration) && !membersOf(configuration).includes(replica);
}

/** Of those that may go on. Where two are equal, the one that knows more to be committed, then the older one. */
function bestLog(replicas: readonly SurveyedReplica[]): SurveyedReplica | undefined {
  const known = inForce(replicas);
  const [best] = replicas
    .filter((each) => isSound(each) && each.lastIndex > 0)
    .filter(({ replica }) => known !== undefined && !isGone(known.configuration, replica))
    .toSorted(
      (left, right) =>
        right.lastTerm - left.lastTerm ||
        right.lastIndex - left.lastIndex ||
        right.commitIndex - left.commitIndex ||
        left.replica - right.replica,
    );
  return best;
}

/** In both halves. */
function hasMajority({ voters, votersOutgoing }: Configuration, left: ReadonlySet<ReplicaId>): boolean {
  const isEnough = (half: readonly ReplicaId[]): boolean =>
    half.length === 0 || 2 * half.filter((replica) => left.has(replica)).length > half.length;
  return isEnough(voters) && isEnough(votersOutgoing);
}
