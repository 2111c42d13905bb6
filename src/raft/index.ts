export type { Configuration, ConfigurationChange } from "./configuration.ts";
export type {
  ConfigurationEntry,
  Entry,
  HardState,
  LogIndex,
  NormalEntry,
  ReplicaId,
  Snapshot,
  Term,
} from "./entry.ts";
export type { Message } from "./message.ts";
export type { ConfirmedRead, LogReader, Persist, Ready } from "./ready.ts";
