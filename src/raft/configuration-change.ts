import {
  type Configuration,
  type ConfigurationChange,
  highestReplicaOf,
  isJoint,
  type SingleChange,
} from "./configuration.ts";
import type { ReplicaId } from "./entry.ts";

/**
 * How configurations follow each other (thesis §4). A simple change touches one voter at most; any more go through a
 * joint configuration, in which the old and the new voters both decide:
 *
 *                 simple
 *                 ┌────┐
 *                 ▼    │   enter: copy the voters to the outgoing half, change the incoming one
 *            (1 2 3)───┴──────────────────────────► (1 2 4)&(1 2 3)
 *               ▲                                          │
 *               └──────────────────────────────────────────┘
 *                  leave: drop the outgoing half; voters that it made learners become so
 */

/** The next configuration, and who was removed and added again on the way; or why there is none. */
export type ChangeResult =
  | { readonly configuration: Configuration; readonly renewed: ReadonlySet<ReplicaId> }
  | { readonly error: string };

/** Applies a change as its transition and number of changes ask: leave, enter, or simple. */
export function changeConfiguration(from: Configuration, change: ConfigurationChange): ChangeResult {
  if (change.transition === "auto" && change.changes.length === 0) return leaveJoint(from);
  if (change.transition === "auto" && change.changes.length === 1) return changeSimply(from, change.changes);
  return enterJoint(from, change.changes, change.transition !== "explicit");
}

/** Changes one voter at most, and any number of learners. */
export function changeSimply(from: Configuration, changes: readonly SingleChange[]): ChangeResult {
  if (isJoint(from)) return { error: "can't apply simple config change in joint config" };
  const draft = new Draft(from);
  draft.apply(changes);
  if (draft.incoming.size === 0) return { error: "removed all voters" };
  if (draft.changedVoterCount(from) > 1) return { error: "more than one voter changed without entering joint config" };
  return draft.finish(false);
}

/** Makes the configuration joint: from now on the voters until now and those by `changes` both decide. */
export function enterJoint(from: Configuration, changes: readonly SingleChange[], autoLeave: boolean): ChangeResult {
  if (isJoint(from)) return { error: "config is already joint" };
  if (from.voters.length === 0) return { error: "can't make a zero-voter config joint" };
  const draft = new Draft(from);
  for (const voter of draft.incoming) draft.outgoing.add(voter);
  draft.apply(changes);
  if (draft.incoming.size === 0) return { error: "removed all voters" };
  return draft.finish(autoLeave);
}

/** Ends a joint configuration: the incoming voters alone decide. */
export function leaveJoint(from: Configuration): ChangeResult {
  if (!isJoint(from)) return { error: "can't leave a non-joint config" };
  const draft = new Draft(from);
  for (const learner of draft.learnersNext) draft.learners.add(learner);
  draft.learnersNext.clear();
  draft.outgoing.clear();
  return draft.finish(false);
}

/** A configuration while it is being changed. No replica is a voter of either half and a learner at once. */
class Draft {
  readonly incoming: Set<ReplicaId>;
  readonly outgoing: Set<ReplicaId>;
  readonly learners: Set<ReplicaId>;
  readonly learnersNext: Set<ReplicaId>;
  #highest: ReplicaId;
  readonly #removed = new Set<ReplicaId>();
  readonly #renewed = new Set<ReplicaId>();

  constructor(from: Configuration) {
    this.incoming = new Set(from.voters);
    this.outgoing = new Set(from.votersOutgoing);
    this.learners = new Set(from.learners);
    this.learnersNext = new Set(from.learnersNext);
    this.#highest = highestReplicaOf(from);
  }

  apply(changes: readonly SingleChange[]): void {
    for (const { action, replica } of changes) {
      // 0 stands for a change that the host took back after it was committed.
      if (replica === 0) continue;
      if (action === "addVoter") this.#addVoter(replica);
      else if (action === "addLearner") this.#addLearner(replica);
      else if (action === "remove") this.#remove(replica);
    }
  }

  changedVoterCount(from: Configuration): number {
    const before = new Set(from.voters);
    let count = 0;
    for (const voter of before) if (!this.incoming.has(voter)) count++;
    for (const voter of this.incoming) if (!before.has(voter)) count++;
    return count;
  }

  finish(autoLeave: boolean): ChangeResult {
    return {
      configuration: {
        voters: sorted(this.incoming),
        votersOutgoing: sorted(this.outgoing),
        learners: sorted(this.learners),
        learnersNext: sorted(this.learnersNext),
        autoLeave,
        highestReplica: this.#highest,
      },
      renewed: this.#renewed,
    };
  }

  #isMember(id: ReplicaId): boolean {
    return this.incoming.has(id) || this.outgoing.has(id) || this.learners.has(id);
  }

  #addVoter(id: ReplicaId): void {
    this.#noteAdded(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
    this.incoming.add(id);
  }

  #addLearner(id: ReplicaId): void {
    if (this.learners.has(id)) return;
    this.#noteAdded(id);
    this.incoming.delete(id);
    // A voter of the outgoing half stays one until that half ends.
    if (this.outgoing.has(id)) this.learnersNext.add(id);
    else this.learners.add(id);
  }

  #remove(id: ReplicaId): void {
    if (!this.#isMember(id)) return;
    this.incoming.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
    if (!this.outgoing.has(id)) this.#removed.add(id);
  }

  #noteAdded(id: ReplicaId): void {
    this.#highest = Math.max(this.#highest, id);
    if (!this.#isMember(id) && this.#removed.has(id)) this.#renewed.add(id);
  }
}

function sorted(ids: ReadonlySet<ReplicaId>): readonly ReplicaId[] {
  return [...ids].sort((a, b) => a - b);
}
