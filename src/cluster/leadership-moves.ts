/**
 * Gives leadership of this node's groups to others: so that every node leads its share, and where this one is not fit to
 * lead. A group goes only to a node that has a voter of it, and one that is to stay: the others would only give it away again.
 */
import type { PeerLinks } from "../net/index.ts";
import type { HostedGroups } from "./hosted-groups.ts";
import { leaderToMove } from "./leader-balance.ts";
import type { NodeDirectory } from "./node-directory.ts";
import type { Replica } from "./replica.ts";
import { nodeOf } from "./replica-id.ts";
import type { NodeSettings } from "./settings.ts";
import { isCaughtUp } from "./succession.ts";

/** Ticks between two looks at how many groups each node leads. */
const balanceTicks = 10;
/** For how long balancing leaves a group where somebody wanted it to be led. */
const keepMs = 600_000;
/** Ticks between two attempts to hand over leadership because this node is not fit to lead. */
const unfitTicks = 100;

/** Why a node cannot be given leadership of a group now. */
export type TransferObstacle = "no-vote" | "leaving" | "away" | "full" | "behind";

export interface LeadershipMovesOptions {
  readonly groups: HostedGroups;
  readonly directory: Pick<NodeDirectory, "nodeId" | "peerIds">;
  readonly settings: Pick<NodeSettings, "tickMs">;
  readonly links: () => PeerLinks;
  /** Whether a peer has said that its disk takes no entries. */
  readonly isPeerFull: (nodeId: number) => boolean;
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
  unfit(replica: Replica): void {
    if (!replica.isLeading || this.#tickCount < this.#unfitTick) return;
    this.#unfitTick = this.#tickCount + unfitTicks;
    replica.handOver((id) => !this.#options.isPeerFull(id));
  }

  /**
   * Somebody wants a group that this node leads to be led by `to`, a voter's node. Why that cannot be; undefined: it is on its way.
   */
  give(group: number, to: number): TransferObstacle | undefined {
    const { groups, isPeerFull } = this.#options;
    const { replica, stayingVoters, voters } = groups.of(group);
    if (!voters.includes(to)) return "no-vote";
    if (!stayingVoters.includes(to)) return "leaving";
    if (!this.#isThere(to)) return "away";
    if (isPeerFull(to)) return "full";
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
    for (const { replica } of this.#options.groups) if (replica.isLeading) replica.handOver();
  }

  /** To somebody who is there: where all nodes stop at once nobody is. */
  isHandingOver(replica: Replica): boolean {
    const target = replica.isLeading ? replica.handOverTarget : undefined;
    return target !== undefined && this.#isThere(nodeOf(target));
  }

  readonly #options: LeadershipMovesOptions;
  #tickCount = 0;
  /** Before it, nothing is handed over again by who is not fit. */
  #unfitTick = 0;
  #isClosing = false;
  /** The tick until which a group stays here. */
  readonly #keptUntil: Map<number, number> = new Map();

  /** One group at a time, to a node that is there, follows closely, and has said that its disk takes entries. */
  #balance(): void {
    const { directory, groups, isPeerFull } = this.#options;
    const places = groups.shardPlaces;
    if (places.length < 2) return;
    const candidates = directory.peerIds.filter((id) => this.#isThere(id) && !isPeerFull(id));
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

  #isThere(nodeId: number): boolean {
    return this.#options.links().link(nodeId, "control") !== undefined;
  }
}
