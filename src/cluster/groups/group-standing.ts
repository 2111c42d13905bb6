import type { GroupLog } from "../../log/index.ts";
import type { ReplicaId } from "../../raft/index.ts";

/**
 * What a node finds of a group when it starts. `none`: nothing, or what is left of replicas that have gone. `replica`: one
 * that is there, or should be. `gone`: what is left of one that was proved to have gone, or of a log that never held any.
 */
export type GroupStanding = "none" | "replica" | "gone";

export interface FoundGroup {
  readonly log: Pick<GroupLog, "replica" | "isEnded" | "isDamaged">;
  /** The newest that the node remembers, outside of the log; 0: none. */
  readonly remembered: ReplicaId;
  /** Whether the group began with a replica here. */
  readonly isFirst: boolean;
  /** The id that this one would have. */
  readonly firstReplica: ReplicaId;
}

export function groupStanding({ log, remembered, isFirst, firstReplica }: FoundGroup): GroupStanding {
  // One that was to begin after the end, and whether it did nobody can tell: it is lost.
  if (log.isEnded) return remembered > log.replica ? "replica" : "none";
  if (log.replica === 0 && remembered === 0) {
    if (isFirst) return "replica";
    return log.isDamaged ? "gone" : "none";
  }
  // The first one is remembered for one reason only: it was proved that it has gone. Of others the proof comes again.
  return remembered === firstReplica && log.replica <= firstReplica ? "gone" : "replica";
}
