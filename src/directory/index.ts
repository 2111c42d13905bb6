export type {
  DirectoryNode,
  DirectoryNodeState,
  DirectorySettings,
  DirectoryShard,
  DirectoryState,
  ShardReport,
} from "./directory-state.ts";
export { DirectoryRecordError } from "./errors.ts";
export { type Genesis, genesis, replicasDefault } from "./genesis.ts";
export { isReplicaGone, memberNodesOf, nodeOfReplica, nodesOfShard, voterNodesOf } from "./shard-report.ts";
export { type DirectoryRecord, recordsBetween, recordsOf, textOfState, withRecords } from "./with-records.ts";
