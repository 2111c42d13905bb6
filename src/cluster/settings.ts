import { type GossipSettings, gossipDefaults } from "../gossip/index.ts";
import { semanticsLevelMax } from "../keyspace/index.ts";
import { type PeerLinksSettings, peerLinksDefaults } from "../net/index.ts";
import { assert } from "../platform/index.ts";
import type { InvariantSwitch } from "../raft/index.ts";

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** How a node behaves. None of these changes what a command does: that is replicated state. */
export interface NodeSettings {
  /** Between two ticks of Raft, and between two heartbeats to a follower that lacks something. Default 100. */
  readonly tickMs: number;
  /** Ticks between two heartbeats to a follower that has everything. Default 2. */
  readonly restHeartbeatTicks: number;
  /** A follower that hears nothing for this many ticks, up to twice as many by lot, asks for votes. Default 10. */
  readonly electionTicks: number;
  /** How long a command waits for a leader before it is answered `CLUSTERDOWN`. Default 3,000. */
  readonly electionWaitMs: number;
  /** How long the fate of a proposed write of a deposed leader is waited for before `UNCERTAIN`. Default 5,000. */
  readonly resolveWaitMs: number;
  /** Largest command, all words together. Default 64 MiB. */
  readonly commandBytesMax: number;
  /** An entry above this size travels and is logged in pieces of it, between other entries. Default 256 KiB. */
  readonly pieceBytes: number;
  /** Pieces that are proposed and not yet applied. Default 4. */
  readonly piecesInFlightMax: number;
  /** A batch that holds this much takes no further command. Default 256 KiB. */
  readonly batchBytesMax: number;
  /** Most commands in a batch. Default 8,192. */
  readonly batchCommandsMax: number;
  /** Batches that are proposed and not yet applied; what comes meanwhile collects. Default 4. */
  readonly batchesInFlightMax: number;
  /**
   * Whether followers of shards hear of a new commit index with the next append or heartbeat alone, and so apply up to a tick
   * later. Default true. In the directory's group they always hear of it at once.
   */
  readonly commitsByHeartbeat: boolean;
  /** How long other news of a commit index waits for an append that says it as well; 0: not at all. Default 2. */
  readonly commitHintDelayMs: number;
  /** Rounds of reads whose leadership is being confirmed; what comes meanwhile collects. Default 1: with more, rounds hold fewer reads each, and cost more than the latency they save. */
  readonly readRoundsInFlightMax: number;
  /**
   * A round of reads first asks only those nodes that confirmed the last one; those that have not answered after this
   * time, up to twice as long, are not waited for. 0: all are asked at once. Default 4.
   */
  readonly readPatienceMs: number;
  /** Commands of clients that wait on this node, in bytes: above it streams are paused, at twice this refused. Default 64 MiB. */
  readonly queuedBytesMax: number;
  /** The same as a number of commands. Default 262,144. */
  readonly queuedCommandsMax: number;
  /** Bytes that wait to be sent to one peer: above it Raft's messages are dropped, and sent again later. Default 32 MiB. */
  readonly peerQueueBytesMax: number;
  /** Forwarded commands of one client connection that are not answered. Default 1,024. */
  readonly forwardedCommandsMax: number;
  /** Replies to one client connection's forwarded commands that are sent before the client has taken them. Default 512 KiB. */
  readonly replyWindowBytes: number;
  /** Large commands and replies that are being put together from one peer's pieces. Default 256 MiB. */
  readonly assembledBytesMax: number;
  /** Entries that one append carries; a single larger one passes. Default 256 KiB. */
  readonly appendBytesMax: number;
  /** How long one turn applies entries, at least one, before others get theirs and replies go out. Default 1. */
  readonly applySliceMs: number;
  /** Largest distance of an entry's time from the median of the voters' clocks. Default 500. */
  readonly clockBandMs: number;
  /** Between two comparisons of the replicas' digests; longer where a digest takes long. Default 300,000. */
  readonly checksumIntervalMs: number;
  /** How long the answers of other nodes to a question for their status are waited for. Default 1,000. */
  readonly statusTimeoutMs: number;
  /** How long `close` waits for commands that are under way. Default 1,000. */
  readonly closeWaitMs: number;
  /** Size of the log's files. Default 64 MiB. */
  readonly segmentBytes: number;
  /** Newest entries that a leader keeps in memory for followers, and as many again of those that are read back; others keep a quarter of the newest. Default 8 MiB. */
  readonly logCacheBytes: number;
  /**
   * A snapshot is made when the entries since the last one take this much space in the log, and no less than that one.
   * Default 64 MiB.
   */
  readonly snapshotLogBytesMin: number;
  /** What a snapshot that is being made may hold in memory for itself; above it, it is tried again later. Default 256 MiB. */
  readonly snapshotHeldBytesMax: number;
  /** How long after a snapshot that came to nothing the next one is tried. Default 30,000. */
  readonly snapshotRetryMs: number;
  /** Entries that stay in the log behind a snapshot, for followers that are a little behind. Default 16 MiB. */
  readonly snapshotTailBytes: number;
  /** The most that stays in the log for one live follower that is further behind. Default 256 MiB. */
  readonly snapshotLagBytesMax: number;
  /** Followers that are sent a snapshot at the same time. Default 2. */
  readonly snapshotSendsMax: number;
  /** What all snapshots together take of the network, at most. Default 64 MiB. */
  readonly snapshotBytesPerSecond: number;
  /** How often all that the log holds is read back and verified; 0: never. At most 24 days. Default 7. */
  readonly scrubIntervalMs: number;
  /** How much of it a second, at most. Default 4 MiB. */
  readonly scrubBytesPerSecond: number;
  /** For a benchmark of what checking the invariants costs, and nothing else. Default: they are checked. */
  readonly invariantSwitch: InvariantSwitch;
  /** The highest semantics level that this node knows; another one than the default only in tests. */
  readonly semanticsLevelMax: number;
  readonly links: PeerLinksSettings;
  /** Undefined: no datagrams are sent or taken. Who is alone without an address for peers has no gossip either way. */
  readonly gossip: GossipSettings | undefined;
}

export const nodeDefaults: NodeSettings = {
  tickMs: 100,
  restHeartbeatTicks: 2,
  electionTicks: 10,
  electionWaitMs: 3_000,
  resolveWaitMs: 5_000,
  commandBytesMax: 64 * mebibyte,
  pieceBytes: 256 * kibibyte,
  piecesInFlightMax: 4,
  batchBytesMax: 256 * kibibyte,
  batchCommandsMax: 8_192,
  batchesInFlightMax: 4,
  commitsByHeartbeat: true,
  commitHintDelayMs: 2,
  readRoundsInFlightMax: 1,
  readPatienceMs: 4,
  queuedBytesMax: 64 * mebibyte,
  queuedCommandsMax: 262_144,
  peerQueueBytesMax: 32 * mebibyte,
  forwardedCommandsMax: 1_024,
  replyWindowBytes: 512 * kibibyte,
  assembledBytesMax: 256 * mebibyte,
  applySliceMs: 1,
  appendBytesMax: 256 * kibibyte,
  clockBandMs: 500,
  checksumIntervalMs: 300_000,
  statusTimeoutMs: 1_000,
  closeWaitMs: 1_000,
  segmentBytes: 64 * mebibyte,
  logCacheBytes: 8 * mebibyte,
  snapshotLogBytesMin: 64 * mebibyte,
  snapshotHeldBytesMax: 256 * mebibyte,
  snapshotRetryMs: 30_000,
  snapshotTailBytes: 16 * mebibyte,
  snapshotLagBytesMax: 256 * mebibyte,
  snapshotSendsMax: 2,
  snapshotBytesPerSecond: 64 * mebibyte,
  scrubIntervalMs: 7 * 86_400_000,
  scrubBytesPerSecond: 4 * mebibyte,
  invariantSwitch: { isOn: true },
  semanticsLevelMax,
  links: peerLinksDefaults,
  gossip: gossipDefaults,
};

/** Fills in the defaults. */
export function nodeSettings(changes: Partial<NodeSettings> = {}): NodeSettings {
  const settings = { ...nodeDefaults, ...changes };
  assert(settings.tickMs > 0 && settings.electionTicks > 1, "an election takes longer than a tick");
  assert(settings.restHeartbeatTicks > 0, "followers at rest hear heartbeats");
  assert(settings.electionTicks > 2 * settings.restHeartbeatTicks, "one lost heartbeat makes no election");
  assert(settings.batchesInFlightMax > 0 && settings.readRoundsInFlightMax > 0, "at least one batch is in flight");
  assert(settings.pieceBytes + settings.batchBytesMax < settings.links.frameBytesMax / 4, "an entry fits into a frame");
  assert(settings.assembledBytesMax >= settings.commandBytesMax, "the largest command can be put together");
  assert(settings.snapshotSendsMax > 0 && settings.snapshotBytesPerSecond > 0, "snapshots can be sent");
  return settings;
}
