import { unreachable } from "../platform/index.ts";
import {
  campaignByOrder,
  handleVoteRequest,
  handleVoteResponse,
  isHeldBackByLease,
  learnWhatIsCommitted,
  voteResponse,
} from "./elections.ts";
import type {
  AppendEntries,
  Heartbeat,
  HeartbeatResponse,
  InstallSnapshot,
  Message,
  ReadIndexRequest,
  TransferLeader,
} from "./message.ts";
import type { Progress } from "./progress.ts";
import { propose, type Refusal } from "./proposals.ts";
import { confirmReads, handleHeartbeat, handleReadIndex } from "./reads.ts";
import type { Replica } from "./replica.ts";
import { acknowledgement, handleAppend, handleAppendResponse, sendAppend } from "./replication.ts";
import { handleSnapshot } from "./snapshots.ts";
import { beginTransfer } from "./transfer.ts";

/**
 * A message comes in: from another replica, or one to itself that has become durable. Returns why a forwarded proposal
 * was refused; everything else is answered by messages or not at all.
 */
export function step(replica: Replica, message: Message): Refusal | undefined {
  if (message.term > replica.term) {
    if (!entersLaterTerm(replica, message)) return undefined;
  } else if (message.term !== 0 && message.term < replica.term) {
    answerEarlierTerm(replica, message);
    return undefined;
  }
  return dispatch(replica, message);
}

/** A message of a later term ends this one, save for pre-votes. False if it is not to be looked at. */
function entersLaterTerm(replica: Replica, message: Message): boolean {
  switch (message.type) {
    case "requestVote":
      if (isHeldBackByLease(replica, message)) return false;
      if (!message.isPreVote) replica.becomeFollower(message.term, undefined);
      return true;
    case "requestVoteResponse":
      // A granted pre-vote is of the term that was asked for; a refused one is of the voter's, which is really later.
      if (!(message.isPreVote && message.granted)) replica.becomeFollower(message.term, undefined);
      return true;
    case "appendEntries":
    case "heartbeat":
    case "installSnapshot":
      replica.becomeFollower(message.term, message.from);
      return true;
    default:
      replica.becomeFollower(message.term, undefined);
      return true;
  }
}

/** A message of an earlier term does nothing here; but its sender may have to be told. */
function answerEarlierTerm(replica: Replica, message: Message): void {
  const { checkQuorum, preVote } = replica.settings;
  if (message.type === "heartbeat" || message.type === "appendEntries") {
    // Its leader cannot reach this replica, whose term is later, nor can this one be elected if leases or pre-votes
    // hold it back: an answer of the later term frees both (CONSENSUS E-6).
    if (checkQuorum || preVote) replica.sendAfterPersist(acknowledgement(replica, message.from, 0));
  } else if (message.type === "requestVote" && message.isPreVote) {
    // The same for one that asks in vain in an earlier term.
    replica.sendAfterPersist(voteResponse(replica, message.from, replica.term, true, false));
  }
}

function dispatch(replica: Replica, message: Message): Refusal | undefined {
  switch (message.type) {
    case "requestVote":
      handleVoteRequest(replica, message);
      return undefined;
    case "requestVoteResponse":
      learnWhatIsCommitted(replica, message);
      if (replica.role === (message.isPreVote ? "preCandidate" : "candidate")) handleVoteResponse(replica, message);
      return undefined;
    case "appendEntries":
    case "heartbeat":
    case "installSnapshot":
      handleFromLeader(replica, message);
      return undefined;
    case "appendEntriesResponse": {
      const progress = progressAtLeader(replica, message.from);
      if (progress !== undefined) handleAppendResponse(replica, progress, message);
      return undefined;
    }
    case "heartbeatResponse": {
      const progress = progressAtLeader(replica, message.from);
      if (progress !== undefined) handleHeartbeatResponse(replica, progress, message);
      return undefined;
    }
    case "timeoutNow":
      if (replica.role === "follower") campaignByOrder(replica);
      return undefined;
    case "transferLeader":
      handleTransfer(replica, message);
      return undefined;
    case "forwardedProposal":
      return propose(replica, message.from, message.proposals);
    case "readIndexRequest":
      handleReadRequest(replica, message);
      return undefined;
    case "readIndexResponse":
      if (replica.role === "follower") {
        replica.confirmedReads.push({ context: message.context, index: message.index });
      }
      return undefined;
    default:
      return unreachable(message);
  }
}

function handleFromLeader(replica: Replica, message: AppendEntries | Heartbeat | InstallSnapshot): void {
  if (replica.role === "leader") return;
  // Somebody has won the election of this term.
  if (replica.role !== "follower") replica.becomeFollower(message.term, message.from);
  replica.electionElapsedTicks = 0;
  replica.leader = message.from;
  if (message.type === "appendEntries") handleAppend(replica, message);
  else if (message.type === "heartbeat") handleHeartbeat(replica, message);
  else handleSnapshot(replica, message);
}

function progressAtLeader(replica: Replica, from: number): Progress | undefined {
  return replica.role === "leader" ? replica.members.get(from) : undefined;
}

function handleHeartbeatResponse(replica: Replica, progress: Progress, message: HeartbeatResponse): void {
  progress.isRecentlyActive = true;
  progress.isFlowPaused = false;
  if (isAskedForMore(replica, progress)) sendAppend(replica, progress);
  confirmReads(replica, progress, message);
}

/**
 * Whether a heartbeat's answer draws an append, empty if need be: what was sent may be lost (CONSENSUS E-8). One that is caught
 * up but probed gets it too, since the answer lets it replicate again. Where heartbeats overtake appends an answer says little
 * of those that are under way: then only whoever has acknowledged nothing since the answer before is asked.
 */
function isAskedForMore({ log, settings }: Replica, progress: Progress): boolean {
  const { kind, matchIndex, matchAtHeartbeat } = progress;
  progress.matchAtHeartbeat = matchIndex;
  if (kind === "probe") return true;
  if (matchIndex >= log.lastIndex) return false;
  return kind !== "replicate" || !settings.heartbeatsOvertake || matchIndex === matchAtHeartbeat;
}

function handleTransfer(replica: Replica, message: TransferLeader): void {
  if (replica.role === "leader") {
    const progress = replica.members.get(message.target);
    if (progress !== undefined) beginTransfer(replica, progress);
  } else if (replica.role === "follower" && replica.leader !== undefined) {
    replica.send({
      type: "transferLeader",
      from: replica.id,
      to: replica.leader,
      term: replica.term,
      target: message.target,
    });
  }
}

function handleReadRequest(replica: Replica, message: ReadIndexRequest): void {
  if (replica.role === "leader") {
    handleReadIndex(replica, message);
    return;
  }
  const { leader, settings, id } = replica;
  if (replica.role !== "follower" || leader === undefined || settings.forwarding === "off") return;
  if (settings.forwarding === "once" && message.from !== id) return;
  replica.send({ type: "readIndexRequest", from: message.from, to: leader, term: 0, context: message.context });
}
