import { assert } from "../platform/index.ts";
import { fairShares, wholeAround, wholeWithin } from "./fair-share.ts";
import { HashRing, type HashRingOptions } from "./hash-ring.ts";
import { type MoveReason, type Placement, type PlacementOptions, shardPosition } from "./placement.ts";
import type { NodeLoad } from "./plan.ts";
import type { PlacedNode, RingNode } from "./ring-node.ts";
import { shardsMax } from "./slot-ranges.ts";

export interface SearchLimits extends PlacementOptions, HashRingOptions {
  readonly boundPercent: number;
}

/** A node while a placement is looked for. */
interface Host<Id> extends PlacedNode<Id> {
  readonly index: number;
  readonly fairShare: number;
  /** Replicas above this go if they can. */
  readonly bound: number;
  /** It takes what others have too much up to this. */
  readonly filling: number;
  readonly loadBefore: number;
  /** The shards that it has a replica of. */
  readonly shards: Set<number>;
}

/** A shard's replicas in their slots; undefined: a slot whose node has left, or that was never filled. */
type Slots<Id> = (Host<Id> | undefined)[];

/**
 * The search behind {@link plan}: a greedy one in which every step makes one thing better and nothing worse that stands
 * before it, so that it ends, and finds nothing to do in what it has left behind. Ties go to the host that is met first
 * clockwise, then to the lower shard.
 */
export class PlacementSearch<Id> {
  constructor(current: Placement<Id>, nodes: Iterable<RingNode<Id>>, limits: SearchLimits) {
    const ring = new HashRing(nodes, limits);
    this.#replicas = Math.min(limits.replicas, ring.nodes.length);
    this.#zonesEach = Math.min(this.#replicas, new Set(ring.nodes.map(({ zone }) => zone)).size);
    const held = new Map<Id, Set<number>>(ring.nodes.map(({ id }) => [id, new Set()]));
    for (const [shard, ids] of current.entries()) for (const id of ids) held.get(id)?.add(shard);
    const shares = fairShares(ring.nodes, limits);
    this.#hosts = ring.nodes.map((node, index) => {
      const fairShare = shares[index] as number;
      const bound = Math.max(1, wholeAround((fairShare * limits.boundPercent) / 100));
      const own = held.get(node.id) as Set<number>;
      return { ...node, index, fairShare, bound, filling: wholeWithin(fairShare), loadBefore: own.size, shards: own };
    });
    this.#joinPercent = limits.boundPercent;
    const byId = new Map(this.#hosts.map((host) => [host.id, host]));
    this.#shards = Array.from({ length: limits.shards }, (_, shard) => {
      const slots: Slots<Id> = (current[shard] ?? []).map((id) => byId.get(id));
      while (slots.length < this.#replicas) slots.push(undefined);
      return slots;
    });
    this.#clockwise = this.#shards.map((_, shard) =>
      ring
        .successors(shardPosition(shard), this.#hosts.length, { spreadsZones: false })
        .map((id) => byId.get(id) as Host<Id>),
    );
    this.#ranks = this.#clockwise.map((order) => {
      const ranks = new Uint16Array(order.length);
      for (const [rank, { index }] of order.entries()) ranks[index] = rank;
      return ranks;
    });
  }

  /** Of replicas too many those go that share a zone, then those of the fullest hosts. */
  dropSurplus(): void {
    for (const [shard, slots] of this.#shards.entries()) {
      while (this.#residents(shard).length > this.#replicas) {
        const residents = this.#residents(shard);
        const doubled = residents.filter((host) =>
          residents.some((other) => other !== host && other.zone === host.zone),
        );
        const [goes] = (doubled.length > 0 ? doubled : residents).toSorted(
          (a, b) => fullness(b) - fullness(a) || this.#rank(shard, b) - this.#rank(shard, a),
        );
        assert(goes !== undefined, "a shard with too many replicas has one");
        this.#reasons.set(reasonKey(shard, goes.id), "surplus");
        slots[slots.indexOf(goes)] = undefined;
        goes.shards.delete(shard);
      }
      // The slots of those that went are not filled again.
      while (slots.length > this.#replicas) slots.splice(slots.lastIndexOf(undefined), 1);
    }
  }

  /** Gives every empty slot a host. */
  fillMissing(): void {
    for (const [shard, slots] of this.#shards.entries()) {
      for (const [slot, host] of slots.entries()) {
        if (host !== undefined) continue;
        const residents = this.#residents(shard);
        const lacksZone = zonesOf(residents) < this.#zonesEach;
        const taker = this.#bestTaker(shard, (candidate) => {
          if (residents.includes(candidate)) return undefined;
          return lacksZone && residents.some(({ zone }) => zone === candidate.zone) ? undefined : tierOf(candidate);
        });
        assert(taker !== undefined, "there are as many nodes as replicas, and a zone for each that is lacking");
        slots[slot] = taker;
        taker.shards.add(shard);
      }
    }
  }

  /** Brings a replica into another zone wherever a shard could stand in more of them. */
  spreadZones(): void {
    for (const shard of this.#shards.keys()) {
      while (zonesOf(this.#residents(shard)) < this.#zonesEach) {
        const residents = this.#residents(shard);
        const [giver] = residents
          .filter((host) => residents.some((other) => other !== host && other.zone === host.zone))
          .toSorted((a, b) => fullness(b) - fullness(a) || this.#rank(shard, b) - this.#rank(shard, a));
        const taker = this.#bestTaker(shard, (candidate) =>
          residents.some(({ zone }) => zone === candidate.zone) ? undefined : tierOf(candidate),
        );
        assert(giver !== undefined && taker !== undefined, "a shard that lacks a zone has two replicas in another");
        this.#move({ shard, giver, taker, reason: "zone" });
      }
    }
  }

  /** Fills those that join, and empties those above their bound, until neither goes on. */
  evenOut(): void {
    this.#joiners = this.#hosts.filter(
      ({ shards, fairShare }) => shards.size < wholeWithin((fairShare * 100) / this.#joinPercent),
    );
    let isDone = false;
    while (!isDone) {
      isDone = true;
      while (this.#fillJoiner()) isDone = false;
      while (this.#relieve()) isDone = false;
    }
  }

  placement(): Placement<Id> {
    return this.#shards.map((slots) => slots.flatMap((host) => (host === undefined ? [] : [host.id])));
  }

  loads(): readonly NodeLoad<Id>[] {
    return this.#hosts.map(({ id, loadBefore, shards, fairShare, bound }) => ({
      id,
      before: loadBefore,
      after: shards.size,
      fairShare,
      bound,
    }));
  }

  /** Why `from` no longer has a replica of `shard`. */
  reasonOf(shard: number, from: Id): MoveReason {
    return this.#reasons.get(reasonKey(shard, from)) ?? "left";
  }

  /** How many replicas a shard can have. */
  readonly #replicas: number;
  /** In how many zones a shard can stand. */
  readonly #zonesEach: number;
  readonly #joinPercent: number;
  readonly #hosts: readonly Host<Id>[];
  readonly #shards: readonly Slots<Id>[];
  /** For each shard all hosts, clockwise from its point. */
  readonly #clockwise: readonly (readonly Host<Id>[])[];
  /** For each shard, by the host's index, where it stands in that order. */
  readonly #ranks: readonly Uint16Array[];
  readonly #reasons: Map<string, MoveReason> = new Map();
  #joiners: readonly Host<Id>[] = [];

  /** One replica from the fullest host that can give one to the emptiest joiner that lacks something. */
  #fillJoiner(): boolean {
    const joiners = this.#joiners
      .filter(({ shards, filling }) => shards.size < filling)
      .toSorted((a, b) => fullness(a) - fullness(b) || a.index - b.index);
    const givers = this.#hosts
      .filter(({ shards, fairShare }) => shards.size > wholeWithin(fairShare))
      .toSorted((a, b) => fullness(b) - fullness(a) || a.index - b.index);
    for (const taker of joiners) {
      for (const giver of givers) {
        const shard = this.#bestShard(giver, taker);
        if (shard === undefined) continue;
        this.#move({ shard, giver, taker, reason: "share" });
        return true;
      }
    }
    return false;
  }

  /** One replica from the host that is furthest above its bound and can give one. */
  #relieve(): boolean {
    const givers = this.#hosts
      .filter(({ shards, bound }) => shards.size > bound)
      .toSorted((a, b) => fullness(b) - fullness(a) || a.index - b.index);
    for (const giver of givers) {
      let best: { readonly shard: number; readonly taker: Host<Id>; readonly cost: number } | undefined;
      for (const shard of giver.shards) {
        const taker = this.#bestTaker(shard, (candidate) =>
          candidate.shards.size < candidate.bound && this.#mayMove(shard, giver, candidate)
            ? tierOf(candidate)
            : undefined,
        );
        if (taker === undefined) continue;
        const cost = (tierOf(taker) * this.#hosts.length + this.#rank(shard, taker)) * shardsMax + shard;
        if (best === undefined || cost < best.cost) best = { shard, taker, cost };
      }
      if (best === undefined) continue;
      this.#move({ shard: best.shard, giver, taker: best.taker, reason: "bound" });
      return true;
    }
    return false;
  }

  /** Of the shards that `giver` could hand to `taker` the one that meets it first, clockwise. */
  #bestShard(giver: Host<Id>, taker: Host<Id>): number | undefined {
    let best: number | undefined;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const shard of giver.shards) {
      const cost = this.#rank(shard, taker) * shardsMax + shard;
      if (cost >= bestCost || !this.#mayMove(shard, giver, taker)) continue;
      best = shard;
      bestCost = cost;
    }
    return best;
  }

  /** The first host, clockwise, of the lowest tier; a host without a tier is not asked. */
  #bestTaker(shard: number, tierOf: (host: Host<Id>) => number | undefined): Host<Id> | undefined {
    let best: Host<Id> | undefined;
    let bestTier = Number.POSITIVE_INFINITY;
    for (const host of this.#clockwise[shard] as readonly Host<Id>[]) {
      const tier = tierOf(host);
      if (tier === undefined || tier >= bestTier) continue;
      best = host;
      bestTier = tier;
    }
    return best;
  }

  /** Whether the replicas then stand on distinct nodes still, and in no fewer zones. */
  #mayMove(shard: number, giver: Host<Id>, taker: Host<Id>): boolean {
    if (taker.shards.has(shard)) return false;
    if (giver.zone === taker.zone) return true;
    const residents = this.#residents(shard);
    return zonesOf([...residents.filter((host) => host !== giver), taker]) >= zonesOf(residents);
  }

  #move(move: {
    readonly shard: number;
    readonly giver: Host<Id>;
    readonly taker: Host<Id>;
    readonly reason: MoveReason;
  }): void {
    const { shard, giver, taker, reason } = move;
    const slots = this.#shards[shard] as Slots<Id>;
    slots[slots.indexOf(giver)] = taker;
    giver.shards.delete(shard);
    taker.shards.add(shard);
    this.#reasons.set(reasonKey(shard, giver.id), reason);
  }

  #residents(shard: number): readonly Host<Id>[] {
    return (this.#shards[shard] as Slots<Id>).filter((host) => host !== undefined);
  }

  #rank(shard: number, host: Host<Id>): number {
    return this.#ranks[shard]?.[host.index] as number;
  }
}

/** How full it is, of what it should hold. */
function fullness<Id>({ shards, fairShare }: Host<Id>): number {
  return shards.size / Math.max(fairShare, Number.MIN_VALUE);
}

/** Below its fair share, below its bound, or neither. */
function tierOf<Id>({ shards, fairShare, bound }: Host<Id>): number {
  if (shards.size < wholeAround(fairShare)) return 1;
  return shards.size < bound ? 2 : 3;
}

function zonesOf<Id>(hosts: readonly Host<Id>[]): number {
  return new Set(hosts.map(({ zone }) => zone)).size;
}

function reasonKey<Id>(shard: number, id: Id): string {
  return `${shard} ${id}`;
}
