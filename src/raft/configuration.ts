import type { ReplicaId } from "./entry.ts";

/** Who takes part in a group, as one applied configuration says. All lists are sorted. */
export interface Configuration {
  readonly voters: readonly ReplicaId[];
  /** The other half of a joint configuration; empty outside of one. */
  readonly votersOutgoing: readonly ReplicaId[];
  readonly learners: readonly ReplicaId[];
  /** Voters of the outgoing half that become learners when the joint configuration ends. */
  readonly learnersNext: readonly ReplicaId[];
  /** Whether the leader leaves the joint configuration by itself. */
  readonly autoLeave: boolean;
  /**
   * No member that has gone had a higher id than this, or than the highest of the members: ids above both have never been
   * given (CONSENSUS C-4). Every change raises it; 0 before the first.
   */
  readonly highestReplica: ReplicaId;
}

export interface ConfigurationChange {
  /** "auto" is joint only when there is more than one change; "explicit" waits for a second proposal to leave. */
  readonly transition: "auto" | "implicit" | "explicit";
  /** Empty, with "auto": leave the joint configuration. */
  readonly changes: readonly SingleChange[];
}

export interface SingleChange {
  /** "update" changes nothing here; it tells the host that something about the replica did. */
  readonly action: "addVoter" | "addLearner" | "remove" | "update";
  readonly replica: ReplicaId;
}

/** A group before anybody was added to it. */
export const emptyConfiguration: Configuration = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
  highestReplica: 0,
};

/** The members: voters of both halves, and learners. Each once, sorted. */
export function membersOf({ voters, votersOutgoing, learners }: Configuration): readonly ReplicaId[] {
  return [...new Set([...voters, ...votersOutgoing, ...learners])].sort((a, b) => a - b);
}

/** The highest id that any member has or had. */
export function highestReplicaOf(configuration: Configuration): ReplicaId {
  return Math.max(configuration.highestReplica, ...membersOf(configuration));
}

/** Whether both an old and a new set of voters must agree (thesis §4.3). */
export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}
