/**
 * Where a shard is, for whoever sends commands there: this node's replica, if it has one, and the node that leads. A node
 * without a replica goes by what the leaders say of themselves on their connections to it. That may be old: then a command
 * is refused where it comes to, by its term, and waits. It is never carried out by the wrong one.
 */

import type { Replica } from "../replica/replica.ts";
import type { Route } from "../replica/route.ts";
import type { HostedGroup } from "./hosted-group.ts";

/** What a leader says of itself: in this term it leads the group. */
export interface LedTerm {
  readonly group: number;
  readonly term: number;
}

const nowhere: Route = { leader: 0, term: 0 };

export class ShardPlace {
  readonly group: number;
  /** This node's part in the group; undefined while it has none. Set by who hosts it. */
  hosted: HostedGroup | undefined;

  constructor(group: number) {
    this.group = group;
  }

  get replica(): Replica | undefined {
    return this.hosted?.replica;
  }

  /**
   * Where commands go now. Of what the replica here knows and what leaders have said the higher term counts, and in the same
   * term whoever knows its leader.
   */
  get route(): Route {
    const own = this.hosted?.replica.route;
    if (own === undefined) return this.#said;
    const { leader, term } = this.#said;
    return leader !== 0 && (term > own.term || (term === own.term && own.leader === 0)) ? this.#said : own;
  }

  get isLedHere(): boolean {
    return this.replica?.isLeading === true;
  }

  /** A node says that it leads in `term`. Of an older term than the last one it means nothing. True if the route is new. */
  heard(nodeId: number, term: number): boolean {
    const isNew = term > this.#said.term || (term === this.#said.term && this.#said.leader === 0);
    if (isNew) this.#said = { leader: nodeId, term };
    return isNew;
  }

  /** The connection to a node is lost. If it still leads, it says so on the next one. */
  nodeLost(nodeId: number): void {
    if (this.#said.leader === nodeId) this.#said = { leader: 0, term: this.#said.term };
  }

  /** Heard last; without a leader once that cannot be reached. */
  #said: Route = nowhere;
}
