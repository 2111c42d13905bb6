export type {
  DirectoryNode,
  DirectoryNodeState,
  DirectorySettings,
  DirectoryShard,
  DirectoryState,
  ShardReport,
} from "./directory-state.ts";
