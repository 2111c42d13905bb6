/**
 * What all nodes know of the cluster: its nodes, its shards and where they are to be, its settings. A value that changes as
 * a whole, each change under a new epoch; plain data, so that it can be shown, sent and compared.
 */
import type { SocketAddress } from "../platform/index.ts";

/**
 * `joining`: it has a number, and does not hold the directory yet. `active`: it takes replicas. `draining`: its replicas go
 * elsewhere; `drained`: it has none. `removed`: it never comes back, and its number is never given again.
 */
export type DirectoryNodeState = "joining" | "active" | "draining" | "drained" | "removed";

export interface DirectoryNode {
  /** From 1 to 65,535; never given twice. */
  readonly id: number;
  readonly name: string;
  readonly state: DirectoryNodeState;
  /** 32 hexadecimal digits: of the directory on disk with which it joined. Undefined for a first node. */
  readonly directoryId: string | undefined;
  /** Where it takes its peers' connections, as it said last; undefined until it did. */
  readonly peerAddress: SocketAddress | undefined;
  /** Nodes that may fail together; empty: it is a zone of its own. */
  readonly zone: string;
  /** What it is to carry beside others, from 1 to 10,000. */
  readonly weight: number;
  /** Once it is drained it is to be removed. */
  readonly isDecommissioned: boolean;
}

/** Who keeps a shard, as its leader said last: a committed configuration of the shard's own log. */
export interface ShardReport {
  /** Where that configuration stands in the shard's log; 0: the one that it began with. */
  readonly configurationIndex: number;
  /** Replica ids, sorted. */
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  /**
   * The highest replica id that the shard ever gave. A replica that is no higher than this, and neither a voter nor a
   * learner here, is gone for ever.
   */
  readonly highestReplica: number;
}

export interface DirectoryShard {
  readonly shard: number;
  readonly report: ShardReport;
  /** The nodes that are to keep it, sorted; it differs from those that do by one replica at most. */
  readonly wish: readonly number[];
}

/** An entry of a shard's log that stops whoever applies it, and that its replicas leave out: an operator has said so. */
export interface SkippedEntry {
  readonly shard: number;
  readonly index: number;
  readonly term: number;
  /** 64 hexadecimal digits: SHA-256 of what the entry holds. No other entry at that index is left out. */
  readonly checksum: string;
  /** Wall-clock time of the node that took the command. */
  readonly atMs: number;
  /** Who said so, and why. */
  readonly by: string;
  readonly because: string;
}

export interface DirectorySettings {
  /** How many replicas each shard should have, as far as there are nodes. */
  readonly replicas: number;
  /** A node that was away for so long loses its replicas to others. */
  readonly replaceAfterMs: number;
  /** Replicas that come to, or go from, one node at the same time. */
  readonly movesPerNodeMax: number;
}

export interface DirectoryState {
  /** Of the last change; 0: the cluster as it began. */
  readonly epoch: number;
  /** The number that the next node gets. */
  readonly nextNodeId: number;
  readonly settings: DirectorySettings;
  /** By number, sorted; removed ones stay. */
  readonly nodes: readonly DirectoryNode[];
  /** By number: at index 0 shard 0. */
  readonly shards: readonly DirectoryShard[];
  /** By shard and index, sorted. They stay: a replica may meet such an entry again at any start. */
  readonly skips: readonly SkippedEntry[];
}
