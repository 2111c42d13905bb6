/**
 * All keys of a keyspace in their logical order (key-hash.ts). A slot is one leaf, or a list of leaves once a hash tag
 * has put more into it than a leaf holds: a two-level tree, in which nothing grows by more than a list of a few
 * thousand references at once, so that no insertion stalls.
 *
 * The table has a place: `find` goes to a key, or to where it would stand; the other methods work there.
 */
import { assert } from "../platform/index.ts";
import type { Arguments } from "../resp/index.ts";
import { hashSlot, hashSlotOfText, slotCount } from "../ring/index.ts";
import { type KeyPosition, keyHash, keyHashCount, keyHashOfText } from "./key-hash.ts";
import { KeyLeaf, leafKeysMax } from "./key-leaf.ts";
import type { Value } from "./value.ts";

/** Longer keys are compared by the built-in comparison, whose calls cost as much as this many bytes one by one. */
const loopCompareBytesMax = 64;

type Slot = KeyLeaf | KeyLeaf[] | undefined;

export class KeyTable {
  /** The leaf and index of the place. Of use only right after a search, until keys come or go. */
  leaf: KeyLeaf = new KeyLeaf();
  index = 0;
  /** Number of keys in the table. */
  keyCount = 0;
  #slot = 0;
  #hash = 0;
  /** The number of the leaf within its slot's list. */
  #leafNumber = 0;
  readonly #slots: Slot[] = new Array<Slot>(slotCount).fill(undefined);

  /** Goes to the key that is word `word`; false if it is not there. */
  find(args: Arguments, word: number): boolean {
    const bytes = args.bytes;
    const start = args.starts[word] as number;
    const end = args.ends[word] as number;
    this.#slot = hashSlot(bytes, start, end);
    this.#hash = keyHash(bytes, start, end);
    const slot = this.#slots[this.#slot];
    if (slot === undefined) return false;
    const hash = this.#hash;
    if (slot instanceof KeyLeaf) {
      const index = slot.lowerBound(hash);
      this.leaf = slot;
      this.index = index;
      if (index === slot.hashes.length || slot.hashes[index] !== hash) return false;
      if (isKey(slot.keys[index] as string, bytes, start, end)) return true;
    }
    // Many leaves, or several keys with one hash.
    return this.#findAmong(slot, bytes.latin1Slice(start, end));
  }

  /** Goes to `key`, a byte string; false if it is not there. */
  findText(key: string): boolean {
    this.#slot = hashSlotOfText(key);
    this.#hash = keyHashOfText(key);
    const slot = this.#slots[this.#slot];
    return slot !== undefined && this.#findAmong(slot, key);
  }

  /** Inserts the key that `find` has just missed. */
  insert(key: string, value: Value, revision: number): void {
    const slot = this.#slots[this.#slot];
    if (slot === undefined) {
      this.leaf = new KeyLeaf();
      this.index = 0;
      this.#slots[this.#slot] = this.leaf;
    } else if (this.leaf.keys.length >= leafKeysMax) {
      this.#split(slot);
      this.#findAmong(this.#slots[this.#slot], key);
    }
    this.leaf.insert(this.index, this.#hash, key, value, revision);
    this.keyCount++;
  }

  /** Removes the key at the place, which `find` has just found and which has no deadline any more. */
  remove(): void {
    this.leaf.remove(this.index);
    this.keyCount--;
    const slot = this.#slots[this.#slot];
    if (Array.isArray(slot)) this.#shrink(slot);
    else if (this.leaf.keys.length === 0) this.#slots[this.#slot] = undefined;
  }

  /** All keys from `position` on. */
  walk(position: KeyPosition): KeyWalk {
    return new KeyWalk(this.#slots, position);
  }

  /** The key that `number` others stand before in the logical order. */
  nth(number: number): KeyWalk {
    let before = 0;
    for (let slot = 0; slot < slotCount; slot++) {
      const count = keysIn(this.#slots[slot]);
      if (before + count > number) {
        const walk = this.walk(slot * keyHashCount);
        walk.skip(number - before);
        return walk;
      }
      before += count;
    }
    return this.walk(slotCount * keyHashCount);
  }

  #findAmong(slot: Slot, key: string): boolean {
    assert(slot !== undefined, "a search in an empty slot");
    const hash = this.#hash;
    let leaf: KeyLeaf;
    if (slot instanceof KeyLeaf) {
      leaf = slot;
    } else {
      this.#leafNumber = leafNumberOf(slot, hash, key);
      leaf = slot[this.#leafNumber] as KeyLeaf;
    }
    let index = leaf.lowerBound(hash);
    while (index < leaf.hashes.length && leaf.hashes[index] === hash && (leaf.keys[index] as string) < key) index++;
    this.leaf = leaf;
    this.index = index;
    return index < leaf.keys.length && leaf.keys[index] === key;
  }

  #split(slot: KeyLeaf | KeyLeaf[]): void {
    if (slot instanceof KeyLeaf) this.#slots[this.#slot] = [slot, slot.split()];
    else slot.splice(this.#leafNumber + 1, 0, this.leaf.split());
  }

  /** Drops a leaf that has become empty, or joins a small one with its neighbour. */
  #shrink(leaves: KeyLeaf[]): void {
    const at = this.#leafNumber;
    if (this.leaf.keys.length > leafKeysMax / 4) return;
    if (this.leaf.keys.length === 0) {
      leaves.splice(at, 1);
    } else {
      const from = at + 1 < leaves.length ? at : at - 1;
      const left = leaves[from] as KeyLeaf;
      const right = leaves[from + 1] as KeyLeaf;
      if (left.keys.length + right.keys.length > leafKeysMax / 2) return;
      left.absorb(right);
      leaves.splice(from + 1, 1);
    }
    if (leaves.length === 1) this.#slots[this.#slot] = leaves[0];
  }
}

/** Goes through keys in their logical order. The table must not change meanwhile. */
export class KeyWalk {
  /** The leaf of the present key; undefined behind the last one. */
  leaf: KeyLeaf | undefined;
  index = 0;
  slot: number;
  #leafNumber = 0;
  readonly #slots: readonly Slot[];

  constructor(slots: readonly Slot[], position: KeyPosition) {
    this.#slots = slots;
    this.slot = Math.floor(position / keyHashCount);
    const hash = position % keyHashCount;
    const slot = slots[this.slot];
    if (Array.isArray(slot)) this.#leafNumber = firstLeafWith(slot, hash);
    this.leaf = slot instanceof KeyLeaf ? slot : slot?.[this.#leafNumber];
    if (this.leaf !== undefined) this.index = this.leaf.lowerBound(hash);
    this.#skipEnds();
  }

  /** Of the present key, or the end of all. */
  get position(): KeyPosition {
    return this.slot * keyHashCount + (this.leaf === undefined ? 0 : (this.leaf.hashes[this.index] as number));
  }

  next(): void {
    this.index++;
    this.#skipEnds();
  }

  /** Goes on by `count` keys. There must be as many. */
  skip(count: number): void {
    let left = count;
    while (left > 0) {
      assert(this.leaf !== undefined, "a walk skips past the last key");
      const step = Math.min(left, this.leaf.keys.length - this.index);
      this.index += step;
      left -= step;
      this.#skipEnds();
    }
  }

  /** From behind the end of a leaf to the next leaf that has keys. */
  #skipEnds(): void {
    while (this.leaf === undefined || this.index >= this.leaf.keys.length) {
      const slot = this.#slots[this.slot];
      this.index = 0;
      if (Array.isArray(slot) && this.#leafNumber + 1 < slot.length) {
        this.leaf = slot[++this.#leafNumber];
        continue;
      }
      this.leaf = undefined;
      if (this.slot >= slotCount - 1) {
        this.slot = slotCount;
        return;
      }
      const following = this.#slots[++this.slot];
      this.#leafNumber = 0;
      this.leaf = following instanceof KeyLeaf ? following : following?.[0];
    }
  }
}

function keysIn(slot: Slot): number {
  if (slot === undefined) return 0;
  if (slot instanceof KeyLeaf) return slot.keys.length;
  let count = 0;
  for (const leaf of slot) count += leaf.keys.length;
  return count;
}

/** The last leaf whose first key is not behind (`hash`, `key`), or the first leaf. */
function leafNumberOf(leaves: readonly KeyLeaf[], hash: number, key: string): number {
  let low = 0;
  let high = leaves.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const leaf = leaves[middle] as KeyLeaf;
    const first = leaf.hashes[0] as number;
    if (first < hash || (first === hash && (leaf.keys[0] as string) <= key)) low = middle;
    else high = middle;
  }
  return low;
}

/** The last leaf that begins below `hash`, or the first leaf: the keys from `hash` on begin in it or right after it. */
function firstLeafWith(leaves: readonly KeyLeaf[], hash: number): number {
  let low = 0;
  let high = leaves.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (((leaves[middle] as KeyLeaf).hashes[0] as number) < hash) low = middle;
    else high = middle;
  }
  return low;
}

function isKey(key: string, bytes: Buffer, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  if (key.length > loopCompareBytesMax) return bytes.latin1Slice(start, end) === key;
  for (let at = 0; at < key.length; at++) if (key.charCodeAt(at) !== bytes[start + at]) return false;
  return true;
}
