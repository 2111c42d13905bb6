/**
 * A node's part in a group: the replica there with what the node does for it beside its commands (hastened elections,
 * digests, snapshots, changes of the members), and another replica in its place once that is lost.
 */
import type { SkippedEntry } from "../../directory/index.ts";
import { Keyspace, type KeyspaceOptions } from "../../keyspace/index.ts";
import { type GroupLog, MemoryLog, type NodeLog } from "../../log/index.ts";
import type { PeerLinks } from "../../net/index.ts";
import { mark } from "../../platform/index.ts";
import {
  type Configuration,
  highestReplicaOf,
  InvariantViolation,
  type LogIndex,
  membersOf,
  RaftCore,
  type ReplicaId,
} from "../../raft/index.ts";
import type { Reply } from "../../resp/index.ts";
import { leaderChanged, replicaStopped } from "../errors.ts";
import type { NodeDirectory } from "../membership/node-directory.ts";
import { Replica, type ReplicaHost } from "../replica/replica.ts";
import { nodeOf, replicaOf, voterNodes } from "../replica/replica-id.ts";
import { directoryGroup } from "../replica/shard-group.ts";
import type { NodeSettings } from "../settings.ts";
import { GroupSnapshots } from "../snapshots/group-snapshots.ts";
import type { SnapshotBudget } from "../snapshots/snapshot-budget.ts";
import { isLostSnapshot, loadKeyspace } from "../snapshots/snapshot-loading.ts";
import type { RebuildStatus } from "../status.ts";
import { type Checksum, Checksums, digestWithMembers, noChecksum } from "./checksums.ts";
import { ElectionHaste } from "./election-haste.ts";
import type { GroupWish } from "./group-change.ts";
import { HeardConfiguration } from "./heard-configuration.ts";
import { MemberChanges, type MemberChangesOptions, promotionLagEntriesMax } from "./member-changes.ts";
import { OwnLane } from "./own-lane.ts";
import { Vacancy } from "./vacancy.ts";

/** Committed entries that are handed out and not applied yet, in bytes. */
const applyBytesMax = 4 * 1_048_576;
/** Entries that are under way to one follower: a slow connection should not hold more. */
const inflightBytesMax = 4 * 1_048_576;

export interface HostedGroupOptions {
  readonly group: number;
  /** Who this node is, and who the others are. */
  readonly directory: NodeDirectory;
  /** What an empty log stands for. */
  readonly firstConfiguration: Configuration;
  readonly log: NodeLog;
  /** The state that the group's newest snapshot holds, undefined without one, or why it cannot be had. */
  readonly keyspace: Keyspace | Error | undefined;
  readonly links: () => PeerLinks;
  readonly budget: SnapshotBudget;
  /** This group's: with others on the node it has a share of what the node sets aside. */
  readonly settings: NodeSettings;
  readonly host: ReplicaHost;
  readonly onOutput: () => void;
  readonly announce: (group: number, checksum: Checksum) => void;
  readonly onDifference: (index: LogIndex) => void;
  /** Tells the other nodes that this one's replicas of the group up to this one are lost. */
  readonly tellLost: (group: number, upTo: ReplicaId) => void;
  readonly disks: MemberChangesOptions["disks"];
  /** See `MemberChangesOptions`. Default: the members stay where they are. */
  readonly wish?: () => GroupWish | undefined;
  /** See `GroupPlacement`. Default: they are. */
  readonly areMembersKnown?: (configuration: Configuration) => boolean;
}

/** What there is of one replica. */
type Parts = Pick<HostedGroup, "replica" | "haste" | "checksums" | "snapshots">;

/** What follows from a configuration. */
interface KnownMembers {
  readonly configuration: Configuration;
  readonly voters: readonly number[];
  readonly otherVoters: readonly number[];
  /** It has gone beyond the replica here, of which it says nothing. */
  readonly hasGone: boolean;
}

export class HostedGroup {
  readonly group: number;
  replica: Replica;
  haste: ElectionHaste;
  checksums: Checksums;
  snapshots: GroupSnapshots;
  readonly changes: MemberChanges;

  constructor(options: HostedGroupOptions) {
    const { group, keyspace, host, directory, log } = options;
    this.#options = options;
    this.group = group;
    const stored = log.group(group);
    const id = this.#storedReplica(stored);
    const newest = Math.max(id, directory.replicaOf(group));
    const reason = whyLost(stored, { isBehind: id < newest, keyspace });
    const isUsable = reason === undefined && !(keyspace instanceof Error);
    const begun = isUsable ? this.#tryMake(id, stored, keyspace ?? this.#emptyKeyspace()) : undefined;
    const isBegun = begun !== undefined && !(begun instanceof InvariantViolation);
    // What is damaged is left alone until another replica takes its place: this one is there, and stopped.
    const parts = isBegun
      ? begun
      : this.#make(newest, new MemoryLog({ clock: host.clock }).group(group), this.#emptyKeyspace());
    ({ replica: this.replica, haste: this.haste, checksums: this.checksums, snapshots: this.snapshots } = parts);
    this.changes = new MemberChanges({
      clock: host.clock,
      logger: host.logger,
      replica: () => this.replica,
      nameOf: (nodeId) => directory.nameOf(nodeId),
      wish: () => options.wish?.(),
      disks: options.disks,
      areMembersKnown: (configuration) => options.areMembersKnown?.(configuration) ?? true,
    });
    if (reason !== undefined) this.lose(reason);
    else if (keyspace instanceof Error) this.replica.stop(`its snapshot: ${keyspace.message}`, replicaStopped);
    else if (begun instanceof InvariantViolation) this.replica.fail(begun);
    else this.snapshots.begin(this.replica);
  }

  /** The nodes of all voters. */
  get voters(): readonly number[] {
    return this.#members().voters;
  }

  /** The nodes of the other voters. */
  get otherVoters(): readonly number[] {
    return this.#members().otherVoters;
  }

  /** The nodes of those voters that are to stay. */
  get stayingVoters(): readonly number[] {
    const wish = this.#options.wish?.();
    return wish === undefined ? this.voters : this.voters.filter((node) => wish.voters.includes(node));
  }

  /** The newest replica that has ever been to begin here. */
  get newestReplica(): ReplicaId {
    return this.#lost?.upTo ?? this.replica.core.id;
  }

  /** Whether the replica here has applied by itself that it is a member no more: then it never will be again. */
  get hasGone(): boolean {
    return this.#lost === undefined && this.#members().hasGone;
  }

  /** Whether others than the members may be told who these are; to be asked where the replica here leads. */
  isConfigurationHeard(): boolean {
    return this.#heard.isHeard(this.replica);
  }

  tick(isBeat: boolean): void {
    this.replica.tick(isBeat);
    this.changes.tick();
    // The rest looks at clocks: with many groups at rest that is much for nothing at every tick.
    if (!isBeat) return;
    // On a full disk the entry would wait for space, and votes behind it.
    if (this.replica.isLeading && !this.#options.host.space.lacksSpace(this.group)) this.checksums.tick();
    this.snapshots.tick();
    this.#lost?.tick();
    if (this.#isRebuilding && !this.#isCopying) this.#rebuilt();
  }

  /** What the replica here had acknowledged is lost, or some of it: it stops, and waits for another to take its place. */
  lose(reason: string): void {
    this.replica.stop(reason, replicaStopped);
    const { directory, group, host, tellLost } = this.#options;
    if (this.#lost !== undefined) return;
    const { id } = this.replica.core;
    host.logger.log("error", "a replica is lost, and is rebuilt from its peers", { group, replica: id, reason });
    this.#lost = new Vacancy({
      group,
      nodeId: directory.nodeId,
      upTo: id,
      isLost: true,
      clock: host.clock,
      logger: host.logger,
      tell: tellLost,
      prepare: (replica) => this.#prepare(replica),
      reset: (replica, done) => this.#reset(replica, done),
      onBegun: (replica) => this.#begun(replica),
      onError: (error) => host.onStopped(this.replica, error),
    });
  }

  /** A message has come for another replica of the group than the one here. */
  addressed(replica: ReplicaId): void {
    this.#lost?.addressed(replica);
  }

  /**
   * All replicas of the group leave out this entry from now on. One that it has stopped goes on; one that has carried it out
   * all the same, as no other version may, is not what the others are, and stops.
   */
  leaveOut({ checksum, index, term }: SkippedEntry): void {
    const { replica } = this;
    const { stoppedBy } = replica;
    if (stoppedBy?.index === index && stoppedBy.term === term && stoppedBy.checksum === checksum) {
      this.#beginAgain().catch((error: unknown) => this.#options.host.onStopped(replica, error));
    } else if (replica.hasExecuted(index)) {
      replica.fail(new Error(`it has carried out entry ${index}, which the others leave out`));
    }
  }

  /** The entries that the replica leaves out, whether or not it has come to them. */
  get leftOut(): readonly SkippedEntry[] {
    return this.#options.host.leftOut.of(this.group);
  }

  /** Whether the replica here is made anew, or this one leads and makes another's anew. */
  get rebuild(): RebuildStatus | null {
    const { directory } = this.#options;
    const { core, stoppedBecause } = this.replica;
    const nothing = { receivedBytes: null, snapshotBytes: null, matchIndex: null, lastIndex: null };
    if (this.#lost !== undefined) {
      const step = this.#lost.isBeginning ? "beginning" : "asking";
      return { node: directory.record.name, step, ...nothing };
    }
    const led = this.changes.underWay;
    if (led?.isRebuild === true) {
      const isCopying = led.step === "wait";
      const part = isCopying ? { matchIndex: led.matchIndex, lastIndex: led.lastIndex } : {};
      return { node: directory.nameOf(led.node), step: isCopying ? "copying" : "changing", ...nothing, ...part };
    }
    if (stoppedBecause !== undefined || !this.#isCopying) return null;
    const received = this.snapshots.receiving ?? {};
    return { node: directory.record.name, step: "copying", ...nothing, ...received, matchIndex: core.lastIndex };
  }

  /** A snapshot has replaced the state. */
  installed(): void {
    this.snapshots.installed();
    this.checksums.skipped();
  }

  /** A digest was computed by an entry. */
  computed(index: LogIndex, from: number, reply: Reply): void {
    this.checksums.computed(index, from, digestWithMembers(reply, this.replica.core.configuration));
  }

  /** It was proved that the replica here has gone: it stops, and so does all that goes on for it. */
  async end(): Promise<void> {
    this.replica.stop("it is not a member of its group any more", leaderChanged);
    this.stop();
    await this.settle();
  }

  /** After `stop`: ends what is under way with files of the log. */
  async settle(): Promise<void> {
    await Promise.all([this.snapshots.stop(), this.#loading]);
  }

  /** The node stops. */
  stop(): void {
    this.#isStopped = true;
    this.haste.stop();
    this.#lost?.stop();
  }

  readonly #options: HostedGroupOptions;
  readonly #heard = new HeardConfiguration();
  #lost: Vacancy | undefined;
  /** The replica has begun in another's place, and has no vote yet. */
  #isRebuilding = false;
  #knownMembers: KnownMembers | undefined;
  /** A snapshot that is read for a replica that begins again. */
  #loading: Promise<Keyspace | Error | undefined> | undefined;
  #isStopped = false;

  /** Whether the replica here has yet to get the state. Most of the directory's learn for good, and have it all the same. */
  get #isCopying(): boolean {
    if (!this.replica.isLearner || this.#isLeaving) return false;
    if (this.group !== directoryGroup) return true;
    return this.snapshots.receiving !== undefined || this.replica.core.commitIndex === 0;
  }

  /** Its node is not to have a replica: a voter that goes is a learner last. */
  get #isLeaving(): boolean {
    const wish = this.#options.wish?.();
    const { nodeId } = this.#options.directory;
    return wish !== undefined && !wish.voters.includes(nodeId) && !wish.learners.includes(nodeId);
  }

  /** As of the configuration that is in force. */
  #members(): KnownMembers {
    const { configuration, id } = this.replica.core;
    if (this.#knownMembers?.configuration !== configuration) {
      const voters = voterNodes(configuration);
      const otherVoters = voters.filter((node) => node !== nodeOf(id));
      const hasGone = id <= highestReplicaOf(configuration) && !membersOf(configuration).includes(id);
      this.#knownMembers = { configuration, voters, otherVoters, hasGone };
    }
    return this.#knownMembers;
  }

  #storedReplica({ replica }: GroupLog): ReplicaId {
    return replica === 0 ? replicaOf(this.#options.directory.nodeId, 0) : replica;
  }

  async #prepare(replica: ReplicaId): Promise<boolean> {
    this.haste.stop();
    await this.snapshots.stop();
    return this.#options.directory.rememberReplica(this.group, replica);
  }

  #reset(replica: ReplicaId, done: () => void): void {
    const { log } = this.#options;
    log.beginReplica(this.group, replica, done);
    log.flush();
  }

  /** With nothing: all that it will ever say, it will have from the others. */
  #begun(replica: ReplicaId): void {
    const { host, log } = this.#options;
    const { statistics } = this.replica.keyspace;
    const made = this.#make(replica, log.group(this.group), this.#emptyKeyspace({ statistics }));
    this.#lost = undefined;
    this.#isRebuilding = true;
    ({ replica: this.replica, haste: this.haste, checksums: this.checksums, snapshots: this.snapshots } = made);
    this.snapshots.begin(this.replica);
    host.markDirty(this.replica);
  }

  /**
   * The replica that has stopped begins again under its own id, upon snapshot and log, as after a restart of the node: what
   * it had in memory may be changed by half.
   */
  async #beginAgain(): Promise<void> {
    const { group, host, log, settings } = this.#options;
    const before = this.replica;
    const stored = log.group(group);
    const isOver = (): boolean =>
      this.#isStopped || this.#lost !== undefined || this.replica !== before || stored.isDamaged;
    this.haste.stop();
    await this.snapshots.stop();
    if (isOver()) return;
    // It may rely on nothing that is not durable: whatever was handed to the log before is, once this is its turn.
    await new Promise<void>((resolve) => {
      log.append(group, { entries: [], hardState: stored.hardState, snapshot: undefined }, resolve);
      log.flush();
    });
    if (isOver()) return;
    this.#loading = loadKeyspace(log, group, settings).catch((error: unknown) => asError(error));
    const keyspace = await this.#loading;
    if (isOver()) return;
    if (keyspace instanceof Error) {
      if (isLostSnapshot(keyspace)) this.lose(`its snapshot: ${keyspace.message}`);
      else host.onStopped(before, keyspace);
      return;
    }
    const made = this.#tryMake(before.core.id, stored, keyspace ?? this.#emptyKeyspace());
    if (made instanceof InvariantViolation) return host.onStopped(before, made);
    stored.setLeading(false);
    ({ replica: this.replica, haste: this.haste, checksums: this.checksums, snapshots: this.snapshots } = made);
    this.snapshots.begin(this.replica);
    host.logger.log("warn", "a replica goes on behind an entry that is left out", { group, replica: before.core.id });
    host.markDirty(this.replica);
    if (this.otherVoters.length === 0) this.replica.campaign();
  }

  #emptyKeyspace(options: KeyspaceOptions = {}): Keyspace {
    const { semanticsLevelMax } = this.#options.settings;
    return new Keyspace({ ...options, semanticsLevelMax });
  }

  #rebuilt(): void {
    this.#isRebuilding = false;
    mark("a rebuilt replica votes");
    const { core } = this.replica;
    this.#options.host.logger.log("info", "a replica is rebuilt", { group: this.group, replica: core.id });
  }

  /** Upon what is stored; or what of it cannot be, if it all came back as it was written. */
  #tryMake(id: ReplicaId, log: GroupLog, keyspace: Keyspace): Parts | InvariantViolation {
    try {
      return this.#make(id, log, keyspace);
    } catch (error) {
      if (error instanceof InvariantViolation) return error;
      throw error;
    }
  }

  #make(id: ReplicaId, log: GroupLog, keyspace: Keyspace): Parts {
    const { firstConfiguration, group, host, settings } = this.#options;
    const { clock, random } = host;
    const snapshots = new GroupSnapshots({ ...this.#options, ...host, settings });
    const core = new RaftCore({
      id,
      electionTicks: host.settings.electionTicks,
      heartbeatTicks: 1,
      random,
      log,
      hardState: log.hardState,
      configuration: log.snapshot?.configuration ?? firstConfiguration,
      applied: log.snapshot?.index ?? 0,
      applyBytesMax,
      messageBytesMax: (to) => host.space.appendBytesMax(group, to),
      inflightBytesMax,
      heartbeatsOvertake: true,
      // What the directory says is waited for on all nodes.
      commitsByHeartbeat: host.settings.commitsByHeartbeat && group !== directoryGroup,
      asksFewForReads: host.settings.readPatienceMs > 0,
      idsAscend: true,
      promotionLagEntriesMax,
      snapshots: snapshots.sender,
      invariantSwitch: host.settings.invariantSwitch,
    });
    const replica = new Replica({ group, core, log, keyspace, host });
    const haste = new ElectionHaste(replica, { clock, random });
    return { replica, haste, checksums: this.#checksums(replica, log.hardState.commit), snapshots };
  }

  /** Digests of entries up to `replayedIndex`, which are applied again after a start, are not told to anybody. */
  #checksums(replica: Replica, replayedIndex: LogIndex): Checksums {
    const { announce, group, host, onDifference } = this.#options;
    const checksums: Checksums = new Checksums({
      clock: host.clock,
      intervalMs: host.settings.checksumIntervalMs,
      voterCount: () => replica.core.configuration.voters.length,
      propose: (args) => replica.proposeOwn(lane, args),
      announce: (checksum) => {
        if (checksum.index > replayedIndex) announce(group, checksum);
      },
      tellLack: () => {
        const isTakingPart = replica.stoppedBecause === undefined && !replica.isReplaying;
        if (isTakingPart && !replica.isLeading) announce(group, noChecksum);
      },
      onDifference,
    });
    const lane = new OwnLane(() => checksums.dropped());
    return checksums;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Why a replica must never speak again; undefined if it may. */
function whyLost(
  { isDamaged }: GroupLog,
  { isBehind, keyspace }: { readonly isBehind: boolean; readonly keyspace: Keyspace | Error | undefined },
): string | undefined {
  if (isDamaged) return "its log is damaged";
  // Whether the log ever heard of it, and lost it again, nobody can tell.
  if (isBehind) return "the log does not hold the replica that was last to begin here";
  return keyspace instanceof Error && isLostSnapshot(keyspace) ? `its snapshot: ${keyspace.message}` : undefined;
}
