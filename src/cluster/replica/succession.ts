/** Whom a leader can hand over to. */
import type { LogIndex, ProgressStatus, ReplicaId } from "../../raft/index.ts";
import { nodeOf } from "./replica-id.ts";

/** A follower that lacks no more than these has them within a blink. */
const caughtUpEntries = 16;

/** Another voter, on a node that is fit to lead: the one whose log is the longest of those that seem to answer. */
export function bestSuccessor(
  progress: readonly ProgressStatus[],
  self: ReplicaId,
  isFit: (nodeId: number) => boolean,
): ReplicaId | undefined {
  const others = progress.filter((each) => each.id !== self && !each.isLearner && isFit(nodeOf(each.id)));
  const activity = (each: ProgressStatus): number => (each.isRecentlyActive || each.kind === "replicate" ? 1 : 0);
  const [best] = others.toSorted(
    (left, right) => activity(right) - activity(left) || right.matchIndex - left.matchIndex || left.id - right.id,
  );
  return best?.id;
}

/** Whether a voter on `nodeId` answers and holds nearly all up to `lastIndex`. */
export function isCaughtUp(all: readonly ProgressStatus[], nodeId: number, lastIndex: LogIndex): boolean {
  const progress = all.find(({ id, isLearner }) => nodeOf(id) === nodeId && !isLearner);
  if (progress === undefined || progress.kind !== "replicate" || !progress.isRecentlyActive) return false;
  return lastIndex - progress.matchIndex <= caughtUpEntries;
}
