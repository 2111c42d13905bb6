export { type Adapter, adapter, type ConfChangeRequest } from "./adapter.ts";
export type { ChangeRefusal } from "./change-refusal.ts";
export type { Configuration, ConfigurationChange, SingleChange } from "./configuration.ts";
export { emptyConfiguration, highestReplicaOf, isJoint, membersOf } from "./configuration.ts";
export { type ChangeResult, changeConfiguration } from "./configuration-change.ts";
export {
  type ConfigurationEntry,
  type Entry,
  entryBytes,
  type HardState,
  type LogIndex,
  type NormalEntry,
  noData,
  type Proposal,
  payloadBytes,
  type ReplicaId,
  type Snapshot,
  type Term,
} from "./entry.ts";
export { type InvariantId, type InvariantSwitch, InvariantViolation } from "./invariants.ts";
export type {
  AppendEntries,
  AppendEntriesResponse,
  ForwardedProposal,
  Heartbeat,
  HeartbeatResponse,
  InstallSnapshot,
  Message,
  ReadIndexRequest,
  ReadIndexResponse,
  RequestVote,
  RequestVoteResponse,
  TimeoutNow,
  TransferLeader,
} from "./message.ts";
export type { Refusal } from "./proposals.ts";
export { type Proposed, RaftCore } from "./raft-core.ts";
export type { ConfirmedRead, LogReader, Persist, Ready, SnapshotSource } from "./ready.ts";
export type { Role } from "./replica.ts";
export type { RaftOptions } from "./settings.ts";
export type { ProgressStatus, RaftStatus } from "./status.ts";
