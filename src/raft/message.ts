import type { Entry, LogIndex, Proposal, ReplicaId, Snapshot, Term } from "./entry.ts";

interface Envelope {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  /** The sender's term; the term asked for in votes; 0 in forwarded proposals and reads, which belong to no term. */
  readonly term: Term;
}

/** What replicas of one group say to each other. The names follow the Raft paper and thesis. */
export type Message =
  | AppendEntries
  | AppendEntriesResponse
  | RequestVote
  | RequestVoteResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | TimeoutNow
  | TransferLeader
  | ForwardedProposal
  | ReadIndexRequest
  | ReadIndexResponse;

export interface AppendEntries extends Envelope {
  readonly type: "appendEntries";
  readonly previousIndex: LogIndex;
  readonly previousTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

export interface AppendEntriesResponse extends Envelope {
  readonly type: "appendEntriesResponse";
  /**
   * Accepted: the last index known to match, 0 in the answer to a leader of an older term, which only tells the
   * newer one. Rejected: the `previousIndex` that was refused.
   */
  readonly index: LogIndex;
  readonly rejected: boolean;
  /** With `rejected`: where the leader may go on probing, and the term there (0 if unknown). Otherwise 0. */
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

export interface RequestVote extends Envelope {
  readonly type: "requestVote";
  /** Pre-vote (thesis §9.6): asks without raising anybody's term; `term` is then one above the sender's. */
  readonly isPreVote: boolean;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** The candidacy was ordered by the leader (thesis §3.10): leases do not hold it back. */
  readonly isTransfer: boolean;
}

export interface RequestVoteResponse extends Envelope {
  readonly type: "requestVoteResponse";
  readonly isPreVote: boolean;
  readonly granted: boolean;
  /**
   * How far the voter knows the log to be committed, and the term there, so that a candidate with the same entry knows it
   * too (CONSENSUS M-5, M-10). 0 where it is not said, as in votes of earlier versions.
   */
  readonly commit: LogIndex;
  readonly commitTerm: Term;
}

export interface Heartbeat extends Envelope {
  readonly type: "heartbeat";
  /** min(match of the receiver, commit of the leader): CONSENSUS E-10. */
  readonly commit: LogIndex;
  /** Position of the newest read that an answer to this heartbeat confirms; 0 for none. */
  readonly readRound: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly type: "heartbeatResponse";
  /** As in the heartbeat that it answers. */
  readonly readRound: number;
}

export interface InstallSnapshot extends Envelope {
  readonly type: "installSnapshot";
  readonly snapshot: Snapshot;
}

export interface TimeoutNow extends Envelope {
  readonly type: "timeoutNow";
}

/** Asks the leader to hand over to `target`. */
export interface TransferLeader extends Envelope {
  readonly type: "transferLeader";
  readonly target: ReplicaId;
}

export interface ForwardedProposal extends Envelope {
  readonly type: "forwardedProposal";
  readonly proposals: readonly Proposal[];
}

export interface ReadIndexRequest extends Envelope {
  readonly type: "readIndexRequest";
  readonly context: number;
}

export interface ReadIndexResponse extends Envelope {
  readonly type: "readIndexResponse";
  readonly context: number;
  readonly index: LogIndex;
}
