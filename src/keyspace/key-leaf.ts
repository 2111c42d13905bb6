/**
 * Some keys of one slot, sorted by hash and then by bytes. A leaf is one flat array, because a million keys are looked up
 * in memory that no cache holds: the hash that the search compares, the key, the value and the rest stand side by side,
 * and there is no object a key (docs/decisions/keyspace-memory.md has the measurements). Being sorted, a leaf lies in
 * memory in the logical order, however it came to be, and walking it needs no sorting. (The leaf of a slot that is gathered is
 * put in order later: gathered-slots.ts.)
 *
 * ```
 *   [ hash, key, value, meta,  hash, key, value, meta,  … ]
 * ```
 *
 * This file alone knows the layout, and is the codec between it and types; all others see `KeyLeaf` and these functions.
 */
import { assert } from "../platform/index.ts";
import { keyHashCount } from "./key-hash.ts";
import type { Value } from "./value.ts";

/** A leaf with more keys is split in two. Inserting moves half a leaf in the mean, so it must stay short. */
export const leafKeysMax = 128;

/**
 * What is kept of a key beside its value: the index of the last entry that changed it; or, if it has a deadline,
 * `-1 - id` of that in the deadline index, which then keeps the other as well.
 */
export type KeyMeta = number;

/** The deadline's id, of a key that has one. */
export function deadlineIdOf(meta: KeyMeta): number {
  return -1 - meta;
}

/** The meta of a key whose deadline has this id. */
export function metaOfDeadline(id: number): KeyMeta {
  return -1 - id;
}

type Cell = number | Value;

/** Changed by the functions of this file only. */
export interface KeyLeaf extends Array<Cell> {
  readonly brand?: "KeyLeaf";
}

const cellsPerKey = 4;
const keyOffset = 1;
const valueOffset = 2;
const metaOffset = 3;

export function keysIn(leaf: KeyLeaf): number {
  return leaf.length / cellsPerKey;
}

export function hashAt(leaf: KeyLeaf, index: number): number {
  return leaf[cellsPerKey * index] as number;
}

export function keyAt(leaf: KeyLeaf, index: number): string {
  return leaf[cellsPerKey * index + keyOffset] as string;
}

export function valueAt(leaf: KeyLeaf, index: number): Value {
  return leaf[cellsPerKey * index + valueOffset] as Value;
}

export function metaAt(leaf: KeyLeaf, index: number): KeyMeta {
  return leaf[cellsPerKey * index + metaOffset] as KeyMeta;
}

export function setValueAt(leaf: KeyLeaf, index: number, value: Value): void {
  leaf[cellsPerKey * index + valueOffset] = value;
}

export function setMetaAt(leaf: KeyLeaf, index: number, meta: KeyMeta): void {
  leaf[cellsPerKey * index + metaOffset] = meta;
}

/** Where `lowerBound` looks first, in a leaf that is not empty. */
export function firstGuess(leaf: KeyLeaf, hash: number): number {
  return Math.floor((hash / keyHashCount) * keysIn(leaf));
}

/**
 * The first index whose hash is `hash` or above, in a leaf that holds all keys of its slot. Their hashes are spread
 * evenly over all there are, so the guess is off by a few places, and nothing but these is read.
 */
export function lowerBound(leaf: KeyLeaf, hash: number): number {
  return lowerBoundFrom(leaf, hash, firstGuess(leaf, hash));
}

/** The same; `guess` is a whole number, 0 or above, and may be any. */
export function lowerBoundFrom(leaf: KeyLeaf, hash: number, guess: number): number {
  const count = keysIn(leaf);
  let index = Math.min(guess, count);
  while (index > 0 && hashAt(leaf, index - 1) >= hash) index--;
  while (index < count && hashAt(leaf, index) < hash) index++;
  return index;
}

/** The same in a leaf that holds a part of its slot's keys, of hashes near to one another. */
export function lowerBoundInPart(leaf: KeyLeaf, hash: number): number {
  let low = 0;
  let high = keysIn(leaf);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (hashAt(leaf, middle) < hash) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts a key at `index`. */
export function insertAt(leaf: KeyLeaf, index: number, hash: number, key: string, value: Value, meta: KeyMeta): void {
  const at = cellsPerKey * index;
  const last = leaf.length - 1;
  leaf.push(hash, key, value, meta);
  if (at > last) return;
  for (let from = last; from >= at; from--) leaf[from + cellsPerKey] = leaf[from] as Cell;
  leaf[at] = hash;
  leaf[at + keyOffset] = key;
  leaf[at + valueOffset] = value;
  leaf[at + metaOffset] = meta;
}

/** Sorts a leaf whose keys stand in any order. */
export function putInOrder(leaf: KeyLeaf): void {
  const count = keysIn(leaf);
  assert(count <= leafKeysMax, "a leaf is put in order that should have been split");
  for (let index = 0; index < count; index++) hashes[index] = hashAt(leaf, index);
  for (let index = 0; index < count; index++) {
    const hash = hashes[index] as number;
    let place = index;
    while (place > 0 && isBefore(leaf, hash, index, order[place - 1] as number)) {
      order[place] = order[place - 1] as number;
      place--;
    }
    order[place] = index;
  }
  const copy = leaf.slice();
  for (let index = 0; index < count; index++) copyKey(copy, order[index] as number, leaf, index);
}

/** Of use within one call of `putInOrder` only. */
const hashes = new Int32Array(leafKeysMax);
const order = new Uint8Array(leafKeysMax);

/** Whether the key at `index`, of that hash, stands before the one at `other`. */
function isBefore(leaf: KeyLeaf, hash: number, index: number, other: number): boolean {
  const otherHash = hashes[other] as number;
  return hash < otherHash || (hash === otherHash && keyAt(leaf, index) < keyAt(leaf, other));
}

function copyKey(from: KeyLeaf, index: number, to: KeyLeaf, toIndex: number): void {
  const start = cellsPerKey * index;
  const toStart = cellsPerKey * toIndex;
  for (let cell = 0; cell < cellsPerKey; cell++) to[toStart + cell] = from[start + cell] as Cell;
}

/** Takes the key at `index` out. */
export function removeAt(leaf: KeyLeaf, index: number): void {
  leaf.splice(cellsPerKey * index, cellsPerKey);
}

/** A leaf of its own of the keys from `start` up to, not including, `end`, without spare room. */
export function partOf(leaf: KeyLeaf, start: number, end: number): KeyLeaf {
  return leaf.slice(cellsPerKey * start, cellsPerKey * end);
}

/** The lower and the upper half of a leaf of two keys or more. */
export function halvesOf(leaf: KeyLeaf): [KeyLeaf, KeyLeaf] {
  const middle = keysIn(leaf) >> 1;
  assert(middle > 0, "a leaf of less than two keys is split");
  return [partOf(leaf, 0, middle), partOf(leaf, middle, keysIn(leaf))];
}

/** One leaf with the keys of two that follow each other. */
export function joined(left: KeyLeaf, right: KeyLeaf): KeyLeaf {
  return left.concat(right);
}
