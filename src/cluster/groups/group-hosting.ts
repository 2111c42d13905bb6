/**
 * Which groups a node hosts. Those in which it has had a replica from the beginning, or one that has begun since; a new one
 * begins with the first message for it, and one that has gone is destroyed, but by proof alone (CONSENSUS M-10): ids rise
 * and are never given twice, so a committed configuration that has gone beyond a replica's id, and does not count it among its
 * members, never will. That is the group's report in the directory, by one of those that stay. Of a replica that is destroyed
 * its id stays, in the node's record and in the log: late messages for it bring nothing back.
 */
import { isReplicaGone } from "../../directory/index.ts";
import type { Keyspace } from "../../keyspace/index.ts";
import type { NodeLog } from "../../log/index.ts";
import type { PeerLinks } from "../../net/index.ts";
import { type Clock, mark } from "../../platform/index.ts";
import type { LogIndex, ReplicaId } from "../../raft/index.ts";
import { replicaStopped } from "../errors.ts";
import type { NodeDirectory } from "../membership/node-directory.ts";
import type { PeerTraffic } from "../peers/peer-traffic.ts";
import type { ReplicaHost } from "../replica/replica.ts";
import { generationOf, nodeOf, replicaOf } from "../replica/replica-id.ts";
import { directoryGroup, groupSettings } from "../replica/shard-group.ts";
import type { NodeSettings } from "../settings.ts";
import { SnapshotBudget } from "../snapshots/snapshot-budget.ts";
import type { FirstMembers } from "./first-members.ts";
import type { GroupPlacement } from "./group-placement.ts";
import { groupStanding } from "./group-standing.ts";
import { HostedGroup, type HostedGroupOptions } from "./hosted-group.ts";
import type { HostedGroups } from "./hosted-groups.ts";
import { Vacancy } from "./vacancy.ts";

/** Ticks between two looks at what is reported of the groups. */
const lookTicks = 10;

export interface GroupHostingOptions {
  readonly groups: HostedGroups;
  readonly clock: Clock;
  readonly settings: NodeSettings;
  readonly directory: NodeDirectory;
  readonly firstMembers: FirstMembers;
  readonly placement: GroupPlacement;
  readonly log: NodeLog;
  /** By group, what its newest snapshot holds, or why that cannot be had. */
  readonly keyspaces: ReadonlyMap<number, Keyspace | Error>;
  readonly links: () => PeerLinks;
  readonly traffic: Pick<PeerTraffic, "announce" | "sendLost">;
  readonly disks: HostedGroupOptions["disks"];
  readonly host: ReplicaHost;
  readonly onOutput: () => void;
}

export class GroupHosting {
  constructor(options: GroupHostingOptions) {
    this.#options = options;
    this.#budget = new SnapshotBudget(options.clock, options.settings);
    this.#groupSettings = groupSettings(options.settings, () => options.groups.shardCount);
  }

  /** Hosts what this node has a replica of, and ends what it was about to end. */
  begin(): void {
    const { groups, directory, firstMembers, log, keyspaces } = this.#options;
    for (const { group } of groups.places) {
      const found = {
        log: log.group(group),
        remembered: directory.replicaOf(group),
        isFirst: firstMembers.has(group, directory.nodeId),
        firstReplica: this.#firstReplica,
      };
      const standing = groupStanding(found);
      if (standing === "replica") this.#host(group, keyspaces.get(group));
      else if (standing === "gone") this.#endLog(group, Math.max(found.firstReplica, found.log.replica));
    }
  }

  /** One tick has passed. */
  tick(): void {
    for (const vacancy of this.#vacancies.values()) vacancy.tick();
    const isLook = ++this.#tickCount % lookTicks === 0;
    for (const hosted of this.#options.groups) if (isLook && this.#isProvedGone(hosted)) this.#end(hosted);
    if (isLook) this.#dropVacancies();
    if (isLook) for (const { group } of this.#options.groups.places) this.#tellSuperseded(group);
  }

  /** A message has come for a replica of a group that this node does not host. */
  addressed(group: number, replica: ReplicaId): void {
    const isOwn = nodeOf(replica) === this.#options.directory.nodeId && generationOf(replica) > 0;
    if (!isOwn || !this.#options.groups.has(group) || this.#ending.has(group) || this.#isStopped) return;
    this.#vacancy(group).addressed(replica);
  }

  /** On which nodes the group's voters are, as was reported last; in the beginning as it began. Sorted. */
  reportedVoters(group: number): readonly number[] {
    const { placement, firstMembers } = this.#options;
    const { voters } = placement.reportOf(group) ?? firstMembers.of(group);
    return [...new Set(voters.map(nodeOf))].sort((a, b) => a - b);
  }

  /** Nothing begins any more, nor ends. */
  stop(): void {
    this.#isStopped = true;
    for (const vacancy of this.#vacancies.values()) vacancy.stop();
  }

  /** After `stop`: resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#ending.values());
  }

  readonly #options: GroupHostingOptions;
  readonly #budget: SnapshotBudget;
  readonly #groupSettings: NodeSettings;
  /** Of groups that are not hosted and for which a message came, by group. */
  readonly #vacancies: Map<number, Vacancy> = new Map();
  /** What is under way for groups whose replica here ends. */
  readonly #ending: Map<number, Promise<void>> = new Map();
  #tickCount = 0;
  #isStopped = false;

  get #firstReplica(): ReplicaId {
    return replicaOf(this.#options.directory.nodeId, 0);
  }

  #host(group: number, keyspace: Keyspace | Error | undefined): HostedGroup {
    const { log, traffic, groups, firstMembers, placement } = this.#options;
    const hosted: HostedGroup = new HostedGroup({
      ...this.#options,
      group,
      firstConfiguration: firstMembers.of(group),
      keyspace,
      budget: this.#budget,
      settings: this.#groupSettings,
      announce: (of, checksum) => traffic.announce(of, checksum),
      onDifference: (index) => this.#differs(hosted, index),
      tellLost: (of, upTo) => traffic.sendLost(of, upTo),
      wish: () => placement.wishOf(group),
      areMembersKnown: (configuration) => placement.isKnown(group, configuration),
    });
    groups.add(hosted);
    log.limitCache(this.#groupSettings.logCacheBytes);
    return hosted;
  }

  #differs(hosted: HostedGroup, index: LogIndex): void {
    const reason = `its state at entry ${index} is not that of the majority`;
    const { host } = this.#options;
    host.logger.log("error", "a replica differs from the majority and stops", { group: hosted.group, index });
    hosted.replica.stop(reason, replicaStopped);
  }

  #vacancy(group: number): Vacancy {
    const { directory, log, clock, host, traffic } = this.#options;
    const known = this.#vacancies.get(group);
    if (known !== undefined) return known;
    const vacancy = new Vacancy({
      group,
      nodeId: directory.nodeId,
      upTo: Math.max(this.#firstReplica, this.#newestReplica(group)),
      isLost: false,
      clock,
      logger: host.logger,
      tell: (of, upTo) => traffic.sendLost(of, upTo),
      prepare: (replica) => directory.rememberReplica(group, replica),
      reset: (replica, done) => {
        log.beginReplica(group, replica, done);
        log.flush();
      },
      onBegun: () => this.#begun(group),
      onError: (error) => host.logger.log("error", "a replica cannot begin", { group, error: String(error) }),
    });
    this.#vacancies.set(group, vacancy);
    return vacancy;
  }

  /** With nothing: all that it will ever say, it will have from the others. */
  #begun(group: number): void {
    this.#vacancies.delete(group);
    const { replica } = this.#host(group, undefined);
    this.#options.host.markDirty(replica);
  }

  /**
   * What a replica has applied itself is not enough: the leader that has committed its own removal may be the only one to know of it, and
   * those that stay need its vote, or its word, until they have heard. A report comes from one of them. Of the directory's
   * group there is none; who leaves that one is removed by another leader of it.
   */
  #isProvedGone(hosted: HostedGroup): boolean {
    if (hosted.group === directoryGroup) return hosted.hasGone;
    return this.#isReportedGone(hosted.group, hosted.newestReplica);
  }

  #isReportedGone(group: number, replica: ReplicaId): boolean {
    const report = this.#options.placement.reportOf(group);
    return report !== undefined && isReplicaGone(report, replica);
  }

  /** Nobody is to be told any more of replicas that were to begin, could not, and have gone since. */
  #dropVacancies(): void {
    for (const [group, vacancy] of this.#vacancies) {
      if (!vacancy.isLost || vacancy.isBeginning || !this.#isReportedGone(group, vacancy.upTo)) continue;
      vacancy.stop();
      this.#vacancies.delete(group);
    }
  }

  /** The newest that was ever to begin here; 0: none. */
  #newestReplica(group: number): ReplicaId {
    const { directory, log } = this.#options;
    return Math.max(directory.replicaOf(group), log.group(group).replica);
  }

  /**
   * Where the group counts a replica here, and not the newest one, a successor was given up before it had taken over. The one that is
   * counted gave its place to it, and never speaks again: that is for this node to say, whether the successor has gone or not.
   */
  #tellSuperseded(group: number): void {
    const { directory, placement, traffic } = this.#options;
    const report = placement.reportOf(group);
    if (report === undefined) return;
    const counted = [...report.voters, ...report.learners].filter((id) => nodeOf(id) === directory.nodeId);
    const newest = counted.length === 0 ? 0 : this.#newestReplica(group);
    if (counted.some((id) => id < newest) && !counted.includes(newest)) traffic.sendLost(group, Math.max(...counted));
  }

  #end(hosted: HostedGroup): void {
    const { groups, host, log } = this.#options;
    const { group, newestReplica: replica } = hosted;
    host.logger.log("info", "a replica has gone for good", { group, replica });
    groups.remove(hosted);
    log.limitCache(this.#groupSettings.logCacheBytes);
    this.#ending.set(group, this.#finish(hosted, replica));
  }

  /** Never rejects. */
  async #finish(hosted: HostedGroup, replica: ReplicaId): Promise<void> {
    const { directory, host } = this.#options;
    const { group } = hosted;
    try {
      await hosted.end();
      const isKnown = directory.replicaOf(group) >= replica;
      if (!isKnown && !(await directory.rememberReplica(group, replica))) {
        // What it had stays for now. A newer one may begin all the same; otherwise the proof comes again after a start.
        host.logger.log("warn", "that a replica has gone cannot be noted", { group, replica });
        this.#ending.delete(group);
      } else if (!this.#isStopped) this.#endLog(group, replica);
    } catch (error) {
      host.onStopped(hosted.replica, error);
    }
  }

  #endLog(group: number, replica: ReplicaId): void {
    const { log } = this.#options;
    if (!this.#ending.has(group)) this.#ending.set(group, Promise.resolve());
    log.endReplica(group, replica, () => {
      mark("a replica that has gone is destroyed");
      this.#ending.delete(group);
    });
    log.flush();
  }
}
