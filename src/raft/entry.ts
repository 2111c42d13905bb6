import type { Configuration, ConfigurationChange } from "./configuration.ts";

/** Numbers one replica of one group. Positive, below 2^53; never used again in a group. */
export type ReplicaId = number;

/** Position in the log. The first entry is 1; 0 means "before the log". */
export type LogIndex = number;

/** Raft's logical clock. The first term is 1; 0 means "before any term". */
export type Term = number;

/** One entry of the log. Immutable once handed over, its bytes included. */
export type Entry = NormalEntry | ConfigurationEntry;

export interface NormalEntry {
  readonly kind: "normal";
  readonly term: Term;
  readonly index: LogIndex;
  /** What the state machine is to do; empty in the entry by which a new leader begins its term. */
  readonly data: Uint8Array;
}

export interface ConfigurationEntry {
  readonly kind: "configuration";
  readonly term: Term;
  readonly index: LogIndex;
  readonly change: ConfigurationChange;
}

/** What somebody wants in the log; the leader gives it its term and index. */
export type Proposal =
  | { readonly kind: "normal"; readonly data: Uint8Array }
  | { readonly kind: "configuration"; readonly change: ConfigurationChange };

/** What a replica must never forget. `commit` is a hint: losing its last value is harmless. */
export interface HardState {
  readonly term: Term;
  /** For whom this replica voted in `term`. */
  readonly vote: ReplicaId | undefined;
  readonly commit: LogIndex;
}

/** A state machine's state at `index`, in whatever form the host gives it. */
export interface Snapshot {
  readonly index: LogIndex;
  readonly term: Term;
  readonly configuration: Configuration;
  readonly data: Uint8Array;
}

/** The data of an entry that changes nothing. */
export const noData: Uint8Array = new Uint8Array(0);

const entryHeaderBytes = 16;
const configurationChangeBytes = 8;

/** Bytes of `entry` or `proposal` that its proposer answers for: its data. Zero for the entries that the core adds by itself. */
export function payloadBytes(entry: Proposal | Entry): number {
  return entry.kind === "normal" ? entry.data.length : entry.change.changes.length * configurationChangeBytes;
}

/** What `entry` counts for where messages and batches are limited by bytes: its payload and a round sum for the rest. */
export function entryBytes(entry: Entry): number {
  return entryHeaderBytes + payloadBytes(entry);
}
