import type { SlotRange } from "../ring/index.ts";
import type { HostedGroup } from "./hosted-group.ts";
import { nodeOf } from "./replica-id.ts";
import type { GroupStatus } from "./status.ts";

/** One of this node's groups, as it is shown. */
export function groupStatus(
  { group, replica, checksums, rebuild }: HostedGroup,
  { slots, nameOf }: { readonly slots: SlotRange; readonly nameOf: (nodeId: number) => string },
): GroupStatus {
  const { core, keyspace, stoppedBecause, brokenInvariant } = replica;
  return {
    group,
    slots,
    role: stoppedBecause !== undefined ? "stopped" : replica.isLearner ? "learner" : core.role,
    replica: core.id,
    term: core.term,
    leader: core.leader === undefined ? null : nameOf(nodeOf(core.leader)),
    commitIndex: core.commitIndex,
    appliedIndex: core.appliedIndex,
    lastIndex: core.lastIndex,
    snapshotIndex: replica.log.snapshot?.index ?? 0,
    keyCount: keyspace.keyCount,
    logicalBytes: keyspace.logicalBytes,
    sessionCount: keyspace.sessions.count,
    checksums: checksums.finished,
    stoppedBecause: stoppedBecause ?? null,
    brokenInvariant: brokenInvariant ?? null,
    rebuild,
  };
}
