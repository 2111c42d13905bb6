/**
 * How a group's members come to be what is wished of them, step by step, each a committed change of the group's own
 * configuration (CONSENSUS M-3, B-2, B-3):
 *
 * ```
 *            ┌── drop ── a learner that neither the wish nor a rebuild under way needs: a move that was broken off
 *            ├── add ─── a node that lacks its replica gets one, as a learner
 *  wish ─────┼── swap ── a learner that has caught up takes the vote of one that is to go, in one joint change; or gets
 *            │           one of its own where nobody is to go
 *            ├── drop ── who is to go while nobody comes loses its vote
 *            └── hand over, where the one to go is the leader (M-5)
 * ```
 *
 * Like `replica-change.ts`, whose rebuilds of lost replicas go first, it is a pure function of what a leader sees: any leader
 * goes on, or back, from whatever configuration there is. Whoever gets a vote is live and has caught up, and a live voter
 * loses its vote only to such a one, or while all that remain are live.
 */
import { type ConfigurationChange, isJoint, membersOf, type ReplicaId } from "../../raft/index.ts";
import { membersOn, nextGeneration, nodeOf, replicaOf } from "../replica/replica-id.ts";
import {
  type ChangeView,
  isCaughtUp,
  isLive,
  nextStep,
  progressOf,
  type ReplicaStep,
  wishOf,
} from "./replica-change.ts";

/** The nodes that are to keep a group, with a vote or without; none twice. */
export interface GroupWish {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
}

/** The next step, for whose sake (a node's number), and whether a lost replica is being made anew by it. */
export interface GroupStep {
  readonly step: ReplicaStep;
  readonly node: number;
  readonly isRebuild: boolean;
}

/** @param wish undefined: whoever is there is to stay. */
export function groupStep(view: ChangeView, wish: GroupWish | undefined): GroupStep {
  const { configuration } = view;
  const isKept = (node: number): boolean =>
    wish === undefined || wish.voters.includes(node) || wish.learners.includes(node);
  const rebuild = wishOf({ ...view, isLost: (id) => isKept(nodeOf(id)) && view.isLost(id) });
  const begun = rebuild !== undefined && isKept(rebuild.node) ? rebuild : undefined;
  if (begun !== undefined) {
    const step = nextStep(view, begun);
    // A node that is gone holds up nothing but itself.
    if (wish === undefined || step.kind !== "wait" || isLive(view, step.to)) return rebuilding(step, begun.node);
    const other = wishStep(view, wish);
    const isUseful = other.step.kind !== "done" && other.step.kind !== "wait" && other.step.kind !== "blocked";
    return isUseful ? other : rebuilding(step, begun.node);
  }
  if (isJoint(configuration)) {
    return moving({ kind: "leave", change: configuration.autoLeave ? undefined : change() }, nodeOf(view.self));
  }
  return wish === undefined ? moving({ kind: "done" }, nodeOf(view.self)) : wishStep(view, wish);
}

/** Outside of a joint configuration. */
function wishStep(view: ChangeView, wish: GroupWish): GroupStep {
  const { configuration, self } = view;
  const { voters, learners } = configuration;
  const isKept = (node: number): boolean => wish.voters.includes(node) || wish.learners.includes(node);
  const useless = learners.find((id) => !isKept(nodeOf(id)));
  if (useless !== undefined) return dropping(useless);
  const missing = [...wish.voters, ...wish.learners].find((node) => membersOn(node, configuration).length === 0);
  if (missing !== undefined) {
    const to = replicaOf(missing, nextGeneration(configuration));
    return moving({ kind: "add", to, change: change({ action: "addLearner", replica: to }) }, missing);
  }
  // On a node with a voter a learner is its successor, whose time comes with the rebuild.
  const coming = learners.filter((id) => {
    const node = nodeOf(id);
    return wish.voters.includes(node) && !voters.some((voter) => nodeOf(voter) === node);
  });
  const going = voters.filter((id) => !wish.voters.includes(nodeOf(id)));
  const ready = coming.find((id) => isCaughtUp(view, id));
  if (ready !== undefined) return promoting(view, ready, leavingFirst(view, going), wish);
  const [slow] = coming;
  if (slow !== undefined) {
    const matchIndex = progressOf(view, slow)?.matchIndex ?? 0;
    return moving({ kind: "wait", to: slow, matchIndex, lastIndex: view.lastIndex }, nodeOf(slow));
  }
  const from = leavingFirst(view, going);
  if (from === undefined) return moving({ kind: "done" }, nodeOf(self));
  const dead = voters.find((id) => id !== from && !isLive(view, id));
  if (dead !== undefined && isLive(view, from)) {
    const because = `replica ${dead} does not answer, and replica ${from} does`;
    return moving({ kind: "blocked", because }, nodeOf(from));
  }
  if (from === self) return handingOver(view, wish);
  return wish.learners.includes(nodeOf(from))
    ? moving({ kind: "drop", replica: from, change: change({ action: "addLearner", replica: from }) }, nodeOf(from))
    : dropping(from);
}

/** `to` has caught up: it takes the vote of `from`, if anybody is to go. */
function promoting(view: ChangeView, to: ReplicaId, from: ReplicaId | undefined, wish: GroupWish): GroupStep {
  const { configuration, self } = view;
  const promotion = { action: "addVoter", replica: to } as const;
  // A leader without another voter cannot hand over: the new one has to have a vote first.
  if (from === undefined || (from === self && configuration.voters.length === 1)) {
    return moving({ kind: "swap", to, change: change(promotion) }, nodeOf(to));
  }
  if (from === self) return handingOver(view, wish);
  const action = wish.learners.includes(nodeOf(from)) ? "addLearner" : "remove";
  const changes = [promotion, { action, replica: from }] as const;
  return moving({ kind: "swap", to, change: { transition: "implicit", changes } }, nodeOf(to));
}

/** Of those that are to go, who goes next: first who does not answer, the leader last. */
function leavingFirst(view: ChangeView, going: readonly ReplicaId[]): ReplicaId | undefined {
  const rank = (id: ReplicaId): number => (id === view.self ? 2 : isLive(view, id) ? 1 : 0);
  return going.toSorted((left, right) => rank(left) - rank(right) || left - right)[0];
}

/** Best to one that is to stay. */
function handingOver({ configuration, self }: ChangeView, wish: GroupWish): GroupStep {
  const staying = configuration.voters.filter((id) => id !== self && wish.voters.includes(nodeOf(id)));
  return moving({ kind: "handOver", nodes: staying.map(nodeOf) }, nodeOf(self));
}

function dropping(replica: ReplicaId): GroupStep {
  return moving({ kind: "drop", replica, change: change({ action: "remove", replica }) }, nodeOf(replica));
}

function moving(step: ReplicaStep, node: number): GroupStep {
  return { step, node, isRebuild: false };
}

function rebuilding(step: ReplicaStep, node: number): GroupStep {
  return { step, node, isRebuild: true };
}

function change(...changes: ConfigurationChange["changes"]): ConfigurationChange {
  return { transition: "auto", changes };
}

/** Whether the configuration is just what is wished: then nothing is under way. */
export function isFulfilled({ configuration, isLost }: ChangeView, wish: GroupWish): boolean {
  if (isJoint(configuration) || membersOf(configuration).some(isLost)) return false;
  const nodes = (ids: readonly ReplicaId[]): string => ids.map(nodeOf).sort(ascending).join();
  const asWished = (ids: readonly number[]): string => [...ids].sort(ascending).join();
  return (
    nodes(configuration.voters) === asWished(wish.voters) && nodes(configuration.learners) === asWished(wish.learners)
  );
}

function ascending(left: number, right: number): number {
  return left - right;
}
