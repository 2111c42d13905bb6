import { RingError } from "./exact-ring.ts";
import { type PlacedNode, type RingNode, sortedNodes, weightDefault } from "./ring-node.ts";
import { ringPosition, ringPositions } from "./ring-position.ts";

export interface HashRingOptions {
  /**
   * At how many points a node of weight 100 stands; others at as many more or fewer as they weigh. A whole number from 1
   * to 4,096; default 256: the share of a node is then within some 6 % (one standard deviation) of what it weighs.
   */
  readonly pointsPerNode?: number;
}

export interface SuccessorOptions {
  /** Take nodes of zones that are not among those taken yet first, as long as there are any. Default true. */
  readonly spreadsZones?: boolean;
}

const pointsPerNodeDefault = 256;
const pointsPerNodeMax = 4_096;
/** Of all nodes together. */
const pointsMax = 1 << 20;

/**
 * Consistent hashing as it is used: each node stands at many points of one ring, in proportion to its weight, and a key
 * belongs to the node whose point comes first at or after the key's own, going round (Karger et al. 1997; the many
 * points after Stoica et al. 2001, §6.1). The same set of nodes gives the same ring, whatever the order they are named in.
 *
 * A node that joins takes over only keys that become its own, its weight's part of them all in the mean; when it leaves
 * they go back. Nothing else moves.
 *
 * ```ts
 * const ring = new HashRing([{ id: "n1" }, { id: "n2" }, { id: "n3", weight: 200 }]);
 * ring.ownerOf("user:7");
 * ring.successorsOf("user:7", 2); // the owner, and the next distinct node
 * ```
 */
export class HashRing<Id = string> {
  /** In the order of their ids, with the defaults filled in. */
  readonly nodes: readonly PlacedNode<Id>[];
  readonly pointsPerNode: number;

  /** @throws RingError (RING) */
  constructor(nodes: Iterable<RingNode<Id>>, options: HashRingOptions = {}) {
    const pointsPerNode = options.pointsPerNode ?? pointsPerNodeDefault;
    if (!Number.isInteger(pointsPerNode) || pointsPerNode < 1 || pointsPerNode > pointsPerNodeMax) {
      throw new RingError(`pointsPerNode is ${pointsPerNode}; it must be a whole number from 1 to ${pointsPerNodeMax}`);
    }
    this.pointsPerNode = pointsPerNode;
    this.nodes = sortedNodes(nodes);
    const counts = this.nodes.map(({ weight }) => Math.max(1, Math.round((weight * pointsPerNode) / weightDefault)));
    const pointCount = counts.reduce((sum, count) => sum + count, 0);
    if (pointCount > pointsMax) {
      throw new RingError(`the nodes weigh ${pointCount} points together; a ring has at most ${pointsMax}`);
    }
    // A point as one number, position first: points at one position stand in the order of their nodes.
    const points = new Float64Array(pointCount);
    let at = 0;
    for (const [index, { id }] of this.nodes.entries()) {
      const count = counts[index] ?? 0;
      for (let point = 0; point < count; point++) points[at++] = ringPosition(`${id}/${point}`) * indexRange + index;
    }
    points.sort();
    this.#positions = Float64Array.from(points, (point) => Math.floor(point / indexRange));
    this.#owners = Uint16Array.from(points, (point) => point % indexRange);
  }

  /** Where `key` stands. */
  positionOf(key: Uint8Array | string): number {
    return ringPosition(key);
  }

  /** The node that is responsible for `key`. */
  ownerOf(key: Uint8Array | string): Id {
    return this.#nodeAt(this.#pointAt(ringPosition(key))).id;
  }

  /** The first `count` distinct nodes at or after `key`'s position: those that keep its replicas. */
  successorsOf(key: Uint8Array | string, count: number, options?: SuccessorOptions): readonly Id[] {
    return this.successors(ringPosition(key), count, options);
  }

  /**
   * The first `count` distinct nodes at or after `position`, the owner first; all of them if there are fewer. Where they
   * have zones, those in zones not met yet come first, so that `count` nodes stand in as many zones as there are.
   */
  successors(position: number, count: number, options: SuccessorOptions = {}): readonly Id[] {
    if (!Number.isInteger(position) || position < 0 || position >= ringPositions) {
      throw new RingError(`position ${position} is not on a ring of ${ringPositions}`);
    }
    if (!Number.isInteger(count) || count < 0) throw new RingError(`there are no ${count} successors`);
    if (options.spreadsZones === false) return this.#walk(position, count).map(({ id }) => id);
    return spreadOver(this.#walk(position, this.nodes.length), count).map(({ id }) => id);
  }

  /** The part of all positions that belongs to `id`, from 0 to 1. */
  shareOf(id: Id): number {
    const index = this.nodes.findIndex((node) => node.id === id);
    if (index === -1) throw new RingError(`node ${id} is not on the ring`);
    let owned = 0;
    for (let at = 0; at < this.#owners.length; at++) {
      if (this.#owners[at] !== index) continue;
      const before =
        at === 0 ? (this.#positions.at(-1) as number) - ringPositions : (this.#positions[at - 1] as number);
      owned += (this.#positions[at] as number) - before;
    }
    return owned / ringPositions;
  }

  /** Its points in the order of the ring: for pictures. */
  *points(): IterableIterator<{ readonly position: number; readonly id: Id }> {
    for (let at = 0; at < this.#positions.length; at++) {
      yield { position: this.#positions[at] as number, id: this.#nodeAt(at).id };
    }
  }

  /** The ring with one node more. @throws RingError (RING) */
  with(node: RingNode<Id>): HashRing<Id> {
    return new HashRing([...this.nodes, node], { pointsPerNode: this.pointsPerNode });
  }

  /** The ring with one node less. @throws RingError (RING) when it has no such node, or no other. */
  without(id: Id): HashRing<Id> {
    const others = this.nodes.filter((node) => node.id !== id);
    if (others.length === this.nodes.length) throw new RingError(`node ${id} is not on the ring`);
    return new HashRing(others, { pointsPerNode: this.pointsPerNode });
  }

  /** Whole numbers; a Float64Array because that one sorts and holds 2^32. */
  readonly #positions: Float64Array;
  /** Which node stands at each, as an index. */
  readonly #owners: Uint16Array;

  #nodeAt(point: number): PlacedNode<Id> {
    return this.nodes[this.#owners[point] as number] as PlacedNode<Id>;
  }

  /** The first point at or after `position`, going round. */
  #pointAt(position: number): number {
    let low = 0;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#positions[middle] as number) < position) low = middle + 1;
      else high = middle;
    }
    return low === this.#positions.length ? 0 : low;
  }

  #walk(position: number, count: number): PlacedNode<Id>[] {
    const wanted = Math.min(count, this.nodes.length);
    const found: PlacedNode<Id>[] = [];
    const isFound = new Uint8Array(this.nodes.length);
    for (let at = this.#pointAt(position); found.length < wanted; at = at + 1 === this.#owners.length ? 0 : at + 1) {
      const index = this.#owners[at] as number;
      if (isFound[index] === 1) continue;
      isFound[index] = 1;
      found.push(this.nodes[index] as PlacedNode<Id>);
    }
    return found;
  }
}

/** More than `ringNodesMax`: a position and an index together are below 2^53. */
const indexRange = 0x1_0000;

/** The first `count` of `candidates`, those in zones not met before first. */
export function spreadOver<Id>(candidates: readonly PlacedNode<Id>[], count: number): readonly PlacedNode<Id>[] {
  const zones = new Set<string>();
  const chosen: PlacedNode<Id>[] = [];
  for (const node of candidates) {
    if (chosen.length === count) return chosen;
    if (zones.has(node.zone)) continue;
    zones.add(node.zone);
    chosen.push(node);
  }
  for (const node of candidates) {
    if (chosen.length === count) break;
    if (!chosen.includes(node)) chosen.push(node);
  }
  return chosen;
}
