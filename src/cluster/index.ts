export {
  DirectoryInUseError,
  DirectoryUnreadableError,
  IdentityError,
  nodeExitCode,
  SkipRefusedError,
} from "./errors.ts";
export type { GossipStatus } from "./gossip-status.ts";
export type { Checksum } from "./groups/checksums.ts";
export {
  checksumDigitsMin,
  directorySkipRefusal,
  type SkipPicture,
  type SkipRequest,
  skippedEntry,
} from "./groups/entry-skip.ts";
export { ClientStream, type ReplyTarget, type StreamOptions } from "./lanes/client-stream.ts";
export type { NodeAddress } from "./membership/identity.ts";
export {
  type AskToJoin,
  JoinAsking,
  type JoinAskingOptions,
  JoinRefusedError,
  JoinUndecidedError,
} from "./membership/join-asking.ts";
export { type JoinAnswer, JoinVisit, type JoinVisitOptions } from "./membership/join-visit.ts";
export type { JoinGrant, JoinRequest } from "./membership/join-wire.ts";
export type { Member } from "./membership/member.ts";
export { Node } from "./node.ts";
export type { NodeOptions } from "./node-options.ts";
export type { PlacementReport } from "./placement/placement-driver.ts";
export { type SurveyOptions, surveyDirectory } from "./recovery/directory-survey.ts";
export { type RecoverOptions, type RecoveryOutcome, recoverDirectory } from "./recovery/recovery.ts";
export { formatRecoveryPlan, formatSurvey, parseRecoveryPlan, parseSurvey } from "./recovery/recovery-codec.ts";
export { RecoveryUnfinishedError } from "./recovery/recovery-journal.ts";
export {
  type EmptiedGroup,
  type GroupFate,
  isRecoveryNeeded,
  planRecovery,
  type RecoveredGroup,
  type RecoveryPlan,
  RecoveryRefusedError,
} from "./recovery/recovery-plan.ts";
export type { NodeSurvey, SurveyedNode, SurveyedReplica } from "./recovery/recovery-survey.ts";
export type { LoadingProgress } from "./replica/loading.ts";
export type { StoppedCommand, StoppedEntry } from "./replica/stopped-entry.ts";
export { type NodeSettings, nodeDefaults } from "./settings.ts";
export type {
  ClusterStatus,
  CommonChecksum,
  DirectoryInfo,
  DirectoryStatus,
  GroupStatus,
  KeyspaceCounts,
  NodeInfo,
  NodeStatus,
  NodeView,
  ReplicaInfo,
  ReplicaStatus,
  ReplicaView,
  SemanticsStatus,
  ShardInfo,
} from "./status.ts";
export type { Topology, TopologyNode, TopologyShard } from "./topology.ts";
