import { assert, mark } from "../platform/index.ts";
import { type Entry, type LogIndex, type Proposal, payloadBytes, type ReplicaId } from "./entry.ts";
import type { AppendEntries, AppendEntriesResponse } from "./message.ts";
import type { Progress } from "./progress.ts";
import { releaseWaitingReads } from "./reads.ts";
import type { Replica } from "./replica.ts";

/**
 * Log replication (Raft §5.3, §5.4.2) with pipelining: a leader sends to each follower as {@link Progress} allows, and
 * finds the place where logs part with at most one probe for each term that differs.
 */

/** Appends proposals to the leader's own log. False if they exceed the limit of uncommitted bytes. */
export function appendProposals(replica: Replica, proposals: readonly Proposal[]): boolean {
  assert(replica.role === "leader", "only a leader appends proposals");
  let bytes = 0;
  for (const proposal of proposals) bytes += payloadBytes(proposal);
  // Empty proposals (a new leader's first, the end of a joint configuration) always pass, as does anything at all when
  // nothing else is under way.
  const { uncommittedBytes, settings } = replica;
  if (uncommittedBytes > 0 && bytes > 0 && uncommittedBytes + bytes > settings.uncommittedBytesMax) return false;
  replica.uncommittedBytes += bytes;
  let index = replica.log.lastIndex;
  const { term } = replica;
  const entries = proposals.map((proposal): Entry => {
    index++;
    return proposal.kind === "normal"
      ? { kind: "normal", term, index, data: proposal.data }
      : { kind: "configuration", term, index, change: proposal.change };
  });
  replica.log.append(entries);
  // The leader counts itself when its own write is durable, through the same door as its followers.
  replica.sendAfterPersist(acknowledgement(replica, replica.id, index));
  return true;
}

/** Sends an append to everybody whose flow allows it, empty if there is nothing new. */
export function broadcastAppend(replica: Replica): void {
  for (const progress of replica.members.all) {
    if (progress.id !== replica.id) sendAppend(replica, progress);
  }
}

/** Sends an append, empty if need be, unless the flow is paused. */
export function sendAppend(replica: Replica, progress: Progress): void {
  trySendAppend(replica, progress, true);
}

/** Sends one append with entries, if there are any and the flow is not paused. True if one was sent. */
export function sendPendingEntry(replica: Replica, progress: Progress): boolean {
  return trySendAppend(replica, progress, false);
}

/** Sends whatever entries there are for this follower, in as many appends as its window allows. */
export function sendPendingEntries(replica: Replica, progress: Progress): void {
  while (sendPendingEntry(replica, progress));
}

function trySendAppend(replica: Replica, progress: Progress, isEmptyWanted: boolean): boolean {
  if (progress.isPaused) return false;
  const previousIndex = progress.nextIndex - 1;
  const previousTerm = replica.log.term(previousIndex);
  if (previousTerm === undefined) return sendSnapshot(replica, progress);
  let entries: ReturnType<typeof replica.log.entriesFrom> = [];
  // With a full window an empty append still goes out now and then, and so it does while a probe may only be slow:
  // should all that was sent be lost, its rejection or acknowledgement sets things going again (CONSENSUS E-8).
  const { heartbeatsOvertake, messageBytesMax } = replica.settings;
  const isAskingOnly =
    progress.kind === "replicate" ? progress.inflights.isFull : progress.isProbeUnderWay && heartbeatsOvertake;
  if (isAskingOnly) {
    if (progress.kind === "replicate") mark("the window of appends is full");
  } else {
    entries = replica.log.entriesFrom(progress.nextIndex, messageBytesMax(progress.id));
  }
  if (entries === "unavailable") {
    progress.isWaitingForEntries = true;
    return false;
  }
  if (entries === "compacted") return isEmptyWanted && sendSnapshot(replica, progress);
  if (entries.length === 0 && !isEmptyWanted) return false;
  progress.isWaitingForEntries = false;
  const commit = replica.log.commitIndex;
  replica.send({
    type: "appendEntries",
    from: replica.id,
    to: progress.id,
    term: replica.term,
    previousIndex,
    previousTerm,
    entries,
    commit,
  });
  let bytes = 0;
  for (const entry of entries) bytes += payloadBytes(entry);
  progress.sent(entries.length, bytes, commit);
  return true;
}

/** The follower lacks entries that are no longer stored. A snapshot is sent only to one that gave a sign of life. */
function sendSnapshot(replica: Replica, progress: Progress): boolean {
  if (!progress.isRecentlyActive) return false;
  const snapshot = replica.settings.snapshots.latest(progress.id);
  if (snapshot === undefined) return false;
  assert(snapshot.index > 0, "a snapshot that holds nothing was to be sent");
  progress.becomeSnapshot(snapshot.index);
  replica.send({ type: "installSnapshot", from: replica.id, to: progress.id, term: replica.term, snapshot });
  return true;
}

/**
 * Commits what a majority holds, if its last entry is of this term (§5.4.2, Figure 8; CONSENSUS I-10). True if the
 * commit index moved: then everybody should be told.
 */
export function advanceCommit(replica: Replica): boolean {
  const index = replica.members.committedIndex();
  if (index <= replica.log.commitIndex) return false;
  if (!replica.log.matches(index, replica.term)) {
    mark("an entry of an older term is not committed by counting");
    return false;
  }
  replica.invariants.counts(index, replica.term, replica.log.term(index), replica.members);
  replica.log.commitTo(index);
  return true;
}

/** A follower's side of an append. */
export function handleAppend(replica: Replica, message: AppendEntries): void {
  const { log } = replica;
  const { from, previousIndex, previousTerm, entries } = message;
  // Below the commit index everything is known to match: say so, and the leader goes on from there (CONSENSUS E-11).
  if (previousIndex < log.commitIndex) {
    mark("an append is below the commit index");
    replica.sendAfterPersist(acknowledgement(replica, from, log.commitIndex));
    return;
  }
  if (log.matches(previousIndex, previousTerm)) {
    log.merge(entries);
    const lastNewIndex = previousIndex + entries.length;
    log.commitTo(Math.min(message.commit, lastNewIndex));
    replica.sendAfterPersist(acknowledgement(replica, from, lastNewIndex));
    return;
  }
  // The leader's terms up to `previousIndex` are at most `previousTerm`: everything of a later term here is skipped.
  const hint = log.findConflict(Math.min(previousIndex, log.lastIndex), previousTerm);
  replica.sendAfterPersist({
    type: "appendEntriesResponse",
    from: replica.id,
    to: from,
    term: replica.term,
    index: previousIndex,
    rejected: true,
    hintIndex: hint.index,
    hintTerm: hint.term,
  });
}

/** A leader's side: a follower, or its own disk, has answered. */
export function handleAppendResponse(replica: Replica, progress: Progress, message: AppendEntriesResponse): void {
  progress.isRecentlyActive = true;
  if (message.rejected) handleRejection(replica, progress, message);
  else handleAcknowledgement(replica, progress, message.index);
}

function handleRejection(replica: Replica, progress: Progress, message: AppendEntriesResponse): void {
  // The follower's terms up to the hint are at most the hint's: everything of a later term here is skipped.
  const probeIndex =
    message.hintTerm > 0 ? replica.log.findConflict(message.hintIndex, message.hintTerm).index : message.hintIndex;
  if (!progress.rejected(message.index, probeIndex)) {
    mark("a stale rejection is ignored");
    return;
  }
  if (message.hintTerm > 0) mark("a probe follows a hint");
  if (progress.kind === "replicate") progress.becomeProbe();
  sendAppend(replica, progress);
}

function handleAcknowledgement(replica: Replica, progress: Progress, index: LogIndex): void {
  const isNews = progress.acknowledged(index);
  // An acknowledgement of what is known still ends the probing.
  if (!isNews && !(progress.matchIndex === index && progress.kind === "probe")) return;
  const { log } = replica;
  if (progress.kind === "probe") {
    progress.becomeReplicate();
  } else if (progress.kind === "snapshot") {
    // Whatever was installed, and by whom: what follows is still in the log, so that appends can go on.
    if (progress.matchIndex + 1 >= log.firstIndex) {
      progress.becomeProbe();
      progress.becomeReplicate();
    }
  } else {
    progress.inflights.freeUpTo(index);
  }
  const isCommitNew = advanceCommit(replica);
  if (isCommitNew) releaseWaitingReads(replica);
  if (tellsCommits(replica)) {
    if (isCommitNew) broadcastAppend(replica);
    else if (progress.id !== replica.id && progress.canBumpCommit(log.commitIndex)) sendAppend(replica, progress);
  }
  if (progress.id !== replica.id) sendPendingEntries(replica, progress);
  if (progress.id === replica.transferTarget && progress.matchIndex === log.lastIndex) {
    sendTimeoutNow(replica, progress.id);
  }
}

/**
 * Whether a new commit index is worth an append of its own. A change of the members always is: those that stay elect by the
 * old ones as long as they have not heard of it, and whoever was removed is gone as soon as that is proven.
 */
function tellsCommits({ settings, log, pendingConfigurationIndex }: Replica): boolean {
  return !settings.commitsByHeartbeat || pendingConfigurationIndex > log.appliedIndex;
}

/** Says to `to` that this log holds the same as the leader's up to `index`. */
export function acknowledgement(replica: Replica, to: ReplicaId, index: LogIndex): AppendEntriesResponse {
  return {
    type: "appendEntriesResponse",
    from: replica.id,
    to,
    term: replica.term,
    index,
    rejected: false,
    hintIndex: 0,
    hintTerm: 0,
  };
}

/** Tells `to` to stand for election at once: leadership is being handed over, and its log is complete. */
export function sendTimeoutNow(replica: Replica, to: ReplicaId): void {
  mark("a transfer tells its target to stand");
  replica.send({ type: "timeoutNow", from: replica.id, to, term: replica.term });
}
