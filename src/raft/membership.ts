import { assert, mark } from "../platform/index.ts";
import { type Configuration, type ConfigurationChange, isJoint } from "./configuration.ts";
import { changeConfiguration } from "./configuration-change.ts";
import type { LogIndex, ReplicaId } from "./entry.ts";
import { propose } from "./proposals.ts";
import type { Replica } from "./replica.ts";
import { advanceCommit, broadcastAppend, sendPendingEntry } from "./replication.ts";

/** Configurations taking effect: when an entry that changes one is applied, or a snapshot brings one (thesis §4). */

/** Applies the change of a committed entry; the host calls this before it reports the entry as applied. */
export function applyConfigurationChange(replica: Replica, change: ConfigurationChange): Configuration {
  const result = changeConfiguration(replica.configuration, change);
  assert(!("error" in result), "a committed configuration change does not fit the configuration before it");
  replica.invariants.configures(result.configuration, replica.configuration);
  switchTo(replica, result.configuration, result.renewed);
  return replica.configuration;
}

/** Takes a configuration into use and does what follows from it. */
export function switchTo(replica: Replica, configuration: Configuration, renewed?: ReadonlySet<ReplicaId>): void {
  const { members } = replica;
  members.configure(configuration, replica.log.lastIndex, renewed);
  if (replica.role !== "leader") return;
  const self = members.get(replica.id);
  if (self === undefined || self.isLearner) {
    // Removed or demoted while it leads. If it is not to step down it goes on until the new members have a leader.
    if (replica.settings.stepDownOnRemoval) replica.becomeFollower(replica.term, undefined);
    return;
  }
  if (isJoint(configuration)) mark("a leader's configuration becomes a joint one");
  // Fewer voters may mean that more is committed.
  if (advanceCommit(replica)) {
    broadcastAppend(replica);
  } else {
    for (const progress of members.all) if (progress.id !== replica.id) sendPendingEntry(replica, progress);
  }
  if (replica.transferTarget !== undefined && !members.isVoter(replica.transferTarget)) {
    replica.transferTarget = undefined;
  }
}

/** Entries up to `index`, which counted for `bytes`, are applied. */
export function appliedTo(replica: Replica, index: LogIndex, bytes: number): void {
  replica.log.appliedTo(Math.max(index, replica.log.appliedIndex), bytes);
  const { configuration } = replica;
  if (replica.role !== "leader" || !configuration.autoLeave || !isJoint(configuration)) return;
  if (replica.log.appliedIndex < replica.pendingConfigurationIndex) return;
  // Refused while leadership is being transferred, and tried again at the next entry (CONSENSUS M-6).
  propose(replica, replica.id, [{ kind: "configuration", change: { transition: "auto", changes: [] } }]);
}
