export {
  aclCategories,
  type CommandArgument,
  type CommandFlag,
  type CommandGroup,
  type CommandSpec,
  hasArity,
  isWrite,
  type KeyPositions,
  type KeySpecification,
} from "./command.ts";
export { type KeyUse, keysOf } from "./command-keys.ts";
export { levelRefusal } from "./command-level.ts";
export { CommandTable, wrongArity } from "./command-table.ts";
export {
  commandTable,
  directoryCommandTable,
  entryCommandTable,
  semanticsCommand,
  sessionCommand,
  shardCommandTable,
} from "./commands.ts";
export type { Deadline } from "./deadline-index.ts";
export { type Digest, type DigestRange, digestOf } from "./digest.ts";
export { directoryEpochKey, epochOf } from "./directory-commands.ts";
export { DueKeyMet, dueKeyMet } from "./due-key-met.ts";
export {
  EntryFormatError,
  type EntryHeader,
  EntryReader,
  EntryUnknownError,
  EntryWriter,
  entryFormat,
  entryHeaderBytes,
  entryTimeMsMax,
} from "./entry.ts";
export { entryOnlyFrees, onlyFrees } from "./freeing.ts";
export { matchesGlob } from "./glob.ts";
export { type KeyPosition, keyPositionEnd, positionOfSlot, slotOfPosition } from "./key-hash.ts";
export type { KeyRecord } from "./key-record.ts";
export { scanPosition } from "./key-walk.ts";
export { KeysAhead, keysAheadMax } from "./keys-ahead.ts";
export { freedKeysMax, Keyspace } from "./keyspace.ts";
export type { KeyspaceHeader } from "./keyspace-contents.ts";
export type { KeyspaceOptions } from "./keyspace-options.ts";
export { KeyspaceStatistics } from "./keyspace-statistics.ts";
export { RawString, stringBytesMax } from "./raw-string.ts";
export { type SemanticsLevel, SemanticsLevelError, semanticsLevelMax, semanticsLevels } from "./semantics.ts";
export {
  type SessionCommand,
  sessionTtlMsDefault,
  sessionTtlMsMax,
  sessionTtlMsMin,
} from "./session-commands.ts";
export { SessionTable, sessionsMax } from "./session-table.ts";
export { KeyspaceSnapshot, type SnapshotOptions, snapshotChunkBytes } from "./snapshot.ts";
export { SnapshotDigestError, SnapshotFormatError, SnapshotUnknownError, snapshotFormat } from "./snapshot-format.ts";
export { KeyspaceLoader } from "./snapshot-loader.ts";
export { cloneOf, typeOf, type Value, type ValueType } from "./value.ts";
