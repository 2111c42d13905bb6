import { epochOf } from "../../keyspace/index.ts";
import type { SlotRanges } from "../../ring/index.ts";
import { nodeOf } from "../replica/replica-id.ts";
import { shardOfGroup } from "../replica/shard-group.ts";
import type { DirectoryStatus, GroupStatus, ReplicaInfo, ReplicaStatus } from "../status.ts";
import type { HostedGroup } from "./hosted-group.ts";

type NameOf = (nodeId: number) => string;

/** This node's replicas of shards, as they are shown. */
export function shardStatuses(
  hosted: Iterable<HostedGroup>,
  ranges: SlotRanges,
  nameOf: NameOf,
): readonly GroupStatus[] {
  return [...hosted].map((each) => {
    const { keyCount, logicalBytes, sessions } = each.replica.keyspace;
    const { group, ...replica } = replicaStatus(each, nameOf);
    return {
      group,
      slots: ranges.rangeOf(shardOfGroup(group)),
      ...replica,
      keyCount,
      logicalBytes,
      sessionCount: sessions.count,
    };
  });
}

/** This node's replica of the directory, as it is shown. */
export function directoryStatus(
  hosted: HostedGroup,
  nameOf: NameOf,
  warnings: readonly string[] = [],
): DirectoryStatus {
  return { ...replicaStatus(hosted, nameOf), epoch: epochOf(hosted.replica.keyspace), warnings };
}

function replicaStatus({ group, replica, checksums, rebuild, leftOut }: HostedGroup, nameOf: NameOf): ReplicaStatus {
  const { core, stoppedBecause, brokenInvariant } = replica;
  return {
    group,
    role: stoppedBecause !== undefined ? "stopped" : replica.isLearner ? "learner" : core.role,
    replica: core.id,
    term: core.term,
    leader: core.leader === undefined ? null : nameOf(nodeOf(core.leader)),
    commitIndex: core.commitIndex,
    appliedIndex: core.appliedIndex,
    lastIndex: core.lastIndex,
    snapshotIndex: replica.log.snapshot?.index ?? 0,
    semanticsLevel: replica.keyspace.semanticsLevel,
    checksums: checksums.finished,
    stoppedBecause: stoppedBecause ?? null,
    brokenInvariant: brokenInvariant ?? null,
    stoppedBy: replica.stoppedBy ?? null,
    leftOut,
    rebuild,
  };
}

/** The same for `INFO`. */
export function replicaInfo(status: ReplicaStatus): ReplicaInfo {
  return {
    role: status.role,
    term: status.term,
    leader: status.leader ?? undefined,
    commitIndex: status.commitIndex,
    appliedIndex: status.appliedIndex,
    stoppedBecause: status.stoppedBecause ?? undefined,
    brokenInvariant: status.brokenInvariant ?? undefined,
    stoppedIndex: status.stoppedBy?.index,
    leftOutCount: status.leftOut.length,
    replica: status.replica,
    rebuild: status.rebuild,
  };
}
