export type { LogIdentity } from "./format.ts";
export type { GroupLog } from "./group-log.ts";
export { Log, type LogRecovery, type RecoveredGroup } from "./log.ts";
export {
  LogDamagedError,
  LogDiskError,
  LogDiskFullError,
  LogForeignError,
  LogFormatError,
  LogLostError,
  LogNewerError,
  LogUnreadableError,
  SnapshotDamagedError,
  SnapshotNotWrittenError,
} from "./log-errors.ts";
export type { LogOptions } from "./log-settings.ts";
export { MemoryLog, type MemoryLogOptions } from "./memory-log.ts";
export type { LogRecords, NodeLog } from "./node-log.ts";
export { entryLogBytes, isVital } from "./record-set.ts";
export type { DamagedRange } from "./recovery.ts";
export type { ScrubStatus } from "./scrubber.ts";
export type { SnapshotMeta, SnapshotReader, SnapshotWriter, StoredSnapshot } from "./snapshot.ts";
export type { SyncTimes } from "./sync-times.ts";
