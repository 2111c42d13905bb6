import { type Configuration, type ConfigurationChange, highestReplicaOf } from "./configuration.ts";
import { changeConfiguration } from "./configuration-change.ts";
import type { ReplicaId } from "./entry.ts";
import { voteResult } from "./quorum.ts";
import type { Replica } from "./replica.ts";

/**
 * Why a change of the configuration was refused.
 *
 * - changePending: another one is not applied yet, or this leader has committed nothing in its term.
 * - changeInvalid: it does not fit the configuration, or leaves no voter.
 * - changeRemovesLeader: hand leadership over first. A leader that leaves with the longest log keeps those from being
 *   elected who have not heard that it left, until it tells them so by refusing its vote (CONSENSUS M-5).
 * - changeLosesQuorum: of the voters after it no majority has answered lately (M-7).
 * - replicaIdUsed: with `idsAscend`, who is to be added has an id that may have been another's (C-4).
 * - learnerBehind: who is to become a voter is no learner yet, lacks too many entries, or has not answered lately (M-4).
 */
export type ChangeRefusal =
  | "changePending"
  | "changeInvalid"
  | "changeRemovesLeader"
  | "changeLosesQuorum"
  | "replicaIdUsed"
  | "learnerBehind";

/** What speaks against a change that a leader is asked for; undefined if nothing does. */
export function refusalOfChange(replica: Replica, change: ConfigurationChange): ChangeRefusal | undefined {
  const { configuration, log, members } = replica;
  // Its own term must have a committed entry: what earlier leaders left behind is decided by then (M-1, M-2).
  if (replica.pendingConfigurationIndex > log.appliedIndex || !replica.hasCommittedInTerm) return "changePending";
  const result = changeConfiguration(configuration, change);
  if ("error" in result) return "changeInvalid";
  const next = result.configuration;
  if (replica.settings.idsAscend && isIdUsed(configuration, change)) return "replicaIdUsed";
  if (!next.voters.includes(replica.id)) return "changeRemovesLeader";
  const isNewVoter = (id: ReplicaId): boolean => next.voters.includes(id) && !members.isVoter(id);
  if (next.voters.some((id) => isNewVoter(id) && isBehind(replica, id))) return "learnerBehind";
  return hasLiveQuorum(replica, next) ? undefined : "changeLosesQuorum";
}

/** Whether somebody is to be added whose id is not above all that were ever given. */
function isIdUsed(configuration: Configuration, { changes }: ConfigurationChange): boolean {
  const highest = highestReplicaOf(configuration);
  const { voters, votersOutgoing, learners } = configuration;
  const isMember = (id: ReplicaId): boolean => [voters, votersOutgoing, learners].some((ids) => ids.includes(id));
  return changes.some(
    ({ action, replica }) =>
      (action === "addVoter" || action === "addLearner") && replica <= highest && !isMember(replica),
  );
}

function isBehind(replica: Replica, id: ReplicaId): boolean {
  const progress = replica.members.get(id);
  if (progress === undefined || !isLive(replica, id)) return true;
  return progress.matchIndex + replica.settings.promotionLagEntriesMax < replica.log.lastIndex;
}

function hasLiveQuorum(replica: Replica, { voters, votersOutgoing }: Configuration): boolean {
  const votes = new Map([...voters, ...votersOutgoing].map((id) => [id, isLive(replica, id)]));
  return voteResult({ incoming: voters, outgoing: votersOutgoing }, votes) === "won";
}

/** Whether it answered within the last two periods of watching: the present one may just have begun. */
function isLive(replica: Replica, id: ReplicaId): boolean {
  const progress = replica.members.get(id);
  return id === replica.id || progress?.isRecentlyActive === true || progress?.wasActiveBefore === true;
}
