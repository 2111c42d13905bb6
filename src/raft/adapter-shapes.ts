/** The plain JSON values of the test port ({@link adapter}). Their names are those of its drivers, not of the core. */

export type Id = number;
export type Addr = Id | "AppendThread" | "ApplyThread";
export type Err = null | "ProposalDropped" | "StepPeerNotFound" | "StepLocalMsg";
export type RoleName = "StateFollower" | "StatePreCandidate" | "StateCandidate" | "StateLeader";

export interface ConfState {
  readonly voters: readonly Id[];
  readonly votersOutgoing: readonly Id[];
  readonly learners: readonly Id[];
  readonly learnersNext: readonly Id[];
  readonly autoLeave: boolean;
}

export interface ConfSingle {
  readonly op: "v" | "l" | "r" | "u";
  readonly id: Id;
}

export interface Conf {
  readonly transition?: "auto" | "implicit" | "explicit";
  readonly changes: readonly ConfSingle[];
  readonly v1?: boolean;
}

export interface EntryJson {
  readonly term: number;
  readonly index: number;
  readonly type: "EntryNormal" | "EntryConfChangeV2";
  readonly data?: string;
  readonly conf?: Conf;
}

export interface Snap {
  readonly index: number;
  readonly term: number;
  readonly conf: ConfState;
  readonly data: string;
}

export interface Hard {
  readonly term: number;
  readonly vote: Id | 0;
  readonly commit: number;
}

export interface Msg {
  readonly type: string;
  readonly from: Addr;
  readonly to: Addr;
  readonly term: number;
  readonly logTerm?: number;
  readonly index?: number;
  readonly commit?: number;
  readonly vote?: Id;
  readonly reject?: boolean;
  readonly rejectHint?: number;
  readonly entries?: readonly EntryJson[];
  readonly snapshot?: Snap;
  readonly responses?: readonly Msg[];
  /** Heartbeats: the read that an answer confirms. Votes: "CampaignTransfer" where the leader asked for them. */
  readonly context?: number | string;
}

export interface ReadyJson {
  readonly mustSync: boolean;
  readonly softState?: { readonly lead: Id | 0; readonly role: RoleName };
  readonly hardState?: Hard;
  readonly entries: readonly EntryJson[];
  readonly snapshot?: Snap;
  readonly committedEntries: readonly EntryJson[];
  readonly messages: readonly Msg[];
  readonly readStates?: readonly { readonly index: number; readonly ctx: string }[];
}

export interface ProgressJson {
  readonly state: "StateProbe" | "StateReplicate" | "StateSnapshot";
  readonly match: number;
  readonly next: number;
  readonly learner: boolean;
  readonly paused: boolean;
  readonly pendingSnapshot: number;
  readonly recentActive: boolean;
  readonly inflight: number;
  readonly inflightFull: boolean;
}

export interface StatusJson {
  readonly id: Id;
  readonly role: RoleName;
  readonly term: number;
  readonly vote: Id | 0;
  readonly lead: Id | 0;
  readonly commit: number;
  readonly applied: number;
  readonly config: ConfState;
  /** Of each member, by id; empty unless the node leads. */
  readonly progress: Readonly<Record<Id, ProgressJson>>;
}

/** What is absent, or null, is not to be stored. */
export interface PersistJson {
  readonly hardState?: Hard | null;
  readonly entries?: readonly EntryJson[] | null;
  readonly snapshot?: Snap | null;
}

export interface StableLog {
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly entries: readonly EntryJson[];
}

/** Absent switches are off, absent limits unlimited. */
export interface NodeConfig {
  readonly id: Id;
  readonly electionTick: number;
  readonly heartbeatTick: number;
  readonly preVote?: boolean;
  readonly checkQuorum?: boolean;
  readonly readOnly?: "safe" | "lease-based";
  readonly stepDownOnRemoval?: boolean;
  readonly maxInflightMsgs?: number;
  /** Bytes of entries in one MsgApp; 0 means one entry per message. */
  readonly maxSizePerMsg?: number;
  /** Absent or 0: as `maxSizePerMsg`. */
  readonly maxCommittedSizePerReady?: number;
  readonly asyncStorageWrites?: boolean;
  readonly disableConfChangeValidation?: boolean;
  readonly applied: number;
  readonly seed?: number;
  readonly snapshot?: Snap;
}

export interface Tracker {
  readonly config: ConfState;
  readonly progress: Readonly<Record<Id, ProgressJson>>;
}
