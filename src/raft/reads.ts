import { mark } from "../platform/index.ts";
import type { Heartbeat, HeartbeatResponse, ReadIndexRequest } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { Halves } from "./quorum.ts";
import type { IndexedRead, PendingRead } from "./read-queue.ts";
import type { Replica } from "./replica.ts";

/** Heartbeats, and the reads that they confirm (thesis §6.4; CONSENSUS §8). */

/** Tells everybody that this leader lives, what is committed, and up to which read an answer counts. */
export function broadcastHeartbeat(replica: Replica): void {
  for (const progress of replica.members.all) if (progress.id !== replica.id) sendHeartbeat(replica, progress);
}

/** Heartbeats only to followers for which one may do more than say that the leader lives. */
export function sendNeededHeartbeats(replica: Replica): void {
  const isAsked = replica.reads.round !== 0;
  for (const progress of replica.members.all) {
    if (progress.id !== replica.id && (isAsked || !hasEverything(replica, progress))) sendHeartbeat(replica, progress);
  }
}

/** It acknowledged all entries, and was told that they are committed. */
function hasEverything({ log }: Replica, { kind, matchIndex, sentCommit }: Progress): boolean {
  return kind === "replicate" && matchIndex === log.lastIndex && sentCommit === log.lastIndex;
}

function sendHeartbeat(replica: Replica, progress: Progress): void {
  const readRound = replica.reads.round;
  // The commit index goes only as far as the follower's log is known to match: beyond it, it may hold other entries
  // at the same indexes (CONSENSUS E-10).
  const commit = Math.min(progress.matchIndex, replica.log.commitIndex);
  if (commit < replica.log.commitIndex) mark("a heartbeat holds the commit index back");
  replica.send({ type: "heartbeat", from: replica.id, to: progress.id, term: replica.term, commit, readRound });
  progress.sentCommit = commit;
}

/** Asks those that confirmed the last reads, if they can confirm one by themselves and this is wanted; or else everybody. */
function askForConfirmation(replica: Replica): void {
  const { reads, settings } = replica;
  if (!settings.asksFewForReads || !reads.canConfirmAgain(halvesOf(replica))) {
    broadcastHeartbeat(replica);
    return;
  }
  for (const progress of replica.members.all) {
    if (progress.id !== replica.id && reads.lastConfirmers.includes(progress.id)) sendHeartbeat(replica, progress);
  }
}

/** Reads have waited for a while: asks everybody, whoever was asked before. */
export function askEverybody(replica: Replica): void {
  if (replica.role !== "leader" || replica.reads.round === 0) return;
  mark("a read asks everybody after all");
  broadcastHeartbeat(replica);
}

function halvesOf({ configuration }: Replica): Halves {
  return { incoming: configuration.voters, outgoing: configuration.votersOutgoing };
}

/** A follower's side of a heartbeat. */
export function handleHeartbeat(replica: Replica, message: Heartbeat): void {
  replica.log.commitTo(message.commit);
  replica.send({
    type: "heartbeatResponse",
    from: replica.id,
    to: message.from,
    term: replica.term,
    readRound: message.readRound,
  });
}

/** What a heartbeat's answer means for reads. */
export function confirmReads(replica: Replica, progress: Progress, message: HeartbeatResponse): void {
  if (message.readRound === 0) return;
  replica.reads.acknowledge(progress.id, message.readRound);
  for (const read of replica.reads.takeConfirmed(halvesOf(replica))) answer(replica, read);
}

/** A read comes to the leader, from its own host or from a follower. */
export function handleReadIndex(replica: Replica, message: ReadIndexRequest): void {
  const read = { from: message.from, context: message.context };
  // Before that, the commit index may miss what earlier leaders committed (CONSENSUS R-2).
  if (replica.hasCommittedInTerm) {
    begin(replica, read);
    return;
  }
  mark("a read waits for the first commit of the term");
  replica.reads.wait(read);
}

/** Something of this term was committed: reads that waited for it begin. */
export function releaseWaitingReads(replica: Replica): void {
  if (!replica.reads.hasWaiting || !replica.hasCommittedInTerm) return;
  for (const read of replica.reads.takeWaiting()) begin(replica, read);
}

function begin(replica: Replica, read: PendingRead): void {
  const indexed = { from: read.from, context: read.context, index: replica.log.commitIndex };
  // While leadership is handed over the lease does not hold: voters do not keep it against the target (CONSENSUS R-8).
  const isLeased = replica.settings.readMode === "lease" && replica.transferTarget === undefined;
  if (replica.members.isSingleton || isLeased) {
    answer(replica, indexed);
    return;
  }
  replica.reads.add(indexed);
  replica.reads.acknowledge(replica.id, replica.reads.round);
  askForConfirmation(replica);
}

function answer(replica: Replica, read: IndexedRead): void {
  const { context, index } = read;
  if (read.from === replica.id) {
    replica.confirmedReads.push({ context, index });
    return;
  }
  replica.send({
    type: "readIndexResponse",
    from: replica.id,
    to: read.from,
    term: replica.term,
    context,
    index,
  });
}
