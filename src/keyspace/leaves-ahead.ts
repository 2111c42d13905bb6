/**
 * The loops behind `KeyTable.readAhead`. Each touches one thing of each key and does little else, so that the processor is
 * soon at the next key's and waits for many of them at once. With the hashing in the same loop, or a call that the compiler
 * leaves a call, most of that is lost.
 */
import { hashSlot } from "../ring/index.ts";
import type { GatheredSlots } from "./gathered-slots.ts";
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
export function touchAhead(
  keys: KeysAhead,
  table: readonly (KeyLeaf | object | undefined)[],
  gathered: GatheredSlots,
): void {
  for (let at = 0; at < keys.count; at++) slotsAhead[at] = table[keys.slots[at] as number];
  findLeaves(keys);
  keys.sum = touchCells(keys, gathered);
  keys.sum += findIndexes(keys, gathered);
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

function touchCells({ count, slots, indexes }: KeysAhead, gathered: GatheredSlots): number {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const leaf = leaves[at] as KeyLeaf;
    const index = indexes[at] as number;
    const slot = slots[at] as number;
    if (gathered.has(slot)) sum += gathered.touch(slot) + hashAt(leaf, 0);
    else if (index < keysIn(leaf)) sum += hashAt(leaf, index);
  }
  return sum;
}

function findIndexes({ count, slots, hashes, indexes }: KeysAhead, gathered: GatheredSlots): number {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const leaf = leaves[at] as KeyLeaf;
    const hash = hashes[at] as number;
    const slot = slots[at] as number;
    if (gathered.has(slot)) {
      const keyCount = keysIn(leaf);
      indexes[at] = gathered.indexOf(slot, hash, 0, keyCount);
      // A key that is not there will stand behind this one.
      sum += hashAt(leaf, keyCount - 1);
    } else {
      indexes[at] = lowerBoundFrom(leaf, hash, indexes[at] as number);
    }
  }
  return sum;
}

/** Where another hash stands, the key is not there, and a search looks no further either. */
function touchKeys({ count, hashes, indexes }: KeysAhead): number {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const leaf = leaves[at] as KeyLeaf;
    const index = indexes[at] as number;
    if (index < keysIn(leaf) && hashAt(leaf, index) === hashes[at]) sum += keyAt(leaf, index).length;
  }
  return sum;
}

function touchValues({ count, hashes, indexes }: KeysAhead): number {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const leaf = leaves[at] as KeyLeaf;
    const index = indexes[at] as number;
    if (index < keysIn(leaf) && hashAt(leaf, index) === hashes[at]) sum += valueBytes(valueAt(leaf, index));
  }
  return sum;
}
