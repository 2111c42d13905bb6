import { type DirectoryRequest, type DirectoryState, decide, nodeOfNumber, pictureMoves } from "../directory/index.ts";
import type { GossipSettings } from "../gossip/index.ts";
import type { Keyspace } from "../keyspace/index.ts";
import type { NodeLog } from "../log/index.ts";
import { type PeerIdentity, PeerLinks } from "../net/index.ts";
import { isLoopback, type SocketAddress } from "../platform/index.ts";
import { nodeClosing, nodeExitCode, SkipRefusedError } from "./errors.ts";
import { judgeSkip, type SkipPicture, type SkipRequest } from "./groups/entry-skip.ts";
import { directoryStatus, replicaInfo } from "./groups/group-status.ts";
import { keyspaceFigures } from "./keyspace-figures.ts";
import type { ClientStream, ReplyTarget, StreamOptions } from "./lanes/client-stream.ts";
import { ownIdentity } from "./membership/admission.ts";
import type { JoinVisit } from "./membership/join-visit.ts";
import type { JoinGrant, JoinRequest } from "./membership/join-wire.ts";
import type { Member } from "./membership/member.ts";
import { Membership } from "./membership/membership.ts";
import type { NodeDirectory } from "./membership/node-directory.ts";
import { NodeJoins } from "./membership/node-joins.ts";
import { type Attributes, NodeAttributes } from "./node-attributes.ts";
import { openDirectory } from "./node-given.ts";
import { NodeGossip } from "./node-gossip.ts";
import { openNodeLog } from "./node-log.ts";
import type { NodeOptions } from "./node-options.ts";
import { NodeWork } from "./node-work.ts";
import { raiseSemantics } from "./placement/semantics-raise.ts";
import { semanticsStatus } from "./placement/semantics-status.ts";
import { directoryGroup, groupOfShard, groupsOf, shardOfGroup } from "./replica/shard-group.ts";
import { type NodeSettings, nodeSettings } from "./settings.ts";
import { loadKeyspaces } from "./snapshots/snapshot-loading.ts";
import {
  type ClusterStatus,
  type NodeInfo,
  type NodeStatus,
  type NodeView,
  parseNodeStatus,
  type ReplicaView,
  summaryOf,
} from "./status.ts";
import { leaderIn, type Topology, type TopologyNode } from "./topology.ts";
import { waitUntil } from "./wait-until.ts";

/**
 * A node of a cluster: it holds a replica of the data, takes part in elections, and carries out its clients' commands
 * wherever the leader is.
 *
 * ```ts
 * const node = await Node.start({ platform, logger, name: "n1" });
 * const stream = node.openStream({ reply: (ticket, reply) => …, fail: (reason) => … });
 * stream.submit(1, spec, args, 3);
 * await node.close();
 * ```
 */
export class Node {
  /**
   * Starts a node; resolves when its log is recovered and it listens for its peers. Whether there is a leader already is
   * another matter: commands wait for one.
   *
   * @throws DirectoryInUseError (DIRECTORY_IN_USE), DirectoryUnreadableError (DIRECTORY_UNREADABLE), IdentityError
   * (IDENTITY), the errors of `Log.open`, NetworkError, DiskError
   */
  static async start(options: NodeOptions): Promise<Node> {
    const settings = nodeSettings(options.settings);
    const directory = await openDirectory(options);
    const { refusal } = directory.record;
    if (refusal !== undefined) {
      await directory.close();
      options.logger.log("error", "the peers refuse this node, which stops", { text: refusal });
      options.platform.process.exit(nodeExitCode.refused, refusal);
    }
    try {
      const log = await openNodeLog(options, settings, directory);
      directory.rememberOwnEpoch(log.diskEpoch);
      const keyspaces = await loadKeyspaces(log, groupsOf(directory.record.shardCount), { ...settings, ...options });
      const node = new Node(options, settings, directory, log, keyspaces);
      try {
        await node.#listen(options.listen);
      } catch (error) {
        await node.#links.close();
        await log.close();
        throw error;
      }
      node.#work.start();
      node.#joins.start();
      return node;
    } catch (error) {
      await directory.close();
      throw error;
    }
  }

  get name(): string {
    return this.#directory.record.name;
  }

  /** Where its peers reach the node; undefined if it has none. */
  get peerAddress(): SocketAddress | undefined {
    return this.#peerAddress;
  }

  /** Of the first shard; see {@link keyspaceOf}. */
  get keyspace(): Keyspace {
    return this.keyspaceOf(0);
  }

  /** The shards of which this node has a replica, sorted. */
  get hostedShards(): readonly number[] {
    return this.#work.hostedShards;
  }

  /** Of this node's replica of `shard`, which it must have; for reading only. */
  keyspaceOf(shard: number): Keyspace {
    return this.#work.hosted(groupOfShard(shard)).replica.keyspace;
  }

  get shardCount(): number {
    return this.#directory.record.shardCount;
  }

  /** This node's replica of `shard`, which it must have, at the cost of a few reads: for who looks at it after every event. */
  replicaOf(shard: number): ReplicaView {
    return this.#work.hosted(groupOfShard(shard)).replica;
  }

  /** Whether a leader is known of every shard; at the cost of a few reads. */
  get isEachShardLed(): boolean {
    for (let shard = 0; shard < this.shardCount; shard++)
      if (this.#work.placeOf(shard).route.leader === 0) return false;
    return true;
  }

  /** This node's replica of the directory; undefined while it has none. */
  get directoryReplica(): ReplicaView | undefined {
    return this.#work.hostedIfAny(directoryGroup)?.replica;
  }

  /** What all nodes know of the cluster, as far as this one knows it. */
  get directoryState(): DirectoryState {
    return this.#work.clusterDirectory.state;
  }

  /**
   * Has the directory changed, and resolves with a state that holds what was asked for.
   *
   * @throws the DirectoryRefusal that says why not, DirectoryUnavailableError (DIRECTORY_UNAVAILABLE), DirectoryRecordError
   * (DIRECTORY_RECORD)
   */
  changeDirectory(request: DirectoryRequest): Promise<DirectoryState> {
    return this.#work.clusterDirectory.change((state) => decide(state, request));
  }

  /**
   * Whether all replicas of a shard may leave out an entry that has stopped them: what it is, and whom it has stopped.
   *
   * @throws SkipRefusedError (SKIP_REFUSED)
   */
  async lookAtSkip(request: SkipRequest): Promise<SkipPicture> {
    const { nodes } = await this.status();
    const found = judgeSkip(this.directoryState, nodes, request);
    if (found instanceof SkipRefusedError) throw found;
    return found;
  }

  /**
   * Has the node of number `to` lead a shard; resolves once it does. Leaders' balance leaves it there for ten minutes.
   *
   * @throws TransferRefusedError (TRANSFER_REFUSED), TransferUnfinishedError (TRANSFER_UNFINISHED)
   */
  transferLeader(shard: number, to: number): Promise<void> {
    return this.#work.transfers.transfer(shard, to);
  }

  /** After a start, until what is known to be committed is applied to all shards that are here. */
  get isReplaying(): boolean {
    return this.#work.isReplaying;
  }

  /** Opens the stream of one client connection. Whoever opens it closes it. */
  openStream(target: ReplyTarget, options?: StreamOptions): ClientStream {
    return this.#work.openStream(target, options);
  }

  /** Whoever is connected from `remoteHost` may ask to become a node of the cluster. */
  openJoin(remoteHost: string): JoinVisit {
    return this.#joins.open(remoteHost);
  }

  /**
   * Has the cluster take in a node that has proven to belong there; what it answers is for that node's `join`.
   *
   * @throws the DirectoryRefusal that says why not, DirectoryUnavailableError (DIRECTORY_UNAVAILABLE)
   */
  admitJoiner(request: JoinRequest): Promise<JoinGrant> {
    return this.#joins.admit(request);
  }

  /** Something that the program around the node wants all nodes to know, such as the address of its Redis port. */
  setAttribute(name: string, value: string): void {
    this.#attributes.set(name, value);
    this.#tellAttributes();
  }

  /** What is known here at this moment; cheap. */
  info(): NodeInfo {
    const status = this.nodeStatus();
    return {
      ...keyspaceFigures(this.#keyspaces()),
      name: this.name,
      directory: this.#options.directory,
      shards: status.groups.map((group) => ({
        ...replicaInfo(group),
        shard: shardOfGroup(group.group),
        loading: this.#work.hosted(group.group).replica.loading,
        sessionCount: group.sessionCount,
      })),
      directoryGroup:
        status.directory === null ? undefined : { ...replicaInfo(status.directory), epoch: status.directory.epoch },
      logBytes: status.logBytes,
      isDiskSlow: status.isDiskSlow,
      syncMs: status.syncMs,
      scrub: status.scrub,
    };
  }

  /** Where the shards are, as far as this node knows; cheap. */
  topology(): Topology {
    if (this.#lastTopology !== undefined) return this.#lastTopology;
    const nodes = this.#presentMembers().map(({ id: nodeId, name }): TopologyNode => {
      const isSelf = nodeId === this.#directory.nodeId;
      const isUp = isSelf ? !this.#attributes.isWithdrawn : this.#links.link(nodeId, "control") !== undefined;
      return { nodeId, name, isSelf, isUp, attributes: isSelf ? this.#attributes.own : this.#attributesOf(nodeId) };
    });
    return { clusterId: this.#directory.record.clusterId, nodes, shards: this.#work.shardPlaces() };
  }

  /**
   * The attribute `name` of the node that leads the slot's shard; undefined while that is this one, or not known or heard.
   */
  leaderAttribute(slot: number, name: string): string | undefined {
    const shard = this.#work.router.ranges.shardOf(slot);
    if (this.#lastTopology !== undefined) return leaderIn(this.#lastTopology, shard)?.attributes[name];
    const place = this.#work.placeOf(shard);
    return this.#work.traffic.isLeaderHeard(place) ? this.#attributesOf(place.route.leader)[name] : undefined;
  }

  /** Sets the counts of `info().statistics` to zero. */
  resetStatistics(): void {
    for (const { statistics } of this.#keyspaces()) statistics.reset();
  }

  /** This node as it sees itself. */
  nodeStatus(): NodeStatus {
    const { clock, process } = this.#options.platform;
    const { record } = this.#directory;
    const directory = this.#work.hostedIfAny(directoryGroup);
    const warnings = this.#work.clusterDirectory.placementReport?.warnings;
    const nameOf = (id: number): string => this.#directory.nameOf(id);
    return {
      name: this.name,
      nodeId: this.#directory.nodeId,
      clusterId: record.clusterId,
      pid: process.id,
      uptimeMs: Math.round(clock.nowMs() - this.#startedMs),
      bootCounter: record.bootCounter,
      diskEpoch: this.#log.diskEpoch,
      logBytes: this.#log.sizeBytes,
      residentBytes: process.memory().residentBytes,
      isDiskFull: this.#log.isFull,
      isDiskSlow: this.#work.disks.isSlow,
      syncMs: this.#work.disks.own.syncMs ?? null,
      scrub: this.#log.scrub ?? null,
      clockSkewMs: this.#work.clockSkewMs,
      missedTicks: this.#work.missedTicks,
      rejectedConnections: this.#links.rejectedCount,
      gossip: this.#gossip?.status() ?? null,
      semanticsLevelMax: this.#settings.semanticsLevelMax,
      attributes: { ...this.#attributes.own },
      groups: this.#work.groupStatuses(),
      directory: directory === undefined ? null : directoryStatus(directory, nameOf, warnings),
    };
  }

  /** Asks all nodes. Those that do not answer within `statusTimeoutMs` are shown without a status. */
  async status(): Promise<ClusterStatus> {
    const { clusterId } = this.#directory.record;
    this.#work.wantChecksums();
    const nodes = await Promise.all(this.#presentMembers().map((member) => this.#view(member)));
    return {
      clusterId,
      askedNode: this.name,
      shardCount: this.shardCount,
      nodes,
      ...summaryOf(nodes),
      moves: pictureMoves(this.directoryState),
      semantics: semanticsStatus(nodes),
    };
  }

  /** Has all data work as the version of all nodes does, for good; resolves with its semantics level. See {@link raiseSemantics}. */
  async finishUpgrade(): Promise<number> {
    const options = {
      ...this.#options.platform,
      host: this.#work,
      groups: [directoryGroup, ...groupsOf(this.shardCount)],
    };
    return raiseSemantics((await this.status()).nodes, options);
  }

  /**
   * Stops: takes no more commands, hands leadership over, answers what is under way, writes the log's end, and gives the
   * directory free. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #options: NodeOptions;
  readonly #settings: NodeSettings;
  readonly #directory: NodeDirectory;
  readonly #log: NodeLog;
  readonly #links: PeerLinks;
  readonly #membership: Membership;
  readonly #joins: NodeJoins;
  /** Undefined: the settings want none. */
  readonly #gossip: NodeGossip | undefined;
  readonly #work: NodeWork;
  readonly #startedMs: number;
  readonly #attributes = new NodeAttributes();
  /** What was known of the others when this node left them. */
  #lastTopology: Topology | undefined;
  #peerAddress: SocketAddress | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    options: NodeOptions,
    settings: NodeSettings,
    directory: NodeDirectory,
    log: NodeLog,
    keyspaces: ReadonlyMap<number, Keyspace | Error>,
  ) {
    const { platform, logger } = options;
    this.#options = options;
    this.#settings = settings;
    this.#directory = directory;
    this.#log = log;
    this.#startedMs = platform.clock.nowMs();
    this.#membership = new Membership({
      directory,
      links: () => this.#links,
      onRemoved: (refusal) => this.#work.onRefusedForGood(refusal),
    });
    this.#work = new NodeWork({
      platform,
      logger,
      settings,
      directory,
      log,
      keyspaces,
      placement: options.placement,
      links: () => this.#links,
      attributes: this.#attributes,
      statusText: () => JSON.stringify(this.nodeStatus()),
      setMembers: (nodes) => this.#membership.set(nodes),
    });
    this.#joins = new NodeJoins({
      platform,
      logger,
      directory,
      peerAddress: () => this.#peerAddress,
      details: { zone: options.zone, weight: options.weight },
      state: () => this.#work.clusterDirectory.state,
      ask: options.join,
      hasPeer: () => directory.peerIds.some((id) => this.#links.link(id, "control") !== undefined),
      found: (members) => this.#membership.found(members),
      change: (decideOn) => this.#work.clusterDirectory.change(decideOn),
    });
    this.#gossip = settings.gossip && this.#makeGossip(settings.gossip);
    this.#links = new PeerLinks({
      clock: platform.clock,
      random: platform.random,
      network: platform.network,
      logger,
      own: () => this.#identity(),
      secret: Buffer.from(directory.secret, "utf8"),
      peers: this.#membership.peers,
      handler: this.#work.traffic,
      settings: settings.links,
    });
    log.onFailure((error) => {
      logger.log("error", "the log's disk failed", { code: error.code, error: error.message });
      platform.process.exit(nodeExitCode.diskFailed, error.message);
    });
    log.onDamage((error) => this.#work.damaged(error.group, error.message));
    log.onSnapshotDamage(({ group }) => this.#work.snapshotDamaged(group));
  }

  #makeGossip(settings: GossipSettings): NodeGossip {
    return new NodeGossip({
      ...this.#options,
      settings,
      directory: this.#directory,
      links: () => this.#links,
      probe: (nodeId, timeoutMs, answered) => this.#work.traffic.probe(nodeId, timeoutMs, answered),
      details: () => nodeOfNumber(this.directoryState, this.#directory.nodeId),
      attributes: () => this.#attributes.told,
    });
  }

  #keyspaces(): readonly Keyspace[] {
    return this.hostedShards.map((shard) => this.keyspaceOf(shard));
  }

  #identity(): PeerIdentity {
    const { nodeId } = this.#directory;
    const address = this.#peerAddress ?? this.#directory.addressOf(nodeId) ?? { host: "", port: 0 };
    return ownIdentity(this.#directory, { diskEpoch: this.#log.diskEpoch, address });
  }

  /** As it said itself, or else as others have heard. */
  #attributesOf(nodeId: number): Attributes {
    return this.#attributes.of(nodeId) ?? this.#gossip?.attributesOf(nodeId) ?? {};
  }

  #tellAttributes(): void {
    this.#work.traffic.tellFacts();
    this.#gossip?.tell();
  }

  #presentMembers(): readonly Member[] {
    return this.#directory.members.filter(({ state }) => state !== "removed");
  }

  /**
   * A node without an address listens nowhere, nor does one alone that anybody could speak to as a peer. The peers are told
   * its own address among them, which they go on dialling wherever it listens, since something between may forward it; a
   * port 0 there stands for the one that it really has.
   */
  async #listen(given: SocketAddress | undefined): Promise<void> {
    const { members, nodeId } = this.#directory;
    const known = this.#directory.addressOf(nodeId);
    if (members.length === 1 && (known === undefined || this.#isOpenTo(given ?? known))) return;
    const own = known ?? { host: "127.0.0.1", port: 0 };
    const { port } = await this.#links.listen(given ?? own);
    this.#peerAddress = { host: own.host, port: own.port === 0 ? port : own.port };
    this.#options.logger.log("info", "listening for peers", { host: (given ?? own).host, port });
    await this.#gossip?.start({ bind: { host: (given ?? own).host, port }, advertise: this.#peerAddress });
    this.#links.start();
  }

  /** Whether other machines reach the address, and could compute the cluster's secret. */
  #isOpenTo({ host }: SocketAddress): boolean {
    return !isLoopback(host) && this.#directory.isOpen;
  }

  async #view({ id: nodeId, name }: Member): Promise<NodeView> {
    if (nodeId === this.#directory.nodeId) {
      return {
        name,
        nodeId,
        peer: this.#peerAddress ?? null,
        lastContactMs: 0,
        gossip: this.#gossip?.stateOf(nodeId) ?? null,
        status: this.nodeStatus(),
      };
    }
    const answer = await this.#work.traffic.askStatus(nodeId, this.#settings.statusTimeoutMs);
    const heardMs = this.#work.traffic.heardMs(nodeId);
    const gossip = this.#gossip?.stateOf(nodeId) ?? null;
    const lastContactMs = heardMs === undefined ? null : Math.round(this.#options.platform.clock.nowMs() - heardMs);
    return {
      name,
      nodeId,
      peer: this.#links.address(nodeId) ?? null,
      lastContactMs,
      gossip,
      status: parseNodeStatus(answer),
    };
  }

  async #close(): Promise<void> {
    this.#joins.stop();
    this.#attributes.withdraw();
    this.#tellAttributes();
    this.#work.beginClosing(nodeClosing);
    await waitUntil(this.#options.platform.clock, () => this.#work.isQuiet, this.#settings.closeWaitMs);
    this.#lastTopology = this.topology();
    this.#work.stop(nodeClosing);
    // What was answered just now reaches the other nodes' clients.
    this.#links.flush();
    await Promise.all([this.#links.close(), this.#gossip?.close()]);
    await this.#work.settle();
    await this.#log.close();
    await this.#directory.close();
  }
}
