/**
 * Gives leadership of this node's groups to others: so that every node leads its share, and where this one is not fit to
 * lead. A group goes only to a node that has a voter of it, and one that is to stay: the others would only give it away again.
 */
import type { PeerLinks } from "../../net/index.ts";
import type { HostedGroup } from "../groups/hosted-group.ts";
import type { HostedGroups } from "../groups/hosted-groups.ts";
import type { NodeDirectory } from "../membership/node-directory.ts";
import type { Replica } from "../replica/replica.ts";
import { nodeOf } from "../replica/replica-id.ts";
import { isCaughtUp } from "../replica/succession.ts";
import type { NodeSettings } from "../settings.ts";
import { leaderCounts, leaderToMove } from "./leader-balance.ts";
import type { NodeDisks } from "./node-disks.ts";

/** Ticks between two looks at how many groups each node leads. */
const balanceTicks = 10;
/** For how long balancing leaves a group where somebody wanted it to be led. */
const keepMs = 600_000;
/** Ticks between two times that a group is handed over because this node is not fit to lead: it may have come back. */
const unfitTicks = 100;
/** Ticks until somebody is looked for again who could lead it. */
const nobodyTicks = 5;

/** Why a node cannot be given leadership of a group now. */
export type TransferObstacle = "no-vote" | "leaving" | "away" | "full" | "slow" | "behind";

export interface LeadershipMovesOptions {
  readonly groups: HostedGroups;
  readonly directory: Pick<NodeDirectory, "nodeId" | "peerIds">;
  readonly settings: Pick<NodeSettings, "tickMs">;
  readonly links: () => PeerLinks;
  /** What peers say of their disks. */
  readonly disks: Pick<NodeDisks, "isPeerFull" | "isPeerSlow">;
}

export class LeadershipMoves {
  constructor(options: LeadershipMovesOptions) {
    this.#options = options;
  }

  /** One tick has passed. */
  tick(): void {
    if (++this.#tickCount % balanceTicks === 0 && !this.#isClosing) this.#balance();
  }

  /** This node should not lead now: its clock is off, or its disk takes no entries while others' do. */
  unfit({ group, replica }: Pick<HostedGroup, "group" | "replica">): void {
    const { disks } = this.#options;
    if (!this.#mayGiveUp(group, replica)) return;
    const isWell = (id: number): boolean => !disks.isPeerFull(id) && !disks.isPeerSlow(id);
    this.#giveUp(group, replica, [isWell, (id) => !disks.isPeerFull(id)]);
  }

  /**
   * This node's disk is slow beside the others': whoever can take over at once, and is well, leads better (CONSENSUS H-7): of
   * these whoever leads the fewest. Where there is nobody it goes on.
   */
  slow({ group, replica, stayingVoters }: Pick<HostedGroup, "group" | "replica" | "stayingVoters">): void {
    if (!this.#mayGiveUp(group, replica)) return;
    const { core } = replica;
    const { progress } = core.status();
    const countOf = leaderCounts(this.#options.groups.shardPlaces.map(({ route }) => route));
    const [best] = stayingVoters
      .filter((id) => this.#isFit(id) && isCaughtUp(progress, id, core.lastIndex))
      .toSorted((left, right) => countOf(left) - countOf(right) || left - right);
    this.#giveUp(group, replica, [(id) => id === best]);
  }

  /**
   * Somebody wants a group that this node leads to be led by `to`, a voter's node. Why that cannot be; undefined: it is on its way.
   */
  give(group: number, to: number): TransferObstacle | undefined {
    const { groups, disks } = this.#options;
    const { replica, stayingVoters, voters } = groups.of(group);
    if (!voters.includes(to)) return "no-vote";
    if (!stayingVoters.includes(to)) return "leaving";
    if (!this.#isThere(to)) return "away";
    if (disks.isPeerFull(to)) return "full";
    if (disks.isPeerSlow(to)) return "slow";
    if (!isCaughtUp(replica.core.status().progress, to, replica.core.lastIndex)) return "behind";
    this.#keptUntil.delete(group);
    replica.handOver((id) => id === to);
    return undefined;
  }

  /** Somebody wants this node to lead the group: once it does, balancing leaves it here for ten minutes. */
  keep(group: number): void {
    this.#keptUntil.set(group, this.#tickCount + Math.ceil(keepMs / this.#options.settings.tickMs));
  }

  /** The node stops, and leads no longer than it must. */
  beginClosing(): void {
    this.#isClosing = true;
    const { disks, groups } = this.#options;
    for (const { replica } of groups) {
      if (!replica.isLeading) continue;
      replica.handOver((id) => !disks.isPeerSlow(id));
      if (replica.handOverTarget === undefined) replica.handOver();
    }
  }

  /** To somebody who is there: where all nodes stop at once nobody is. */
  isHandingOver(replica: Replica): boolean {
    const target = replica.isLeading ? replica.handOverTarget : undefined;
    return target !== undefined && this.#isThere(nodeOf(target));
  }

  readonly #options: LeadershipMovesOptions;
  #tickCount = 0;
  /** When this node gave up a group last because it is not fit to lead: one a tick, so that not all elect at once. */
  #gaveUpTick = -1;
  /** By group, the tick before which it is not given up again. */
  readonly #giveUpTicks: Map<number, number> = new Map();
  #isClosing = false;
  /** The tick until which a group stays here. */
  readonly #keptUntil: Map<number, number> = new Map();

  /** One group at a time, to a node that is there, follows closely, and has a disk that takes entries and is not slow. */
  #balance(): void {
    const { directory, groups } = this.#options;
    const places = groups.shardPlaces;
    if (places.length < 2) return;
    const candidates = directory.peerIds.filter((id) => this.#isFit(id));
    const led = places.map(({ group, route, hosted }) => {
      const isKept = (this.#keptUntil.get(group) ?? 0) > this.#tickCount;
      return { group, leader: route.leader, voters: isKept ? [] : (hosted?.stayingVoters ?? []) };
    });
    const move = leaderToMove(led, directory.nodeId, candidates);
    if (move === undefined) return;
    const { replica } = groups.of(move.group);
    const { core } = replica;
    if (isCaughtUp(core.status().progress, move.to, core.lastIndex)) replica.handOver((id) => id === move.to);
  }

  /** One group a tick, none again at once, and none that is being handed over. */
  #mayGiveUp(group: number, replica: Replica): boolean {
    if (!replica.isLeading || this.#gaveUpTick === this.#tickCount) return false;
    return (this.#giveUpTicks.get(group) ?? 0) <= this.#tickCount && replica.handOverTarget === undefined;
  }

  /** To the first whom one of `fits` lets lead, in their order. */
  #giveUp(group: number, replica: Replica, fits: readonly ((nodeId: number) => boolean)[]): void {
    for (const isFit of fits) if (replica.handOverTarget === undefined) replica.handOver(isFit);
    const isGiven = replica.handOverTarget !== undefined;
    if (isGiven) this.#gaveUpTick = this.#tickCount;
    this.#giveUpTicks.set(group, this.#tickCount + (isGiven ? unfitTicks : nobodyTicks));
  }

  /** There, with a disk that takes entries and is not slow. */
  #isFit(nodeId: number): boolean {
    const { disks } = this.#options;
    return this.#isThere(nodeId) && !disks.isPeerFull(nodeId) && !disks.isPeerSlow(nodeId);
  }

  #isThere(nodeId: number): boolean {
    return this.#options.links().link(nodeId, "control") !== undefined;
  }
}
