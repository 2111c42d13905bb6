/**
 * The loops behind `KeyTable.readAhead`. Each touches one thing of each key and does little else, so that the processor is
 * soon at the next key's and waits for many of them at once. With the hashing in the same loop, or a call that the compiler
 * leaves a call, most of that is lost.
 */
import { hashSlot } from "../ring/index.ts";
import { keyHash } from "./key-hash.ts";
import { firstGuess, hashAt, type KeyLeaf, keyAt, keysIn, lowerBoundFrom, valueAt } from "./key-leaf.ts";
import { type KeysAhead, keysAheadMax } from "./keys-ahead.ts";
import { valueBytes } from "./value.ts";

const noLeaf: KeyLeaf = [];
/** Of use within one call only. */
const slotsAhead: (KeyLeaf | object | undefined)[] = new Array<undefined>(keysAheadMax).fill(undefined);
const leaves: KeyLeaf[] = new Array<KeyLeaf>(keysAheadMax).fill(noLeaf);

/** Fills in slots and hashes. */
export function hashAhead(keys: KeysAhead): void {
  const { bytes, starts, ends, slots, hashes, count } = keys;
  for (let at = 0; at < count; at++) {
    const start = starts[at] as number;
    const end = ends[at] as number;
    slots[at] = hashSlot(bytes, start, end);
    hashes[at] = keyHash(bytes, start, end);
  }
}

/** Looks at each key, in the leaf that is all of its slot; in `table` stand also things that are no leaves. */
export function touchAhead(keys: KeysAhead, table: readonly (KeyLeaf | object | undefined)[]): void {
  for (let at = 0; at < keys.count; at++) slotsAhead[at] = table[keys.slots[at] as number];
  findLeaves(keys);
  keys.sum = touchCells(keys);
  findIndexes(keys);
  keys.sum += touchKeys(keys);
  keys.sum += touchValues(keys);
}

function findLeaves({ count, hashes, indexes }: KeysAhead): void {
  for (let at = 0; at < count; at++) {
    const slot = slotsAhead[at];
    const leaf = Array.isArray(slot) ? slot : noLeaf;
    leaves[at] = leaf;
    indexes[at] = firstGuess(leaf, hashes[at] as number);
  }
}

function touchCells({ count, indexes }: KeysAhead): number {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const leaf = leaves[at] as KeyLeaf;
    const index = indexes[at] as number;
    if (index < keysIn(leaf)) sum += hashAt(leaf, index);
  }
  return sum;
}

function findIndexes({ count, hashes, indexes }: KeysAhead): void {
  for (let at = 0; at < count; at++) {
    indexes[at] = lowerBoundFrom(leaves[at] as KeyLeaf, hashes[at] as number, indexes[at] as number);
  }
}

function touchKeys({ count, indexes }: KeysAhead): number {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const leaf = leaves[at] as KeyLeaf;
    const index = indexes[at] as number;
    if (index < keysIn(leaf)) sum += keyAt(leaf, index).length;
  }
  return sum;
}

function touchValues({ count, indexes }: KeysAhead): number {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const leaf = leaves[at] as KeyLeaf;
    const index = indexes[at] as number;
    if (index < keysIn(leaf)) sum += valueBytes(valueAt(leaf, index));
  }
  return sum;
}
