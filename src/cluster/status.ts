/** What a node says of itself and of the others: plain values, for JSON. */
import type { MovePicture, SkippedEntry } from "../directory/index.ts";
import type { MemberState } from "../gossip/index.ts";
import type { ScrubStatus } from "../log/index.ts";
import type { SocketAddress } from "../platform/index.ts";
import type { Configuration, InvariantId, LogIndex, ReplicaId, Role, Term } from "../raft/index.ts";
import type { SlotRange } from "../ring/index.ts";
import type { GossipStatus } from "./gossip-status.ts";
import type { Checksum } from "./groups/checksums.ts";
import type { LoadingProgress } from "./replica/loading.ts";
import type { StoppedEntry } from "./replica/stopped-entry.ts";

/** One replica, whatever its group keeps. */
export interface ReplicaStatus {
  readonly group: number;
  /** A learner follows and has no vote (yet). */
  readonly role: Role | "learner" | "stopped";
  /** The replica's id: its generation × 65536 + its node's number. */
  readonly replica: ReplicaId;
  readonly term: Term;
  /** The leader's name; null if none is known. */
  readonly leader: string | null;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Of the newest durable snapshot; 0 without one. */
  readonly snapshotIndex: LogIndex;
  /** Which version of each command's behaviour holds, as of what is applied. */
  readonly semanticsLevel: number;
  /** Rounds of digests that were finished here, the newest last. */
  readonly checksums: readonly Checksum[];
  /** Why the replica takes no part; null while it does. */
  readonly stoppedBecause: string | null;
  /** The rule of docs/consensus.md that it stopped for; null for any other reason, and while it runs. */
  readonly brokenInvariant: InvariantId | null;
  /** The entry that it could not apply and has stopped at; null for any other reason, and while it runs. */
  readonly stoppedBy: StoppedEntry | null;
  /** The entries that it leaves out, because an operator said so. */
  readonly leftOut: readonly SkippedEntry[];
  /** A replica that is made anew from its peers: this one, or another's if this one leads. Null: none is. */
  readonly rebuild: RebuildStatus | null;
}

/** One replica of a shard. */
export interface GroupStatus extends ReplicaStatus {
  /** The slots of the group's shard, both included. */
  readonly slots: SlotRange;
  readonly keyCount: number;
  readonly logicalBytes: number;
  /** Open sessions; a shard holds at most `sessionsMax`. */
  readonly sessionCount: number;
}

/** The replica of the directory, which every node has. */
export interface DirectoryStatus extends ReplicaStatus {
  /** The number of the last change that is applied here; 0 before the first. */
  readonly epoch: number;
  /** What an operator has to decide, as the node says that leads the directory; at others, and mostly, nothing. */
  readonly warnings: readonly string[];
}

export interface RebuildStatus {
  /** Whose replica it is. */
  readonly node: string;
  /**
   * asking: its node tells the others; none that leads has acted on it yet. beginning: it has a successor, which is being
   * written down. copying: the successor gets snapshot and log. changing: the group's members change.
   */
  readonly step: "asking" | "beginning" | "copying" | "changing";
  /** The last entry that it has, and the leader's last one, as far as known here. */
  readonly matchIndex: LogIndex | null;
  readonly lastIndex: LogIndex | null;
  /** Of a snapshot that is on its way to it. */
  readonly receivedBytes: number | null;
  readonly snapshotBytes: number | null;
}

/** One node, as it sees itself. */
export interface NodeStatus {
  readonly name: string;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly bootCounter: number;
  readonly diskEpoch: number;
  readonly logBytes: number;
  readonly residentBytes: number;
  readonly isDiskFull: boolean;
  /** The disk is slow beside the other nodes': it leads nothing that another one can. */
  readonly isDiskSlow: boolean;
  /** What a write to the log and its sync take at present; null: too little was written of late to say, or it is in memory. */
  readonly syncMs: number | null;
  /** What reading back all that is stored has come to; null in memory. */
  readonly scrub: ScrubStatus | null;
  /** Own wall clock minus the voters' median. */
  readonly clockSkewMs: number;
  /** Ticks that were left out since the start: the process was paused, or too busy. */
  readonly missedTicks: number;
  /** Connections to the peer port that were turned away. */
  readonly rejectedConnections: number;
  /** Null: it neither tells nor hears by datagrams. */
  readonly gossip: GossipStatus | null;
  /** The highest semantics level that the node's version knows. */
  readonly semanticsLevelMax: number;
  /** What the program around the node has said of it, such as its addresses. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Its replicas of the shards. */
  readonly groups: readonly GroupStatus[];
  /** Null while it has no replica of the directory. */
  readonly directory: DirectoryStatus | null;
}

/** A replica at this moment, to be looked at: what is seen changes with the next event. */
export interface ReplicaView {
  readonly core: {
    readonly id: ReplicaId;
    readonly role: string;
    readonly term: number;
    readonly commitIndex: number;
    readonly appliedIndex: number;
    /** The members, as of what is applied. */
    readonly configuration: Configuration;
  };
  /** The entries that were handed to the log, durable or not. `term`: from `firstIndex` to `lastIndex`. */
  readonly log: { readonly firstIndex: number; readonly lastIndex: number; term(index: number): number };
  /** Undefined while it works. */
  readonly stoppedBecause: string | undefined;
}

/** One node, as the node that was asked sees it. */
export interface NodeView {
  readonly name: string;
  readonly nodeId: number;
  /** Where it listens for its peers, as far as known. */
  readonly peer: SocketAddress | null;
  /** Since something was heard of it; 0 for the node itself, null for never in this run. */
  readonly lastContactMs: number | null;
  /**
   * What gossip says of it, here: "suspect" did not answer somebody, "dead" did not contradict that, "left" said that it goes. A
   * hint, and maybe old; null: nothing.
   */
  readonly gossip: MemberState | null;
  /** Null: it did not answer. */
  readonly status: NodeStatus | null;
}

export interface ClusterStatus {
  readonly clusterId: string;
  /** Who was asked. */
  readonly askedNode: string;
  /** Over so many shards the keys are divided. */
  readonly shardCount: number;
  /** In the order of their names. */
  readonly nodes: readonly NodeView[];
  /** The newest round of digests that all nodes which answered, and have a replica of the group, have finished: by group. */
  readonly commonChecksums: readonly CommonChecksum[];
  /** The replicas on their way, as the asked node knows. */
  readonly moves: readonly MovePicture[];
  readonly semantics: SemanticsStatus;
  /** What an operator has to decide or mend, as the node says that leads the directory, if it answered: sentences. Mostly nothing. */
  readonly warnings: readonly string[];
}

/** How far an upgrade is, by those that answered. */
export interface SemanticsStatus {
  /** The semantics level at which all data is; null: nobody told of any. Until an upgrade is finished it is below `levelMax`. */
  readonly level: number | null;
  /** The highest level that a node's version knows; null: nobody answered. */
  readonly levelMax: number | null;
  /** In the order of their names: up to which level each one's version knows them; null: it did not answer. */
  readonly nodes: readonly { readonly name: string; readonly knows: number | null }[];
  /** Whether all data is at the highest level, and nobody knows less. Otherwise `coterie cluster finish-upgrade` is to come. */
  readonly isUpgradeFinished: boolean;
}

export interface CommonChecksum {
  readonly group: number;
  readonly index: LogIndex;
  /** By name of the node; they are equal. */
  readonly digests: Readonly<Record<string, string>>;
}

/** What is known at a node without asking anybody, for `INFO`. */
export interface NodeInfo {
  readonly name: string;
  readonly directory: string | undefined;
  readonly shards: readonly ShardInfo[];
  /** What all nodes know of the cluster, a group of its own; undefined while this node has no replica of it. */
  readonly directoryGroup: DirectoryInfo | undefined;
  readonly keyCount: number;
  /** Keys with a deadline. */
  readonly deadlineCount: number;
  /** The weight of all keys and values, the same on every replica. */
  readonly logicalBytes: number;
  readonly logBytes: number;
  /** See {@link NodeStatus}. */
  readonly isDiskSlow: boolean;
  readonly syncMs: number | null;
  /** What reading back all that is stored has come to; null in memory. */
  readonly scrub: ScrubStatus | null;
  /** Of the look-ups and expired keys here, since the start or the last `resetStatistics`. */
  readonly statistics: KeyspaceCounts;
}

/** See `KeyspaceStatistics`. */
export interface KeyspaceCounts {
  readonly hitCount: number;
  readonly missCount: number;
  readonly expiredCount: number;
}

/** One shard's replica on this node. */
export interface ShardInfo extends ReplicaInfo {
  /** It has to apply what it found in its log before anybody is served; undefined if not. */
  readonly loading?: LoadingProgress | undefined;
  /** From 0. */
  readonly shard: number;
  /** Open sessions; a shard holds at most `sessionsMax`. */
  readonly sessionCount: number;
}

/** The replica of the directory on this node. */
export interface DirectoryInfo extends ReplicaInfo {
  /** The number of the last change that is applied here; 0 before the first. */
  readonly epoch: number;
}

export interface ReplicaInfo {
  readonly role: string;
  readonly term: Term;
  readonly leader: string | undefined;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  /** Why the replica takes no part; undefined while it does. */
  readonly stoppedBecause: string | undefined;
  /** The rule of docs/consensus.md that it stopped for. */
  readonly brokenInvariant: InvariantId | undefined;
  /** Of the entry that it could not apply and has stopped at. */
  readonly stoppedIndex: LogIndex | undefined;
  /** Entries that it leaves out, because an operator said so. */
  readonly leftOutCount: number;
  readonly replica: ReplicaId;
  readonly rebuild: RebuildStatus | null;
}

/** The answer of a node that may be of another version; null if it is none. */
export function parseNodeStatus(answer: string | undefined): NodeStatus | null {
  if (answer === undefined) return null;
  try {
    const status: NodeStatus = JSON.parse(answer);
    return Array.isArray(status.groups) ? status : null;
  } catch {
    return null;
  }
}

/** What the answers of all nodes come to. */
export function summaryOf(nodes: readonly NodeView[]): Pick<ClusterStatus, "commonChecksums" | "warnings"> {
  const statuses = nodes.flatMap(({ status }) => (status === null ? [] : [status]));
  // Two nodes may both take themselves for who leads, for a moment; and one of another version may say nothing of it.
  const warnings = new Set(statuses.flatMap(({ directory }) => directory?.warnings ?? []));
  return { commonChecksums: commonChecksums(statuses), warnings: [...warnings] };
}

/** For each group the newest round that all of `statuses` have finished in which it is. */
function commonChecksums(statuses: readonly NodeStatus[]): readonly CommonChecksum[] {
  const groups = new Set(statuses.flatMap((status) => status.groups.map(({ group }) => group)));
  return [...groups].sort((a, b) => a - b).flatMap((group) => commonChecksum(group, statuses));
}

function commonChecksum(group: number, statuses: readonly NodeStatus[]): CommonChecksum[] {
  const found = statuses.flatMap(({ name, groups }) =>
    groups.filter((each) => each.group === group).map(({ checksums }) => ({ name, checksums })),
  );
  const candidates = (found[0]?.checksums ?? []).map(({ index }) => index).sort((a, b) => b - a);
  for (const index of candidates) {
    const digests = found.map(({ name, checksums }) => [name, checksums.find((each) => each.index === index)?.digest]);
    if (digests.every(([, digest]) => digest !== undefined))
      return [{ group, index, digests: Object.fromEntries(digests) }];
  }
  return [];
}
