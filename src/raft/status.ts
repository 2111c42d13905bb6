import type { Configuration } from "./configuration.ts";
import type { HardState, LogIndex, ReplicaId, Term } from "./entry.ts";
import type { Replica, Role } from "./replica.ts";

/** Everything one may want to know of a replica, as plain values. */
export interface RaftStatus {
  readonly id: ReplicaId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: HardState["vote"];
  readonly leader: ReplicaId | undefined;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  /**
   * Up to here the log is known to be durable on this replica in its present form. More may be applied; but what was
   * applied must not be made durable (as a snapshot) before this index has reached it (CONSENSUS O-6).
   */
  readonly stableIndex: LogIndex;
  readonly configuration: Configuration;
  readonly transferTarget: ReplicaId | undefined;
  /** Of each member, itself included, in order of id; empty unless this replica leads. */
  readonly progress: readonly ProgressStatus[];
}

export interface ProgressStatus {
  readonly id: ReplicaId;
  readonly kind: "probe" | "replicate" | "snapshot";
  readonly isLearner: boolean;
  /** Up to here its log is durable there and the same as the leader's. */
  readonly matchIndex: LogIndex;
  readonly nextIndex: LogIndex;
  readonly isPaused: boolean;
  /** 0 unless a snapshot is on its way. */
  readonly pendingSnapshotIndex: LogIndex;
  /** Whether it answered in the last election time, or the one before, as the quorum is checked. */
  readonly isRecentlyActive: boolean;
  /** Whether it answered since the quorum was checked last: false for whoever has not yet had the time to. */
  readonly isActiveSinceCheck: boolean;
  readonly inflightCount: number;
  readonly isInflightFull: boolean;
}

/** A copy of the state; nothing in it changes later. */
export function statusOf(replica: Replica): RaftStatus {
  const { log, members } = replica;
  return {
    id: replica.id,
    role: replica.role,
    term: replica.term,
    vote: replica.vote,
    leader: replica.leader,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    commitIndex: log.commitIndex,
    appliedIndex: log.appliedIndex,
    stableIndex: log.stableIndex,
    configuration: members.configuration,
    transferTarget: replica.transferTarget,
    progress: replica.role === "leader" ? members.all.map(progressStatus) : [],
  };
}

function progressStatus(progress: Replica["members"]["all"][number]): ProgressStatus {
  return {
    id: progress.id,
    kind: progress.kind,
    isLearner: progress.isLearner,
    matchIndex: progress.matchIndex,
    nextIndex: progress.nextIndex,
    isPaused: progress.isPaused,
    pendingSnapshotIndex: progress.pendingSnapshotIndex,
    isRecentlyActive: progress.isRecentlyActive || progress.wasActiveBefore,
    isActiveSinceCheck: progress.isRecentlyActive,
    inflightCount: progress.inflights.count,
    isInflightFull: progress.inflights.isFull,
  };
}
