/**
 * Gives leadership of this node's groups to others: so that every node leads its share, and where this one is not fit to
 * lead. A group goes only to a node that has a voter of it, and one that is to stay: the others would only give it away again.
 */
import type { PeerLinks } from "../net/index.ts";
import type { HostedGroups } from "./hosted-groups.ts";
import { leaderToMove } from "./leader-balance.ts";
import type { Replica } from "./replica.ts";
import { nodeOf } from "./replica-id.ts";

/** Ticks between two looks at how many groups each node leads. */
const balanceTicks = 10;
/** Ticks between two attempts to hand over leadership because this node is not fit to lead. */
const unfitTicks = 100;

export interface LeadershipMovesOptions {
  readonly groups: HostedGroups;
  readonly nodeId: number;
  readonly peerIds: () => readonly number[];
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

  /** One group at a time, to a node that is there, follows closely, and has said that its disk takes entries. */
  #balance(): void {
    const { groups, nodeId, peerIds, isPeerFull } = this.#options;
    const places = groups.shardPlaces;
    if (places.length < 2) return;
    const candidates = peerIds().filter((id) => this.#isThere(id) && !isPeerFull(id));
    const led = places.map(({ group, route, hosted }) => {
      return { group, leader: route.leader, voters: hosted?.stayingVoters ?? [] };
    });
    const move = leaderToMove(led, nodeId, candidates);
    if (move === undefined) return;
    const { replica } = groups.of(move.group);
    if (replica.isCaughtUp(move.to)) replica.handOver((id) => id === move.to);
  }

  #isThere(nodeId: number): boolean {
    return this.#options.links().link(nodeId, "control") !== undefined;
  }
}
