import type { ReplicaId } from "./entry.ts";
import type { Progress } from "./progress.ts";
import type { Replica } from "./replica.ts";
import { sendAppend, sendTimeoutNow } from "./replication.ts";

/**
 * Leadership transfer (thesis §3.10): the leader stops taking proposals, brings the target's log up to its own, and
 * tells it to stand for election at once. Given up after an election timeout.
 */

/** Hands leadership over to the follower behind `progress`; one that is asked for later replaces it. */
export function beginTransfer(replica: Replica, progress: Progress): void {
  const target: ReplicaId = progress.id;
  if (progress.isLearner) return;
  if (replica.transferTarget === target) return;
  replica.transferTarget = undefined;
  if (target === replica.id) return;
  // It should be done within an election timeout, which starts now.
  replica.electionElapsedTicks = 0;
  replica.transferTarget = target;
  if (progress.matchIndex === replica.log.lastIndex) sendTimeoutNow(replica, target);
  else sendAppend(replica, progress);
}
