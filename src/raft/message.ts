import type { Entry, LogIndex, ReplicaId, Snapshot, Term } from "./entry.ts";

interface Envelope {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
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
  /** Accepted: the last index known to match. Rejected: the `previousIndex` that was refused. */
  readonly index: LogIndex;
  readonly rejected: boolean;
  /** With `rejected`: where the leader may go on probing, and the term there. */
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

export interface RequestVote extends Envelope {
  readonly type: "requestVote";
  /** Pre-vote (thesis §9.6): asks without raising anybody's term. */
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
}

export interface Heartbeat extends Envelope {
  readonly type: "heartbeat";
  /** min(match of the receiver, commit of the leader): CONSENSUS E-10. */
  readonly commit: LogIndex;
  /** Position of the newest read round this heartbeat confirms; 0 for none. */
  readonly readRound: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly type: "heartbeatResponse";
  readonly readRound: number;
}

export interface InstallSnapshot extends Envelope {
  readonly type: "installSnapshot";
  readonly snapshot: Snapshot;
}

export interface TimeoutNow extends Envelope {
  readonly type: "timeoutNow";
}

export interface TransferLeader extends Envelope {
  readonly type: "transferLeader";
  readonly target: ReplicaId;
}

export interface ForwardedProposal extends Envelope {
  readonly type: "forwardedProposal";
  readonly entries: readonly Entry[];
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
