import type { Keyspace } from "../../keyspace/index.ts";
import type { GroupLog, SnapshotMeta } from "../../log/index.ts";
import { type InstallSnapshot, membersOf, type RaftCore, type ReplicaId } from "../../raft/index.ts";

/** Whether a snapshot that a leader offers would be taken (CONSENSUS N-3): not if it is old, or holds only what the log holds as well. */
export function wantsSnapshot(
  { core, log }: { readonly core: RaftCore; readonly log: GroupLog },
  { term, snapshot }: InstallSnapshot,
): boolean {
  if (term < core.term || (core.role === "leader" && term === core.term)) return false;
  if (!membersOf(snapshot.configuration).includes(core.id)) return false;
  if (snapshot.index <= core.commitIndex) return false;
  return snapshot.index > log.lastIndex || log.term(snapshot.index) !== snapshot.term;
}

/** Whether the replica leads and waits for a follower to install a snapshot. */
export function isSnapshotAwaited({ core }: { readonly core: RaftCore }, follower: ReplicaId): boolean {
  return core.status().progress.some(({ id, kind }) => id === follower && kind === "snapshot");
}

/** What a snapshot of the state, as it is now, stands for; undefined if the log's is as new, or does not reach so far back. */
export function snapshotMetaOf(of: {
  readonly core: RaftCore;
  readonly log: GroupLog;
  readonly keyspace: Keyspace;
}): SnapshotMeta | undefined {
  const { core, keyspace, log } = of;
  const index = keyspace.header().appliedIndex;
  if (index <= (log.snapshot?.index ?? 0) || index < log.firstIndex) return undefined;
  return { index, term: log.term(index), configuration: core.configuration };
}
