/**
 * What is to become of a cluster that has lost majorities for good, decided on what is left of its nodes: a pure function from
 * surveys of their directories, taken while they are stopped. docs/decisions/membership.md says why it is so.
 *
 * Of several logs of a group the one with the last entry of the highest term, then index, holds every committed entry that any
 * of them holds: who leads in a term has all that was committed before it, and entries of that term stand behind those. So it
 * does not matter whether it is a voter's or a learner's. What only the lost nodes knew nobody can tell.
 */
import { CoterieError } from "../platform/index.ts";
import {
  type Configuration,
  highestReplicaOf,
  type LogIndex,
  membersOf,
  type ReplicaId,
  type Term,
} from "../raft/index.ts";
import { generationOf, nodeOf, replicaOf } from "./replica-id.ts";
import { groupsOf } from "./shard-group.ts";

/** What a node's directory holds. */
export interface NodeSurvey {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly shardCount: number;
  readonly replicas: readonly SurveyedReplica[];
}

/** What it holds of one group. */
export interface SurveyedReplica {
  readonly group: number;
  /** The newest that has ever been to begin here. */
  readonly replica: ReplicaId;
  /** It has lost what it had acknowledged: of its log only `commitIndex` means anything. */
  readonly isDamaged: boolean;
  /** The highest that it has heard of. */
  readonly term: Term;
  /** What it knows to be committed. */
  readonly commitIndex: LogIndex;
  /** Of its last entry, or of its snapshot behind which there is none; 0 of a replica that has nothing yet. */
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Who takes part, from the first index that the log knows of, and after each change in it, committed or not; ascending. */
  readonly configurations: readonly { readonly index: LogIndex; readonly configuration: Configuration }[];
}

/** What becomes of a group. */
export type GroupFate =
  /** What is left is enough: it goes on by itself, and must not be touched. */
  | { readonly kind: "whole"; readonly group: number }
  | RecoveredGroup
  /** Nothing is left of it. */
  | { readonly kind: "lost"; readonly group: number };

/** One replica carries the group on, alone, under a new id. */
export interface RecoveredGroup {
  readonly kind: "recovered";
  readonly group: number;
  /** Whose log counts, to its end. */
  readonly replica: ReplicaId;
  /** What it is from then on: above every id that the group has given, those included of which only lost nodes know. */
  readonly successor: ReplicaId;
  /** Of the snapshot with which it begins: behind the log's last, in a term above all that were seen. */
  readonly index: LogIndex;
  readonly term: Term;
  /** Those of its voters that do not come back, sorted. */
  readonly lostVoters: readonly ReplicaId[];
  /** What is lost for certain: what others that are left know to be committed, and no log holds. */
  readonly lostEntries: { readonly first: LogIndex; readonly last: LogIndex } | undefined;
  /** Entries that are kept although nobody who is left knows them to be committed. */
  readonly doubtfulCount: number;
}

export interface RecoveryPlan {
  readonly clusterId: string;
  /** By number: the directory, and all shards. */
  readonly groups: readonly GroupFate[];
  /** The nodes that have replicas and were not surveyed, sorted: they must never run again. */
  readonly lostNodes: readonly number[];
}

/** Surveys of which nothing can be planned. The message says why. */
export class RecoveryRefusedError extends CoterieError {
  readonly code = "RECOVERY_REFUSED";
}

/** Of so many changes of a group's members only lost nodes may know. */
const unknownGenerations = 65_536;

/** @throws RecoveryRefusedError (RECOVERY_REFUSED) */
export function planRecovery(surveys: readonly NodeSurvey[]): RecoveryPlan {
  const [first, ...others] = surveys;
  if (first === undefined) throw new RecoveryRefusedError("No directory was surveyed. Survey all that are left.");
  const { clusterId, shardCount } = first;
  if (others.some((survey) => survey.clusterId !== clusterId || survey.shardCount !== shardCount))
    throw new RecoveryRefusedError("The surveys are of several clusters. Give those of one.");
  const nodes = new Set(surveys.map(({ nodeId }) => nodeId));
  if (nodes.size !== surveys.length)
    throw new RecoveryRefusedError("A node was surveyed twice. Give the newest survey of each, and of no copy.");
  const replicas = surveys.flatMap((survey) => survey.replicas);
  const of = (group: number): readonly SurveyedReplica[] => replicas.filter((each) => each.group === group);
  const groups = groupsOf(shardCount);
  const named = groups.flatMap((group) => possibleConfigurations(of(group)).flatMap(membersOf).map(nodeOf));
  const lostNodes = [...new Set(named)].filter((node) => !nodes.has(node)).sort((left, right) => left - right);
  return { clusterId, groups: groups.map((group) => fateOf(group, of(group))), lostNodes };
}

function fateOf(group: number, replicas: readonly SurveyedReplica[]): GroupFate {
  const left = new Set(replicas.filter(({ isDamaged }) => !isDamaged).map(({ replica }) => replica));
  const possible = possibleConfigurations(replicas);
  const last = possible.at(-1);
  if (last === undefined) return { kind: "lost", group };
  if (possible.every((configuration) => hasMajority(configuration, left))) return { kind: "whole", group };
  const best = bestLog(replicas);
  if (best === undefined) return { kind: "lost", group };
  const committed = Math.max(...replicas.map(({ commitIndex }) => commitIndex));
  const lost = new Set([...last.voters, ...last.votersOutgoing].filter((replica) => !left.has(replica)));
  return {
    kind: "recovered",
    group,
    replica: best.replica,
    successor: successorOf(best.replica, replicas),
    index: best.lastIndex + 1,
    term: Math.max(...replicas.map(({ term, lastTerm }) => Math.max(term, lastTerm))) + 1,
    lostVoters: [...lost].sort((a, b) => a - b),
    lostEntries: committed > best.lastIndex ? { first: best.lastIndex + 1, last: committed } : undefined,
    doubtfulCount: Math.max(0, best.lastIndex - committed),
  };
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
function inForce(replicas: readonly SurveyedReplica[]): SurveyedReplica["configurations"][number] | undefined {
  const committed = replicas
    .filter(({ isDamaged }) => !isDamaged)
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
    .filter(({ isDamaged, lastIndex }) => !isDamaged && lastIndex > 0)
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

function successorOf(replica: ReplicaId, replicas: readonly SurveyedReplica[]): ReplicaId {
  const given = replicas.flatMap(({ replica: own, configurations }) => [
    own,
    ...configurations.map(({ configuration }) => highestReplicaOf(configuration)),
  ]);
  return replicaOf(nodeOf(replica), generationOf(Math.max(...given)) + unknownGenerations);
}
