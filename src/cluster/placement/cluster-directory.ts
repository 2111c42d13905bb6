/**
 * What a node does with the directory: it keeps a copy of it, has changes made, says which members the shards have that it
 * leads, and places replicas while it leads the directory itself.
 */
import {
  type Decision,
  type DirectoryNode,
  type DirectoryRecord,
  type DirectoryState,
  decideAll,
  genesis,
  nodesOfShard,
  type SkippedEntry,
} from "../../directory/index.ts";
import { type Clock, CoterieError, type Logger } from "../../platform/index.ts";
import { membersOf } from "../../raft/index.ts";
import type { GroupPlacement } from "../groups/group-placement.ts";
import type { HostedGroups } from "../groups/hosted-groups.ts";
import type { LaneOwner, LocalLane } from "../lanes/local-lane.ts";
import type { NodeDirectory } from "../membership/node-directory.ts";
import type { PeerTraffic } from "../peers/peer-traffic.ts";
import { hearersOf, type WitnessedShard } from "../peers/silences.ts";
import { LeftOutEntries } from "../replica/left-out-entries.ts";
import { membersOn, voterNodes } from "../replica/replica-id.ts";
import { directoryGroup, groupOfShard, shardOfGroup } from "../replica/shard-group.ts";
import { DirectoryClient } from "./directory-client.ts";
import { DirectoryCopy } from "./directory-copy.ts";
import { DirectoryPlacement } from "./directory-placement.ts";
import { type DirectorySeat, PlacementDriver, type PlacementReport } from "./placement-driver.ts";
import { type LedShard, reportsOf } from "./shard-reports.ts";

/** Ticks between two looks at what is to be reported. */
const reportTicks = 2;
/** A change that has not come through by then fails: several elections. */
const changeTimeoutMs = 15_000;
/** A replica of the directory that lacks no more entries than this holds the directory. */
const lagEntriesMax = 100;

export interface ClusterDirectoryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who this node is, and with what its cluster began. */
  readonly directory: NodeDirectory;
  readonly groups: HostedGroups;
  /** A lane to the directory's group. */
  readonly openLane: (owner: LaneOwner) => LocalLane;
  /** Who is heard, here and elsewhere. */
  readonly traffic: Pick<PeerTraffic, "heardMs" | "silences">;
  /** What the directory says of all nodes has changed. */
  readonly onNodes: (nodes: readonly DirectoryNode[]) => void;
}

export class ClusterDirectory {
  /** For who hosts the groups. */
  readonly placement: GroupPlacement;
  readonly leftOut: LeftOutEntries;

  constructor(options: ClusterDirectoryOptions) {
    const { clock, logger, directory, groups, openLane } = options;
    this.#options = options;
    const { names, shardCount, replicaCount } = directory.record;
    this.#copy = new DirectoryCopy({
      genesis: genesis({ names, shardCount, replicas: replicaCount }),
      logger,
      onChange: (state, before) => this.#changed(state, before),
    });
    const onLeftOut = (group: number, entry: SkippedEntry): void => groups.get(group)?.leaveOut(entry);
    this.leftOut = new LeftOutEntries({ directory, logger, onLeftOut });
    this.#client = new DirectoryClient({ clock, copy: this.#copy, openLane, timeoutMs: changeTimeoutMs });
    this.placement = new DirectoryPlacement({
      state: () => this.#copy.state,
      configurationOf: (group) => groups.get(group)?.replica.core.configuration,
      directoryWish: () => this.#driver?.directoryWish,
    });
  }

  /** Time begins. */
  start(): void {
    const { clock, logger, directory, traffic } = this.#options;
    const silentAt = (nodeId: number): readonly number[] | undefined => traffic.silences.of(nodeId);
    this.#driver = new PlacementDriver({
      clock,
      logger,
      self: directory.nodeId,
      seat: () => this.#seat(),
      heardMs: (nodeId) => traffic.heardMs(nodeId),
      hearersOf: (nodeId) => hearersOf(nodeId, this.#witnessed(), silentAt),
      state: () => this.#copy.state,
      change: (decide) => this.#client.put(decide),
    });
  }

  /** The directory as far as this node knows it. */
  get state(): DirectoryState {
    return this.#copy.state;
  }

  /** What the planner waits for; undefined while this node does not lead the directory. */
  get placementReport(): PlacementReport | undefined {
    return this.#driver?.report;
  }

  /** See `DirectoryClient.change`. */
  change(decide: (state: DirectoryState) => Decision): Promise<DirectoryState> {
    return this.#client.change(decide);
  }

  /** The end of a turn: something may have been applied. */
  look(): void {
    const replica = this.#options.groups.get(directoryGroup)?.replica;
    if (replica === undefined || replica.isReplaying || replica.stoppedBecause !== undefined) return;
    this.#copy.look(replica.keyspace);
  }

  /** One tick has passed. */
  tick(): void {
    this.leftOut.tick();
    this.#ticksToReport--;
    if (this.#ticksToReport > 0 || this.#isReporting) return;
    const due = reportsOf(this.#copy.state, this.#led());
    const isHeard = due.map(({ shard }) => this.#isHeard(shard));
    // What is about to be heard is told as soon as it is.
    this.#ticksToReport = isHeard.includes(false) ? 1 : reportTicks;
    if (isHeard.includes(true)) void this.#report();
  }

  /** The node stops. Changes under way fail; what was sent may count still. */
  stop(): void {
    this.#driver?.stop();
    this.#client.close();
  }

  readonly #options: ClusterDirectoryOptions;
  readonly #copy: DirectoryCopy;
  readonly #client: DirectoryClient;
  #driver: PlacementDriver | undefined;
  #ticksToReport = reportTicks;
  #isReporting = false;
  /** What was said last of reports that were refused, so that it is said once. */
  #said = "";

  #changed(state: DirectoryState, before: DirectoryState): void {
    this.#client.changed();
    if (state.skips !== before.skips) this.leftOut.set(state.skips);
    if (state.nodes !== before.nodes) this.#options.onNodes(state.nodes);
  }

  *#led(): Iterable<LedShard> {
    for (const { group, replica } of this.#options.groups) {
      if (group === directoryGroup || !replica.isLeading) continue;
      const { configuration, appliedIndex, id } = replica.core;
      // A leader that has just committed its own removal may be the only one to know of it (CONSENSUS M-10).
      if (!membersOf(configuration).includes(id)) continue;
      yield { shard: shardOfGroup(group), configuration, appliedIndex };
    }
  }

  /** Whether the members of a shard that this node leads may be told. */
  #isHeard(shard: number): boolean {
    return this.#options.groups.get(groupOfShard(shard))?.isConfigurationHeard() === true;
  }

  *#witnessed(): Iterable<WitnessedShard> {
    const { groups } = this.#options;
    for (const directoryShard of this.#copy.state.shards) {
      const { leader } = groups.placeOf(groupOfShard(directoryShard.shard)).route;
      yield { nodes: nodesOfShard(directoryShard), leader: leader === 0 ? undefined : leader };
    }
  }

  async #report(): Promise<void> {
    this.#isReporting = true;
    try {
      await this.#client.put((state) => this.#reportRecords(state));
    } catch (error) {
      // The next look says it again.
      if (!(error instanceof CoterieError)) throw error;
    } finally {
      this.#isReporting = false;
    }
  }

  #reportRecords(state: DirectoryState): readonly DirectoryRecord[] {
    const { records, refused } = decideAll(
      state,
      reportsOf(state, this.#led()).filter(({ shard }) => this.#isHeard(shard)),
    );
    const said = refused.map(({ refusal }) => refusal.message).join(" ");
    if (said !== this.#said && said !== "") {
      this.#options.logger.log("warn", "the directory refuses what is reported of shards", { reason: said });
    }
    this.#said = said;
    return records;
  }

  /** Once an entry of its own term is committed, and so all that was committed before it. */
  #seat(): DirectorySeat | undefined {
    const replica = this.#options.groups.get(directoryGroup)?.replica;
    if (replica === undefined || !replica.isLeading || !replica.core.hasCommittedInTerm) return undefined;
    const { core } = replica;
    const hasCaughtUp = (nodeId: number): boolean => {
      const members = membersOn(nodeId, core.configuration);
      const { progress, lastIndex } = core.status();
      return progress.some(({ id, matchIndex }) => {
        return members.includes(id) && matchIndex > 0 && matchIndex + lagEntriesMax >= lastIndex;
      });
    };
    return { term: core.term, voters: voterNodes(core.configuration), hasCaughtUp };
  }
}
