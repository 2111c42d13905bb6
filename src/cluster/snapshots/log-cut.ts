/**
 * Where a log is cut behind a snapshot (CONSENSUS N-6). Some entries before the snapshot stay for followers that are a
 * little behind, more of them for one that is alive and lacks them or is being sent a snapshot; none are kept for the dead. A full
 * disk takes hardly an entry, and a snapshot that is less than what is lacked: that replaces what the disk is full of (CONSENSUS D-7).
 */
import type { GroupLog } from "../../log/index.ts";
import type { LogIndex, ProgressStatus } from "../../raft/index.ts";

export interface LogCutLimits {
  /** Bytes of newest entries that stay in any case. */
  readonly snapshotTailBytes: number;
  /** The most that stays for a follower that lacks it. */
  readonly snapshotLagBytesMax: number;
}

export interface FollowerProgress extends ProgressStatus {
  /** Its disk takes no entries. */
  readonly isFull: boolean;
}

/** Entries up to this index may go; 0 for none. `progress`: of a leader's followers. */
export function logCut(log: GroupLog, progress: readonly FollowerProgress[], limits: LogCutLimits): LogIndex {
  const snapshotIndex = log.snapshot?.index ?? 0;
  let cut = Math.min(snapshotIndex, indexWithAbove(log, limits.snapshotTailBytes));
  for (const { kind, matchIndex, pendingSnapshotIndex, isRecentlyActive, isFull } of progress) {
    const needed = kind === "snapshot" ? pendingSnapshotIndex : matchIndex;
    if (!isRecentlyActive || needed >= cut || needed < log.firstIndex - 1) continue;
    const bytesMax = isFull && kind !== "snapshot" ? (log.snapshot?.sizeBytes ?? 0) : limits.snapshotLagBytesMax;
    if (log.bytesAbove(needed) <= bytesMax) cut = needed;
  }
  return cut;
}

/** The lowest index above which there are at most so many bytes. */
function indexWithAbove(log: GroupLog, bytesMax: number): LogIndex {
  let low = log.firstIndex - 1;
  let high = log.lastIndex;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (log.bytesAbove(middle) <= bytesMax) high = middle;
    else low = middle + 1;
  }
  return low;
}
