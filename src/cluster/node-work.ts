/**
 * What a node does in its turns: events note down that there is something to do, and at the end of the turn batches
 * are closed, the log is flushed once, and each connection to a peer is written to once.
 */
import type { Keyspace } from "../keyspace/index.ts";
import type { NodeLog } from "../log/index.ts";
import type { PeerLink, PeerLinks, Refusal } from "../net/index.ts";
import type { Clock, Logger, Platform, Random } from "../platform/index.ts";
import type { LogIndex, Message, Persist, ReplicaId } from "../raft/index.ts";
import type { ErrorReply, Reply } from "../resp/index.ts";
import { SlotRanges } from "../ring/index.ts";
import { ClockAlarm } from "./clock-alarm.ts";
import { replicaStopped } from "./errors.ts";
import type { Checksum } from "./groups/checksums.ts";
import { FirstMembers } from "./groups/first-members.ts";
import { GroupHosting } from "./groups/group-hosting.ts";
import type { GroupPlacement } from "./groups/group-placement.ts";
import { shardStatuses } from "./groups/group-status.ts";
import type { HostedGroup } from "./groups/hosted-group.ts";
import { HostedGroups } from "./groups/hosted-groups.ts";
import type { LedTerm, ShardPlace } from "./groups/shard-place.ts";
import type { BulkSender } from "./lanes/bulk.ts";
import { ClientStream, type ClientStreamHost, type ReplyTarget, type StreamOptions } from "./lanes/client-stream.ts";
import { CommandRouter } from "./lanes/command-router.ts";
import type { ForwardStream } from "./lanes/forward-stream.ts";
import { Forwarding } from "./lanes/forwarding.ts";
import { type LaneOwner, type LanePlace, LocalLane } from "./lanes/local-lane.ts";
import { LeaderTransfers } from "./leadership/leader-transfers.ts";
import { LeadershipMoves } from "./leadership/leadership-moves.ts";
import { NodeDisks } from "./leadership/node-disks.ts";
import type { Member } from "./membership/member.ts";
import type { NodeDirectory } from "./membership/node-directory.ts";
import type { NodeAttributes } from "./node-attributes.ts";
import { DiskSpace } from "./peers/disk-space.ts";
import { EntryClock } from "./peers/entry-clock.ts";
import { PeerTraffic, pingTicks } from "./peers/peer-traffic.ts";
import type { PeerTrafficHandler } from "./peers/peer-traffic-handler.ts";
import { ClusterDirectory } from "./placement/cluster-directory.ts";
import { endRefused } from "./refused-node.ts";
import type { LeftOutEntries } from "./replica/left-out-entries.ts";
import type { Replica, ReplicaHost } from "./replica/replica.ts";
import { directoryGroup, groupOfShard, groupsOf } from "./replica/shard-group.ts";
import { logStopped } from "./replica/stopped-entry.ts";
import { NodeWaves } from "./replica/waves.ts";
import type { NodeSettings } from "./settings.ts";
import type { SnapshotPiece, SnapshotQuestion } from "./snapshots/snapshot-wire.ts";
import type { GroupStatus } from "./status.ts";
import { Ticker } from "./ticker.ts";
import { type Topology, topologyShards } from "./topology.ts";

export interface NodeWorkOptions {
  readonly platform: Platform;
  readonly logger: Logger;
  readonly settings: NodeSettings;
  readonly directory: NodeDirectory;
  readonly log: NodeLog;
  /** By group, what its newest snapshot holds, or why that cannot be had. */
  readonly keyspaces: ReadonlyMap<number, Keyspace | Error>;
  /** Where replicas are to be. Default: as the directory says. */
  readonly placement?: GroupPlacement | undefined;
  readonly links: () => PeerLinks;
  readonly attributes: NodeAttributes;
  /** This node's status, as it is sent to others. */
  readonly statusText: () => string;
  /** Takes what the directory says of all nodes, in the order of their numbers: at each of its changes. */
  readonly setMembers: (nodes: readonly Member[]) => void;
}

export class NodeWork implements ReplicaHost, ClientStreamHost, PeerTrafficHandler {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: NodeSettings;
  readonly waves: NodeWaves;
  readonly router: CommandRouter;
  readonly traffic: PeerTraffic;
  readonly clusterDirectory: ClusterDirectory;
  readonly transfers: LeaderTransfers;
  readonly disks: NodeDisks;
  readonly space: DiskSpace;
  readonly leftOut: LeftOutEntries;
  readonly waiting: Set<LocalLane> = new Set();
  readonly paused: Set<ClientStream> = new Set();
  heldBytes = 0;
  readonly openLane = (group: number, owner: LaneOwner): LocalLane =>
    new LocalLane(this.#groups.placeOf(group), this, owner);
  /** Set once the node stops: what comes now is answered with it. */
  closingReply: ErrorReply | undefined;

  constructor(options: NodeWorkOptions) {
    const { platform, logger, settings, directory, log, links } = options;
    this.#options = options;
    const { shardCount } = directory.record;
    this.#groups = new HostedGroups(groupsOf(shardCount));
    ({ clock: this.clock, random: this.random } = platform);
    this.logger = logger;
    this.settings = settings;
    this.#entryClock = new EntryClock(platform.clock, { bandMs: settings.clockBandMs });
    this.#clockAlarm = new ClockAlarm(platform.clock, logger, settings.clockBandMs);
    this.#forwarding = new Forwarding({
      links,
      replica: (group) => this.#groups.get(group)?.replica,
      settings,
      onOutput: () => this.noteOutput(),
    });
    log.onSnapshotWanted((group) => this.#groups.get(group)?.snapshots.want());
    this.disks = new NodeDisks({ clock: platform.clock, logger, log });
    const votersOf = (group: number): readonly number[] => this.#groups.get(group)?.voters ?? [];
    this.space = new DiskSpace({ ...options, disks: this.disks, votersOf });
    this.#leadership = new LeadershipMoves({ ...options, groups: this.#groups, disks: this.disks });
    this.transfers = new LeaderTransfers({
      ...options,
      host: this,
      groups: this.#groups,
      leadership: this.#leadership,
    });
    this.traffic = new PeerTraffic({
      clock: platform.clock,
      logger,
      directory,
      entryClock: this.#entryClock,
      forwarding: this.#forwarding,
      transfers: this.transfers,
      links,
      settings,
      peerQueueBytesMax: settings.peerQueueBytesMax,
      diskEpoch: () => log.diskEpoch,
      disks: this.disks,
      space: this.space,
      setMembers: options.setMembers,
      handler: this,
    });
    this.waves = new NodeWaves(this.clock, settings, shardCount);
    this.router = new CommandRouter(new SlotRanges(shardCount));
    this.clusterDirectory = new ClusterDirectory({
      clock: this.clock,
      logger,
      directory,
      groups: this.#groups,
      openLane: (owner) => this.openLane(directoryGroup, owner),
      traffic: this.traffic,
      onNodes: (nodes) => options.setMembers(nodes),
    });
    this.leftOut = this.clusterDirectory.leftOut;
    this.#hosting = new GroupHosting({
      ...options,
      placement: options.placement ?? this.clusterDirectory.placement,
      groups: this.#groups,
      firstMembers: new FirstMembers(directory.record),
      disks: this.disks,
      clock: this.clock,
      traffic: this.traffic,
      host: this,
      onOutput: () => this.noteOutput(),
    });
    this.#hosting.begin();
  }

  /** Time begins. */
  start(): void {
    this.#ticker = new Ticker(this.clock, this.settings.tickMs, () => this.#tick());
    for (const { replica, otherVoters } of this.#groups) {
      this.markDirty(replica);
      // Who is alone needs not ask anybody.
      if (otherVoters.length === 0) replica.campaign();
    }
    this.clusterDirectory.start();
  }

  /** Of a group of which this node has a replica. */
  hosted(group: number): HostedGroup {
    return this.#groups.of(group);
  }

  hostedIfAny(group: number): HostedGroup | undefined {
    return this.#groups.get(group);
  }

  get hostedShards(): readonly number[] {
    return this.#groups.shardNumbers;
  }

  get missedTicks(): number {
    return this.#ticker?.missedCount ?? 0;
  }

  get clockSkewMs(): number {
    return this.#entryClock.skewMs(this.#options.directory.peerIds);
  }

  groupStatuses(): readonly GroupStatus[] {
    const { directory } = this.#options;
    return shardStatuses(this.#groups.shards, this.router.ranges, (nodeId) => directory.nameOf(nodeId));
  }

  /** Somebody looks at the digests: they should not be old. */
  wantChecksums(): void {
    for (const { replica, checksums } of this.#groups) checksums.wanted(replica.core.appliedIndex);
  }

  openStream(target: ReplyTarget, options?: StreamOptions): ClientStream {
    return new ClientStream(this, target, options);
  }

  get isReplaying(): boolean {
    return [...this.#groups].some(({ replica }) => replica.isReplaying);
  }

  shardPlaces(): Topology["shards"] {
    const voters = (group: number): readonly number[] => this.#hosting.reportedVoters(group);
    return topologyShards(this.#groups.shardPlaces, this.router.ranges, voters);
  }

  placeOf(shard: number): ShardPlace {
    return this.#groups.placeOf(groupOfShard(shard));
  }

  /** No command is taken any more; leadership goes to others, those under way are finished. */
  beginClosing(reply: ErrorReply): void {
    this.closingReply = reply;
    this.#leadership.beginClosing();
    this.clusterDirectory.stop();
  }

  /** Whether nobody waits here, and no other node for us. */
  get isQuiet(): boolean {
    const isIdle = ({ replica }: HostedGroup): boolean => replica.isIdle && !this.#leadership.isHandingOver(replica);
    return this.waiting.size === 0 && [...this.#groups].every(isIdle);
  }

  stop(reply: ErrorReply): void {
    this.closingReply = reply;
    this.#ticker?.stop();
    this.waves.stop();
    this.#hosting.stop();
    this.clusterDirectory.stop();
    for (const hosted of this.#groups) {
      hosted.stop();
      hosted.replica.stop("the node has stopped", reply);
    }
    for (const lane of [...this.waiting]) lane.abandon(reply);
    this.#isStopped = true;
  }

  /** Ends what is under way with files of the log; before that is closed. */
  async settle(): Promise<void> {
    await this.#hosting.settled();
    await Promise.all([...this.#groups].map((hosted) => hosted.settle()));
  }

  /** Stored entries of a group cannot be read. */
  damaged(group: number, reason: string): void {
    this.#groups.get(group)?.lose(reason);
  }

  /** A group's snapshot cannot be read. Of one that is not hosted any more it is about to go. */
  snapshotDamaged(group: number): void {
    this.#groups.get(group)?.snapshots.unreadable();
  }

  // ── What replicas need ────────────────────────────────────────────────────────────────────────────────────────────

  append(group: number, persist: Persist, done: () => void): void {
    this.#options.log.append(group, this.space.records(group, persist), done);
    this.noteOutput();
  }

  send(group: number, message: Message): void {
    this.traffic.send(group, message);
  }

  markDirty(replica: Replica): void {
    this.#dirty.add(replica);
    this.noteOutput();
  }

  entryTimeMs(replica: Replica): number | undefined {
    return this.#entryClock.next(this.hosted(replica.group).otherVoters);
  }

  onApplied(timeMs: number): void {
    this.#entryClock.applied(timeMs);
  }

  onRoute(replica: Replica): void {
    const { leader, term } = replica.route;
    const name = leader === 0 ? undefined : this.#options.directory.nameOf(leader);
    this.logger.log("info", "leader", { group: replica.group, term, leader: name ?? "unknown" });
    // A replica whose log is damaged stops before it is hosted.
    if (leader === 0) this.#groups.get(replica.group)?.haste.begin();
    if (replica.isLeading) this.traffic.sendLed([{ group: replica.group, term }]);
    this.#resumeLanes();
  }

  onChecksum(replica: Replica, index: LogIndex, from: number, reply: Reply): void {
    this.hosted(replica.group).computed(index, from, reply);
  }

  onInstalled(replica: Replica): void {
    const { index, term } = { index: replica.keyspace.header().appliedIndex, term: replica.core.term };
    this.logger.log("info", "a snapshot was installed", { group: replica.group, index, term });
    this.hosted(replica.group).installed();
  }

  onStopped(replica: Replica, error: unknown): void {
    logStopped(this.logger, replica, error);
  }

  // ── What streams need ─────────────────────────────────────────────────────────────────────────────────────────────

  leaderLink(place: LanePlace): PeerLink | undefined {
    const isHeard = this.traffic.isLeaderHeard(place);
    return isHeard ? this.#options.links().link(place.route.leader, "data") : undefined;
  }

  bulkSender(nodeId: number): BulkSender {
    return this.#forwarding.bulkSender(nodeId);
  }

  openForward(make: (id: number) => ForwardStream): ForwardStream {
    return this.#forwarding.openStream(make);
  }

  closeForward(stream: ForwardStream): void {
    this.#forwarding.closeStream(stream);
  }

  noteOutput(): void {
    if (this.#isTurnDue || this.#isStopped) return;
    this.#isTurnDue = true;
    this.clock.atEndOfTurn(this.#turn);
  }

  // ── What comes from peers ─────────────────────────────────────────────────────────────────────────────────────────

  onRaftMessage(group: number, message: Message): void {
    const hosted = this.#groups.get(group);
    if (hosted === undefined) {
      this.#hosting.addressed(group, message.to);
    } else if (message.to !== hosted.replica.core.id) {
      hosted.addressed(message.to);
    } else if (message.type === "installSnapshot") {
      hosted.snapshots.offered(message);
    } else {
      const taken = message.type === "appendEntries" ? this.space.taken(group, message) : message;
      if (taken !== undefined) hosted.replica.step(taken);
    }
  }

  onReplicaLost(group: number, upTo: ReplicaId): void {
    this.#groups.get(group)?.changes.lost(upTo);
  }

  onLost(nodeId: number): void {
    for (const { replica } of this.#groups) replica.peerUnreachable(nodeId);
  }

  /** What came is carried out at once, so that replies need not wait for the end of the turn. */
  onMessagesEnd(): void {
    for (const replica of this.#dirty) if (!replica.drain()) this.#dirty.delete(replica);
  }

  onPeerUp(nodeId: number): void {
    for (const { haste, snapshots } of this.#groups) {
      haste.begin();
      snapshots.connected(nodeId);
    }
    this.#resumeLanes();
  }

  led(): readonly LedTerm[] {
    return this.#groups.led();
  }

  onLed(nodeId: number, led: readonly LedTerm[]): void {
    if (this.#groups.heard(nodeId, led)) this.#resumeLanes();
  }

  onLedUnknown(nodeId: number): void {
    this.#groups.forgetLeader(nodeId);
  }

  onPeerGone(nodeId: number): void {
    for (const { haste } of this.#groups) haste.nodeGone(nodeId);
  }

  onSnapshotQuestion(nodeId: number, question: SnapshotQuestion): void {
    this.#groups.get(question.group)?.snapshots.asked(nodeId, question);
  }

  onSnapshotPiece(nodeId: number, piece: SnapshotPiece): boolean {
    return this.#groups.get(piece.group)?.snapshots.arrived(nodeId, piece) ?? true;
  }

  onDigest(nodeId: number, group: number, checksum: Checksum): void {
    this.#groups.get(group)?.checksums.heard(nodeId, checksum);
  }

  facts(): string {
    return JSON.stringify(this.#options.attributes.told);
  }

  onFacts(nodeId: number, text: string): void {
    this.#options.attributes.heard(nodeId, text);
  }

  onFactsUnknown(nodeId: number): void {
    this.#options.attributes.unknown(nodeId);
  }

  onStatusQuestion(): string {
    this.wantChecksums();
    return this.#options.statusText();
  }

  onOutput(): void {
    this.noteOutput();
  }

  onRefusedForGood(refusal: Refusal): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    endRefused(this.#options, refusal, (reason) => {
      for (const { replica } of this.#groups) replica.stop(reason, replicaStopped);
    });
  }

  #isRefused = false;
  readonly #options: NodeWorkOptions;
  readonly #groups: HostedGroups;
  readonly #entryClock: EntryClock;
  readonly #clockAlarm: ClockAlarm;
  readonly #forwarding: Forwarding;
  readonly #leadership: LeadershipMoves;
  readonly #hosting: GroupHosting;
  #ticker: Ticker | undefined;
  #tickCount = 0;
  #dirty: Set<Replica> = new Set();
  /** Empty; takes the place of `#dirty` during a turn. */
  #spare: Set<Replica> = new Set();
  #isTurnDue = false;
  #isStopped = false;

  readonly #turn = (): void => {
    this.#isTurnDue = false;
    if (this.#isStopped) return;
    const dirty = this.#dirty;
    this.#dirty = this.#spare;
    for (const replica of dirty) replica.turn();
    this.waves.turned();
    this.clusterDirectory.look();
    dirty.clear();
    this.#spare = dirty;
    this.#forwarding.pump();
    this.traffic.flush();
    this.#options.log.flush();
    this.#options.links().flush();
    for (const stream of this.paused) stream.checkPaused();
  };

  #tick(): void {
    this.#leadership.tick();
    this.#hosting.tick();
    this.clusterDirectory.tick();
    const isClockLooked = ++this.#tickCount % pingTicks === 0;
    const isBeat = this.#tickCount % this.settings.restHeartbeatTicks === 0;
    if (isClockLooked) this.disks.look();
    for (const hosted of this.#groups) {
      hosted.tick(isBeat);
      const isOff = isClockLooked && this.#clockAlarm.check(this.#entryClock.skewMs(hosted.otherVoters));
      if (isOff || this.space.isFull) this.#leadership.unfit(hosted);
      else if (this.disks.isSlow) this.#leadership.slow(hosted);
    }
    for (const lane of [...this.waiting]) lane.expire();
    if (isBeat) this.traffic.heartbeats.beat();
    if (isClockLooked) this.traffic.ping();
    this.noteOutput();
  }

  #resumeLanes(): void {
    for (const lane of [...this.waiting]) lane.resume();
  }
}
