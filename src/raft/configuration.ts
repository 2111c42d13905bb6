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
}

export interface ConfigurationChange {
  /** "auto" is joint only when more than one voter changes; "explicit" waits for a second proposal to leave. */
  readonly transition: "auto" | "implicit" | "explicit";
  /** Empty: leave the joint configuration. */
  readonly changes: readonly {
    readonly action: "addVoter" | "addLearner" | "remove" | "update";
    readonly replica: ReplicaId;
  }[];
}
