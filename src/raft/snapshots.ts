import { appliedTo } from "./membership.ts";
import type { InstallSnapshot } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { Replica } from "./replica.ts";
import { acknowledgement } from "./replication.ts";

/** Snapshots from a leader whose log no longer holds what this replica lacks (Raft §7). */

/** Takes a snapshot over, unless it brings nothing new or this replica is not in it (CONSENSUS N-3). */
export function handleSnapshot(replica: Replica, message: InstallSnapshot): void {
  const isRestored = restore(replica, message);
  const index = isRestored ? replica.log.lastIndex : replica.log.commitIndex;
  replica.sendAfterPersist(acknowledgement(replica, message.from, index));
}

function restore(replica: Replica, { snapshot }: InstallSnapshot): boolean {
  const { log, members } = replica;
  if (snapshot.index <= log.commitIndex || replica.role !== "follower") return false;
  const { voters, votersOutgoing, learners } = snapshot.configuration;
  // Those who become learners later are voters of the outgoing half still.
  if (![voters, votersOutgoing, learners].some((ids) => ids.includes(replica.id))) return false;
  if (log.matches(snapshot.index, snapshot.term)) {
    // The log reaches as far already; the snapshot only proves that this much is committed.
    log.commitTo(snapshot.index);
    return false;
  }
  log.restore(snapshot);
  members.clear();
  members.configure(snapshot.configuration, log.lastIndex);
  return true;
}

/** The snapshot at `index` is installed and durable. */
export function snapshotInstalled(replica: Replica, index: number): void {
  replica.log.installed(index);
  appliedTo(replica, index, 0);
}

/** The host tells how the sending of a snapshot ended. */
export function handleSnapshotReport(progress: Progress, isSuccess: boolean): void {
  if (progress.kind !== "snapshot") return;
  if (!isSuccess) progress.pendingSnapshotIndex = 0;
  progress.becomeProbe();
  // On success the follower's acknowledgement comes next, on failure the next heartbeat is soon enough.
  progress.isFlowPaused = true;
}
