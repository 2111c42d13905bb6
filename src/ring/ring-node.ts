import { RingError } from "./exact-ring.ts";

/** What a ring has to know of a node. `Id` is a kind of whole number or a kind of text: others are refused. */
export interface RingNode<Id = string> {
  readonly id: Id;
  /** What it is to carry beside others: a whole number from 1 to 10,000; default 100, an ordinary node. */
  readonly weight?: number;
  /** Nodes that may fail together: a rack, a room, a provider's zone. Those without one are a zone of their own. */
  readonly zone?: string;
}

export const weightDefault = 100;
export const weightMax = 10_000;
/** More nodes than this are refused. */
export const ringNodesMax = 1_024;

/** A node with its defaults filled in. */
export interface PlacedNode<Id> {
  readonly id: Id;
  readonly weight: number;
  readonly zone: string;
}

/** The nodes in the order of their ids, checked, so that nothing depends on the order in which they were given. */
export function sortedNodes<Id>(nodes: Iterable<RingNode<Id>>): readonly PlacedNode<Id>[] {
  const placed: PlacedNode<Id>[] = [];
  for (const { id, weight = weightDefault, zone = "" } of nodes) {
    if (typeof id !== "string" && !Number.isSafeInteger(id)) {
      throw new RingError(`a node is known by a whole number or a name, not by ${String(id)}`);
    }
    if (!Number.isInteger(weight) || weight < 1 || weight > weightMax) {
      throw new RingError(`the weight of node ${id} is ${weight}; it must be a whole number from 1 to ${weightMax}`);
    }
    placed.push({ id, weight, zone });
    if (placed.length > ringNodesMax) throw new RingError(`a ring has at most ${ringNodesMax} nodes`);
  }
  if (placed.length === 0) throw new RingError("a ring without nodes is responsible for nothing");
  placed.sort((a, b) => compareIds(a.id, b.id));
  for (const [at, { id }] of placed.entries()) {
    const before = placed[at - 1];
    if (before === undefined) continue;
    if (typeof before.id !== typeof id) throw new RingError("the nodes of a ring have numbers or names, not both");
    if (before.id === id) throw new RingError(`node ${id} is there twice`);
  }
  return placed;
}

/** Numbers by value, names by their UTF-16 codes: the same on every machine. */
export function compareIds<Id>(a: Id, b: Id): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
