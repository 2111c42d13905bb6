import { isJoint } from "./configuration.ts";
import { noData, type Proposal, type ReplicaId } from "./entry.ts";
import type { Replica } from "./replica.ts";
import { appendProposals, broadcastAppend } from "./replication.ts";

/**
 * Why nothing was proposed. All of them promise that nothing will come of it.
 *
 * - notLeader: this replica does not lead, or knows no leader to forward to.
 * - transferring: leadership is being handed over.
 * - uncommittedBytes: too much is proposed and not committed yet.
 */
export type Refusal = "notLeader" | "transferring" | "uncommittedBytes";

/** Takes proposals of `from`; returns why not, or undefined once they are in the log or on their way to the leader. */
export function propose(replica: Replica, from: ReplicaId, proposals: readonly Proposal[]): Refusal | undefined {
  if (!isTakenFrom(replica, from, proposals)) return "notLeader";
  if (replica.role === "leader") return proposeAsLeader(replica, proposals);
  const { forwarding } = replica.settings;
  if (replica.role !== "follower" || replica.leader === undefined || forwarding === "off") return "notLeader";
  if (forwarding === "once" && from !== replica.id) return "notLeader";
  replica.send({ type: "forwardedProposal", from, to: replica.leader, term: 0, proposals });
  return undefined;
}

/** What other replicas send on. Changes of the configuration are asked for at the leader itself, which knows who lives. */
function isTakenFrom(replica: Replica, from: ReplicaId, proposals: readonly Proposal[]): boolean {
  if (from === replica.id || replica.settings.forwarding === "always") return true;
  return replica.settings.forwarding === "once" && proposals.every(({ kind }) => kind === "normal");
}

function proposeAsLeader(replica: Replica, proposals: readonly Proposal[]): Refusal | undefined {
  // A leader that was removed and has not stepped down only finishes what is under way.
  if (replica.members.get(replica.id) === undefined) return "notLeader";
  if (replica.transferTarget !== undefined) return "transferring";
  const checked = proposals.some((proposal) => proposal.kind === "configuration")
    ? proposals.map((proposal, offset) => checkConfigurationChange(replica, proposal, offset))
    : proposals;
  if (!appendProposals(replica, checked)) return "uncommittedBytes";
  broadcastAppend(replica);
  return undefined;
}

/** A change that must not happen now becomes an empty entry: who proposed it sees that it did not take effect. */
function checkConfigurationChange(replica: Replica, proposal: Proposal, offset: number): Proposal {
  if (proposal.kind !== "configuration") return proposal;
  const isLeaving = proposal.change.changes.length === 0;
  const fits = isJoint(replica.configuration) === isLeaving;
  const isOnlyOne = replica.pendingConfigurationIndex <= replica.log.appliedIndex;
  if (replica.settings.validateConfigurationChanges && !(fits && isOnlyOne)) return { kind: "normal", data: noData };
  replica.pendingConfigurationIndex = replica.log.lastIndex + offset + 1;
  return proposal;
}
