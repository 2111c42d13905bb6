/**
 * How one replica of a group gives its place to another, step by step (CONSENSUS M-3): the new one is added as a learner,
 * catches up, takes the old one's vote in one joint change, and the joint configuration is left.
 *
 * ```
 * (1 2 3)  ──add──►  (1 2 3) learner 3'  ──caught up──►  (1 2 3')&(1 2 3)  ──leave──►  (1 2 3')
 *                      │                                                                 3 has gone for ever
 *                      └──drop, if 3' is lost too, or 3 is well after all
 * ```
 *
 * It is a pure function of what a leader sees: whoever leads goes on from whatever configuration there is, and nothing is
 * remembered between the steps. It serves a replica that is made anew on its own node because its storage is damaged
 * (D-3); what is wished of a group's members comes after that (`group-change.ts`).
 */
import {
  type Configuration,
  type ConfigurationChange,
  isJoint,
  type LogIndex,
  membersOf,
  type ReplicaId,
  type SingleChange,
} from "../../raft/index.ts";
import { membersOn, nextGeneration, nodeOf, replicaOf } from "../replica/replica-id.ts";

/** `from` is to give its place to a replica on `node`, which may be its own: then it is made anew there. */
export interface ReplicaWish {
  readonly from: ReplicaId;
  readonly node: number;
}

/** What a leader knows of one member. */
export interface MemberProgress {
  readonly id: ReplicaId;
  /** Up to here it has acknowledged the log, to this leader in this term; 0: nothing yet. */
  readonly matchIndex: LogIndex;
  /** Whether it answered of late. */
  readonly isRecentlyActive: boolean;
}

/** What a leader sees. */
export interface ChangeView {
  /** The leader. */
  readonly self: ReplicaId;
  readonly configuration: Configuration;
  readonly lastIndex: LogIndex;
  readonly progress: readonly MemberProgress[];
  /** Who has said of late that it lost what it had acknowledged, on the word of its own node. */
  readonly isLost: (replica: ReplicaId) => boolean;
  /** A learner that lacks no more entries than this has caught up. */
  readonly lagEntriesMax: number;
}

export type ReplicaStep =
  /** `to` is to be added, as a learner. */
  | { readonly kind: "add"; readonly to: ReplicaId; readonly change: ConfigurationChange }
  /** `to` has not caught up yet. */
  | { readonly kind: "wait"; readonly to: ReplicaId; readonly matchIndex: LogIndex; readonly lastIndex: LogIndex }
  /** `to` gets the vote of `from`, or one of its own where `from` had none. */
  | { readonly kind: "swap"; readonly to: ReplicaId; readonly change: ConfigurationChange }
  /** The joint configuration is to be left; without a change it is left by itself. */
  | { readonly kind: "leave"; readonly change: ConfigurationChange | undefined }
  /** A replica on its way in is of no use: lost as well, or not needed any more. */
  | { readonly kind: "drop"; readonly replica: ReplicaId; readonly change: ConfigurationChange }
  /** The leader itself is to go: another one must lead first (M-5). */
  | {
      readonly kind: "handOver";
      /** Those to whom it is best handed; empty: to anybody. */
      readonly nodes: readonly number[];
    }
  /** Nothing can be done as long as it is so. */
  | { readonly kind: "blocked"; readonly because: string }
  | { readonly kind: "done" };

/**
 * What the group needs most by what the leader sees, if nobody else has a wish: a change that has been begun is gone on
 * with; otherwise the first of the lost replicas is made anew. One at a time, save that one whose node is gone holds up no other.
 */
export function wishOf(view: ChangeView): ReplicaWish | undefined {
  const { configuration, isLost, self } = view;
  const members = membersOf(configuration);
  const pairs = members.filter((id) => membersOn(nodeOf(id), configuration)[0] === id && hasSuccessor(view, id));
  const lost = members.filter((id) => id !== self && isLost(id) && !hasSuccessor(view, id) && !isSuccessor(view, id));
  const from = pairs.find((id) => !isSilent(view, id)) ?? lost[0] ?? pairs[0];
  return from === undefined ? undefined : { from, node: nodeOf(from) };
}

function hasSuccessor({ configuration }: ChangeView, replica: ReplicaId): boolean {
  return membersOn(nodeOf(replica), configuration).some((id) => id > replica);
}

function isSuccessor({ configuration }: ChangeView, replica: ReplicaId): boolean {
  return membersOn(nodeOf(replica), configuration).some((id) => id < replica);
}

/** Whether the successor of a replica neither answers nor is lost, so that nothing can be done for it now. */
function isSilent(view: ChangeView, replica: ReplicaId): boolean {
  const to = membersOn(nodeOf(replica), view.configuration).at(-1);
  if (to === undefined || isJoint(view.configuration) || view.isLost(to)) return false;
  return progressOf(view, to)?.isRecentlyActive !== true && !isWell(view, replica);
}

/** The next step towards `wish`. */
export function nextStep(view: ChangeView, { from, node }: ReplicaWish): ReplicaStep {
  const { configuration, isLost, self } = view;
  if (isJoint(configuration)) {
    return { kind: "leave", change: configuration.autoLeave ? undefined : simple() };
  }
  const others = membersOn(node, configuration).filter((id) => id !== from);
  const to = others.at(-1);
  const isFromMember = membersOf(configuration).includes(from);
  if (to === undefined) {
    if (!isFromMember) return { kind: "done" };
    const added = replicaOf(node, nextGeneration(configuration));
    return { kind: "add", to: added, change: simple({ action: "addLearner", replica: added }) };
  }
  const isLearner = configuration.learners.includes(to);
  if (isLearner && (isLost(to) || (nodeOf(from) === node && isWell(view, from)))) {
    return { kind: "drop", replica: to, change: simple({ action: "remove", replica: to }) };
  }
  if (isLearner && !isCaughtUp(view, to)) {
    const matchIndex = progressOf(view, to)?.matchIndex ?? 0;
    return { kind: "wait", to, matchIndex, lastIndex: view.lastIndex };
  }
  if (isFromMember && from === self) return { kind: "handOver", nodes: [] };
  const isFromVoter = configuration.voters.includes(from);
  const removal: SingleChange[] = isFromMember ? [{ action: "remove", replica: from }] : [];
  if (isLearner && (isFromVoter || !isFromMember)) {
    const changes: SingleChange[] = [{ action: "addVoter", replica: to }, ...removal];
    // One voter more, one less: never one after the other (M-3).
    return { kind: "swap", to, change: { transition: isFromMember ? "implicit" : "auto", changes } };
  }
  return isFromMember ? { kind: "drop", replica: from, change: simple(...removal) } : { kind: "done" };
}

function simple(...changes: readonly SingleChange[]): ConfigurationChange {
  return { transition: "auto", changes };
}

/** What the leader knows of a member; undefined if it is none. */
export function progressOf({ progress }: ChangeView, replica: ReplicaId): MemberProgress | undefined {
  return progress.find(({ id }) => id === replica);
}

/** Whether it is there after all, and nobody says that it is lost. */
function isWell(view: ChangeView, replica: ReplicaId): boolean {
  if (replica === view.self) return true;
  if (view.isLost(replica)) return false;
  const progress = progressOf(view, replica);
  // Having acknowledged something in this term is the proof: whoever is lost never answers again.
  return progress !== undefined && progress.matchIndex > 0 && progress.isRecentlyActive;
}

/** Whether it answered of late, and has not lost what it had acknowledged. */
export function isLive(view: ChangeView, replica: ReplicaId): boolean {
  return replica === view.self || (!view.isLost(replica) && progressOf(view, replica)?.isRecentlyActive === true);
}

/** Whether it answers, and lacks little. */
export function isCaughtUp(view: ChangeView, replica: ReplicaId): boolean {
  const progress = progressOf(view, replica);
  if (progress === undefined || !isLive(view, replica)) return false;
  return progress.matchIndex > 0 && progress.matchIndex + view.lagEntriesMax >= view.lastIndex;
}
