import { mark } from "../platform/index.ts";
import { noData, type ReplicaId } from "./entry.ts";
import type { RequestVote, RequestVoteResponse } from "./message.ts";
import type { Replica } from "./replica.ts";
import { appendProposals, broadcastAppend } from "./replication.ts";

/** Leader election (Raft §5.2, §5.4.1) with pre-vote (thesis §9.6), check quorum and leases (§6.2). */

/** Stands for election, unless this replica leads, may not stand, or does not know yet who would have to vote. */
export function campaign(replica: Replica): void {
  if (canCampaign(replica)) askForVotes(replica, replica.settings.preVote ? "preVote" : "vote");
}

/** The leader has asked for it: no pre-vote, since nothing suggests that this replica was cut off. */
export function campaignByOrder(replica: Replica): void {
  if (canCampaign(replica)) askForVotes(replica, "transfer");
}

function canCampaign(replica: Replica): boolean {
  // A committed configuration that is not applied yet may name other voters than this replica would ask.
  return replica.role !== "leader" && replica.isPromotable && !replica.log.hasUnappliedConfigurationChange();
}

function askForVotes(replica: Replica, kind: "preVote" | "vote" | "transfer"): void {
  const isPreVote = kind === "preVote";
  if (isPreVote) replica.becomePreCandidate();
  else replica.becomeCandidate();
  // A pre-vote is for the term that the candidate would have.
  const term = isPreVote ? replica.term + 1 : replica.term;
  const { lastIndex, lastTerm } = replica.log;
  for (const voter of replica.members.voters) {
    if (voter === replica.id) {
      // It counts its own vote when that is durable, through the same door as the others'.
      replica.sendAfterPersist(voteResponse(replica, voter, term, isPreVote, true));
      continue;
    }
    replica.send({
      type: "requestVote",
      from: replica.id,
      to: voter,
      term,
      isPreVote,
      lastIndex,
      lastTerm,
      isTransfer: kind === "transfer",
    });
  }
}

/** Whether a vote for a later term must not even be looked at: a leader that may well live holds a lease (§6.2). */
export function isHeldBackByLease(replica: Replica, message: RequestVote): boolean {
  if (message.isTransfer || !replica.settings.checkQuorum || replica.leader === undefined) return false;
  if (replica.electionElapsedTicks >= replica.settings.electionTicks) return false;
  mark("a vote is held back by the lease");
  return true;
}

/**
 * Votes. Learners do too: who asks may know that this replica has become a voter before it knows itself
 * (CONSENSUS §5, "learners").
 */
export function handleVoteRequest(replica: Replica, message: RequestVote): void {
  const { from, term, isPreVote } = message;
  const hasVotedForIt = replica.vote === from;
  const isFree = replica.vote === undefined && replica.leader === undefined;
  const isForLaterTerm = isPreVote && term > replica.term;
  const canVote = hasVotedForIt || isFree || isForLaterTerm;
  if (!canVote || !replica.log.isUpToDate(message.lastIndex, message.lastTerm)) {
    if (canVote) mark("a vote is refused for a shorter log");
    replica.sendAfterPersist(voteResponse(replica, from, replica.term, isPreVote, false));
    return;
  }
  // Granted in the term that was asked for: this replica's own may be older, and would be ignored.
  replica.sendAfterPersist(voteResponse(replica, from, term, isPreVote, true));
  if (isPreVote) return;
  replica.electionElapsedTicks = 0;
  replica.vote = from;
}

/**
 * A voter says what is committed. A candidate with the same entry takes that from it: who refuses may have left the group with
 * the longest log, and who agrees may be the only one that knows of a change by which its vote suffices. One whose own
 * configuration changes by this stands again with the new one.
 */
export function learnWhatIsCommitted(replica: Replica, { granted, commit, commitTerm }: RequestVoteResponse): void {
  const { log } = replica;
  if (replica.role === "leader" || commit <= log.commitIndex || !log.matches(commit, commitTerm)) return;
  log.commitTo(commit);
  if (granted) mark("a vote tells what is committed");
  else mark("a refused vote tells what is committed");
  if (replica.role !== "follower" && log.hasUnappliedConfigurationChange()) {
    replica.becomeFollower(replica.term, undefined);
  }
}

/** A candidate has an answer to the question that it is asking now. */
export function handleVoteResponse(replica: Replica, message: RequestVoteResponse): void {
  const result = replica.members.recordVote(message.from, message.granted);
  if (result === "pending") return;
  if (result === "lost") {
    mark(replica.role === "preCandidate" ? "a pre-vote fails" : "an election is lost");
    replica.becomeFollower(replica.term, undefined);
  } else if (replica.role === "preCandidate") {
    askForVotes(replica, "vote");
  } else {
    replica.becomeLeader();
    mark("an election is won");
    // An empty entry of its own term, by which it learns what is committed (thesis §6.4; CONSENSUS E-2).
    appendProposals(replica, [{ kind: "normal", data: noData }]);
    broadcastAppend(replica);
  }
}

/** The answer to a request for a vote or a pre-vote, and what is committed. */
export function voteResponse(
  replica: Replica,
  to: ReplicaId,
  term: number,
  isPreVote: boolean,
  granted: boolean,
): RequestVoteResponse {
  const { log, id } = replica;
  const commit = log.commitIndex;
  const commitTerm = log.term(commit) ?? 0;
  return { type: "requestVoteResponse", from: id, to, term, isPreVote, granted, commit, commitTerm };
}
