/**
 * Whether all replicas of a shard may leave out an entry that stops them (CONSENSUS A-4). Pure. What they leave out must have had
 * no effect anywhere: some stand at that very entry, with those that have not come to it, and have no leader who could take them
 * there, they are a majority of the voters, and none that answers has gone beyond it. Whoever does not answer is in the
 * minority: should it have carried out the entry all the same, it stops as soon as it hears of it. And every node that answers is of
 * a version that heeds what is left out: one that does not would part from the others there, at once or with a replica that it gets later.
 */
import type { DirectoryState, SkippedEntry } from "../../directory/index.ts";
import { nameOfNode, nodeOfReplica } from "../../directory/index.ts";
import { SkipRefusedError } from "../errors.ts";
import { groupOfShard } from "../replica/shard-group.ts";
import type { StoppedEntry } from "../replica/stopped-entry.ts";
import type { NodeStatus, NodeView, ReplicaStatus } from "../status.ts";

/** What an operator asks for. */
export interface SkipRequest {
  readonly shard: number;
  readonly index: number;
  /** The first 8 digits of the entry's checksum, or more: whoever asks has looked at it. Undefined: to be looked at. */
  readonly checksum: string | undefined;
}

/** An entry that may be left out. */
export interface SkipPicture {
  readonly shard: number;
  readonly entry: StoppedEntry;
  /** Why it stops them, as the first of them says. */
  readonly reason: string;
  /** By name of the node, sorted: whom it has stopped, who has not come to it yet, and who did not answer. */
  readonly stopped: readonly string[];
  readonly behind: readonly string[];
  readonly silent: readonly string[];
}

/** Of a checksum so many digits are asked for at least. */
export const checksumDigitsMin = 8;

/** @param views what all nodes say of themselves */
export function judgeSkip(
  state: DirectoryState,
  views: readonly NodeView[],
  request: SkipRequest,
): SkipPicture | SkipRefusedError {
  const { shard: number, index, checksum } = request;
  const shard = state.shards[number];
  const entry = `Entry ${index} of shard ${number}`;
  if (shard === undefined)
    return new SkipRefusedError(`There is no shard ${number}: the last one is ${state.shards.length - 1}.`);
  const { voters, learners } = shard.report;
  const replicas = [...voters, ...learners].map((id) => stateOf(id, { views, number, index, state }));
  const namesOf = (kind: ReplicaState["kind"]): readonly string[] =>
    replicas.filter((each) => each.kind === kind).map(({ name }) => name);
  const stopped = replicas.filter((each) => each.kind === "stopped");
  const [first] = stopped;
  if (first === undefined) return new SkipRefusedError(`${entry} has stopped no replica. ${tell(replicas)}`);
  const beyond = namesOf("beyond");
  if (beyond.length > 0) {
    const cure = "It is the others that have to be made right: run one version everywhere, and look at their memory.";
    return new SkipRefusedError(
      `${entry} was applied by ${beyond.join(", ")}: leaving it out would part the replicas. ${cure}`,
    );
  }
  const unaware = views.filter(({ status }) => status !== null && !heedsSkips(status)).map(({ name }) => name);
  if (unaware.length > 0) {
    const what = `${entry} would not be left out by ${unaware.join(", ")}, which does not say that its version knows of such entries`;
    return new SkipRefusedError(`${what}. Upgrade it first: it would carry out what the others do not.`);
  }
  const count = replicas.slice(0, voters.length).filter(isStill).length;
  if (2 * count <= voters.length) {
    const cure = "Whether a majority applies it nobody knows yet: start the other nodes, or wait for a moment.";
    return new SkipRefusedError(
      `${entry} holds up ${count} of ${voters.length} replicas that vote. ${cure} ${tell(replicas)}`,
    );
  }
  const found = first.entry;
  if (stopped.some(({ entry: other }) => other.checksum !== found.checksum || other.term !== found.term))
    return new SkipRefusedError(`${entry} is not the same on all replicas: leave all as it is, and report that.`);
  if (checksum !== undefined && (checksum.length < checksumDigitsMin || !found.checksum.startsWith(checksum)))
    return new SkipRefusedError(`${entry} has the checksum ${found.checksum}, not ${checksum}. Look at it again.`);
  return {
    shard: number,
    entry: found,
    reason: first.reason,
    stopped: namesOf("stopped"),
    behind: namesOf("behind"),
    silent: namesOf("silent"),
  };
}

/** The directory's own log has nowhere to say what is to be left out. */
export function directorySkipRefusal(): SkipRefusedError {
  return new SkipRefusedError(
    "An entry of the directory cannot be left out: what is left out stands in the directory itself. Run a version on all nodes that can apply it; no shard is concerned meanwhile. Failing that, begin a new cluster and copy the keys over.",
  );
}

type ReplicaState =
  | { readonly kind: "stopped"; readonly name: string; readonly entry: StoppedEntry; readonly reason: string }
  | { readonly kind: "beyond"; readonly name: string; readonly index: number }
  | { readonly kind: "behind"; readonly name: string; readonly index: number; readonly leader: string | null }
  | { readonly kind: "silent"; readonly name: string };

/** A version that knows of entries that are left out tells them of each replica, and every node has one of the directory. */
function heedsSkips({ groups, directory }: NodeStatus): boolean {
  const replicas: readonly Partial<ReplicaStatus>[] = directory === null ? groups : [directory, ...groups];
  return replicas.some(({ leftOut }) => leftOut !== undefined);
}

/** Whether it has not applied the entry, and nobody leads it there. */
function isStill(replica: ReplicaState): boolean {
  return replica.kind === "stopped" || (replica.kind === "behind" && replica.leader === null);
}

function stateOf(
  replica: number,
  { views, number, index, state }: { views: readonly NodeView[]; number: number; index: number; state: DirectoryState },
): ReplicaState {
  const node = nodeOfReplica(replica);
  const name = nameOfNode(state, node);
  const groups = views.find(({ nodeId }) => nodeId === node)?.status?.groups;
  const found: ReplicaStatus | undefined = groups?.find(({ group }) => group === groupOfShard(number));
  if (found === undefined || found.replica !== replica) return { kind: "silent", name };
  if (found.appliedIndex >= index) return { kind: "beyond", name, index: found.appliedIndex };
  // A node of an older version does not say.
  const { stoppedBy = null } = found;
  if (stoppedBy?.index !== index) return { kind: "behind", name, index: found.appliedIndex, leader: found.leader };
  return { kind: "stopped", name, entry: stoppedBy, reason: found.stoppedBecause ?? "" };
}

function tell(replicas: readonly ReplicaState[]): string {
  return replicas
    .map((each) => `${each.name} ${words(each)}`)
    .join(", ")
    .concat(".");
}

function words(replica: ReplicaState): string {
  if (replica.kind === "silent") return "does not answer";
  return replica.kind === "stopped" ? "has stopped there" : `has applied up to ${replica.index}`;
}

/** What the directory is to say. */
export function skippedEntry(
  { shard, entry }: SkipPicture,
  said: Pick<SkippedEntry, "atMs" | "by" | "because">,
): SkippedEntry {
  const { index, term, checksum } = entry;
  return { shard, index, term, checksum, ...said };
}
