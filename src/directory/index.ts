export { isEntryChecksum, nodesMax } from "./bounds.ts";
export type { ClusterView, NodeView, PartlyHeard } from "./cluster-view.ts";
export { type Decision, type Decisions, decide, decideAll } from "./decide.ts";
export type {
  DirectoryNode,
  DirectoryNodeState,
  DirectorySettings,
  DirectoryShard,
  DirectoryState,
  ShardReport,
  SkippedEntry,
} from "./directory-state.ts";
export { type DirectoryMembers, directoryMembers, directoryVoters } from "./directory-voters.ts";
export {
  DirectoryRecordError,
  DirectoryRefusal,
  DirectoryValueError,
  MajorityAtRiskError,
  MoveRefusedError,
  NodeNameTakenError,
  NodeStateError,
  NodeUnknownError,
  TooFewNodesError,
  TooManyNodesError,
} from "./errors.ts";
export { type DirectoryFacts, readFacts, textOfFacts } from "./facts.ts";
export { firstReplicasMax, type Genesis, genesis, isFirstReplicaCount, replicasDefault } from "./genesis.ts";
export { type HeldPicture, pictureHeld } from "./held-moves.ts";
export {
  activeNodes,
  isNodeRemoved,
  nameOfNode,
  nodeOfDirectory,
  nodeOfName,
  nodeOfNumber,
  shardCountOf,
} from "./node-lookup.ts";
export { leaderFor, type OperatorWish, requestFor } from "./operator-wish.ts";
export {
  type KeyPicture,
  type MovePicture,
  type NodePicture,
  pictureKey,
  pictureMoves,
  pictureNodes,
  pictureShards,
  pictureSpread,
  type ShardPicture,
  type SpreadPicture,
} from "./pictures.ts";
export type { GoalMove, PlannedGoal } from "./planned-goal.ts";
export { type HeldMove, type PlannedChange, type PlannedStep, type PlannerLimits, planStep } from "./planner.ts";
export { type MoveProgress, progressOf, type ReplicaWay } from "./progress.ts";
export { nodeKey } from "./record.ts";
export type { DirectoryRequest, NodeDetails } from "./request.ts";
export { isReplicaGone, memberNodesOf, nodeOfReplica, nodesOfShard, voterNodesOf } from "./shard-report.ts";
export { joinsOf, type WhatIf, whatIf } from "./what-if.ts";
export { type DirectoryRecord, recordsBetween, recordsOf, textOfState, withRecords } from "./with-records.ts";
