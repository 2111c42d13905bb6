export type { Checksum } from "./checksums.ts";
export { ClientStream, type ReplyTarget, type StreamOptions } from "./client-stream.ts";
export { type SurveyOptions, surveyDirectory } from "./directory-survey.ts";
export {
  checksumDigitsMin,
  directorySkipRefusal,
  type SkipPicture,
  type SkipRequest,
  skippedEntry,
} from "./entry-skip.ts";
export {
  DirectoryInUseError,
  DirectoryUnreadableError,
  IdentityError,
  nodeExitCode,
  SkipRefusedError,
} from "./errors.ts";
export type { GossipStatus } from "./gossip-status.ts";
export type { NodeAddress } from "./identity.ts";
export {
  type AskToJoin,
  JoinAsking,
  type JoinAskingOptions,
  JoinRefusedError,
  JoinUndecidedError,
} from "./join-asking.ts";
export { type JoinAnswer, JoinVisit, type JoinVisitOptions } from "./join-visit.ts";
export type { JoinGrant, JoinRequest } from "./join-wire.ts";
export type { LoadingProgress } from "./loading.ts";
export type { Member } from "./member.ts";
export { Node } from "./node.ts";
export type { NodeOptions } from "./node-options.ts";
export type { PlacementReport } from "./placement-driver.ts";
export { type RecoverOptions, type RecoveryOutcome, recoverDirectory } from "./recovery.ts";
export { formatRecoveryPlan, formatSurvey, parseRecoveryPlan, parseSurvey } from "./recovery-codec.ts";
export { RecoveryUnfinishedError } from "./recovery-journal.ts";
export {
  type EmptiedGroup,
  type GroupFate,
  isRecoveryNeeded,
  planRecovery,
  type RecoveredGroup,
  type RecoveryPlan,
  RecoveryRefusedError,
} from "./recovery-plan.ts";
export type { NodeSurvey, SurveyedNode, SurveyedReplica } from "./recovery-survey.ts";
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
  ShardInfo,
} from "./status.ts";
export type { StoppedCommand, StoppedEntry } from "./stopped-entry.ts";
export type { Topology, TopologyNode, TopologyShard } from "./topology.ts";
