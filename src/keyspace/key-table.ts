/**
 * All keys of a keyspace in their logical order (key-hash.ts). A slot is one leaf, or a list of leaves once a hash tag
 * has put more into it than a leaf holds: a two-level tree, in which nothing grows by more than a list of a few
 * thousand references at once, so that no insertion stalls.
 *
 * The table has a place: `find` goes to a key, or to where it would stand; the other methods work there, and a walk ends it.
 */
import { assert } from "../platform/index.ts";
import type { Arguments } from "../resp/index.ts";
import { hashSlot, hashSlotOfText, slotCount } from "../ring/index.ts";
import { GatheredSlots } from "./gathered-slots.ts";
import { type KeyPosition, keyHash, keyHashCount, keyHashOfText } from "./key-hash.ts";
import {
  halvesOf,
  hashAt,
  insertAt,
  joined,
  type KeyLeaf,
  type KeyMeta,
  keyAt,
  keysIn,
  leafKeysMax,
  lowerBound,
  lowerBoundFrom,
  lowerBoundInPart,
  metaAt,
  removeAt,
  setMetaAt,
  setValueAt,
  valueAt,
} from "./key-leaf.ts";
import { KeysAhead } from "./keys-ahead.ts";
import { hashAhead, touchAhead } from "./leaves-ahead.ts";
import type { Value } from "./value.ts";

/** Longer keys are compared by the built-in comparison, whose calls cost as much as this many bytes one by one. */
const loopCompareBytesMax = 64;

/** Slots are counted in groups of 128. */
const groupBits = 7;
const groupMask = (1 << groupBits) - 1;

/** The leaves of a slot that holds more keys than one leaf may, in order, none of them empty. */
export class LeafList {
  readonly leaves: KeyLeaf[];

  constructor(leaves: KeyLeaf[]) {
    this.leaves = leaves;
  }
}

/** All keys of one slot. */
export type KeySlot = KeyLeaf | LeafList | undefined;

const noKeysAhead = new KeysAhead();

export class KeyTable {
  /** Number of keys in the table. */
  keyCount = 0;
  /** The leaf and index of the place. */
  #leaf: KeyLeaf = [];
  #index = 0;
  #slot = 0;
  #hash = 0;
  /** The number of the leaf within its slot's list. */
  #leafNumber = 0;
  #ahead: KeysAhead = noKeysAhead;
  #isGathering = false;
  readonly #gathered: GatheredSlots = new GatheredSlots();
  readonly #slots: KeySlot[];
  /** Keys in each group of slots, so that the n-th key and the next one are found in a few hundred steps. */
  readonly #groupCounts: Int32Array = new Int32Array(slotCount >> groupBits);

  /** An empty table, or the one whose slots these are: it takes them over. */
  constructor(slots: KeySlot[] = new Array<KeySlot>(slotCount).fill(undefined)) {
    this.#slots = slots;
    for (let slot = 0; slot < slotCount; slot++) {
      const keyCount = keysInSlot(slots[slot]);
      const group = slot >> groupBits;
      this.keyCount += keyCount;
      this.#groupCounts[group] = (this.#groupCounts[group] as number) + keyCount;
    }
  }

  /** Advice: whether very many new keys are to come. Slots that get any are then gathered, as far as they are one leaf. */
  gather(isGathering: boolean): void {
    this.#isGathering = isGathering;
  }

  /** Of the key at the place, as are the next ones. */
  get key(): string {
    return keyAt(this.#leaf, this.#index);
  }

  get hash(): number {
    return this.#hash;
  }

  get position(): KeyPosition {
    return this.#slot * keyHashCount + this.#hash;
  }

  get value(): Value {
    return valueAt(this.#leaf, this.#index);
  }

  set value(value: Value) {
    setValueAt(this.#leaf, this.#index, value);
  }

  get meta(): KeyMeta {
    return metaAt(this.#leaf, this.#index);
  }

  set meta(meta: KeyMeta) {
    setMetaAt(this.#leaf, this.#index, meta);
  }

  /** Looks at what `find` will look at for each of `keys`, which are valid until they are cleared. Changes nothing. */
  readAhead(keys: KeysAhead): void {
    hashAhead(keys);
    touchAhead(keys, this.#slots, this.#gathered);
    this.#ahead = keys;
  }

  /** Goes to the key that is word `word`; false if it is not there. */
  find(args: Arguments, word: number): boolean {
    const bytes = args.bytes;
    const start = args.starts[word] as number;
    const end = args.ends[word] as number;
    const ahead = this.#ahead.indexOf(bytes, start, end);
    this.#slot = ahead < 0 ? hashSlot(bytes, start, end) : (this.#ahead.slots[ahead] as number);
    this.#hash = ahead < 0 ? keyHash(bytes, start, end) : (this.#ahead.hashes[ahead] as number);
    const slot = this.#slots[this.#slot];
    if (slot === undefined) return false;
    const hash = this.#hash;
    if (!(slot instanceof LeafList)) {
      if (this.#gathered.has(this.#slot)) return this.#findGathered(slot, bytes, start, end);
      const index =
        ahead < 0 ? lowerBound(slot, hash) : lowerBoundFrom(slot, hash, this.#ahead.indexes[ahead] as number);
      this.#leaf = slot;
      this.#index = index;
      if (index === keysIn(slot) || hashAt(slot, index) !== hash) return false;
      if (isKey(keyAt(slot, index), bytes, start, end)) return true;
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

  /** Inserts the key that `find` has just missed. It is then the key at the place. */
  insert(key: string, value: Value, meta: KeyMeta): void {
    const slot = this.#slots[this.#slot];
    if (slot === undefined) {
      this.#leaf = this.#slots[this.#slot] = [];
      this.#index = 0;
    } else if (keysIn(this.#leaf) >= leafKeysMax) {
      this.#order(this.#slot);
      this.#split(slot);
      this.#findAmong(this.#slots[this.#slot], key);
    } else if (this.#isGathering && this.#index < keysIn(this.#leaf) && !(slot instanceof LeafList)) {
      this.#gathered.begin(this.#slot, slot);
      this.#index = keysIn(slot);
    }
    if (this.#gathered.has(this.#slot)) {
      if (this.#isGathering) this.#gathered.append(this.#slot, this.#index, this.#hash);
      else this.#findAmong(this.#leaf, key);
    }
    insertAt(this.#leaf, this.#index, this.#hash, key, value, meta);
    this.#count(1);
  }

  /** Removes the key at the place, which `find` has just found and which has no deadline any more. */
  remove(): void {
    if (this.#gathered.has(this.#slot)) this.#gathered.remove(this.#slot, this.#index, this.#leaf);
    removeAt(this.#leaf, this.#index);
    this.#count(-1);
    const slot = this.#slots[this.#slot];
    if (slot instanceof LeafList) this.#shrink(slot.leaves);
    else if (keysIn(this.#leaf) === 0) this.#slots[this.#slot] = undefined;
  }

  /** All keys from `position` on. */
  walk(position: KeyPosition): KeyWalk {
    return new KeyWalk((slot) => this.#order(slot), this.#groupCounts, position);
  }

  /** The key that `number` others stand before in the logical order. There must be more keys than that. */
  nth(number: number): KeyWalk {
    let left = number;
    let group = 0;
    for (; group < this.#groupCounts.length; group++) {
      const count = this.#groupCounts[group] as number;
      if (left < count) break;
      left -= count;
    }
    const walk = this.walk((group << groupBits) * keyHashCount);
    walk.skip(left);
    return walk;
  }

  #findAmong(slot: KeySlot, key: string): boolean {
    assert(slot !== undefined, "a search in an empty slot");
    this.#order(this.#slot);
    const hash = this.#hash;
    let leaf: KeyLeaf;
    let index: number;
    if (slot instanceof LeafList) {
      this.#leafNumber = leafNumberOf(slot.leaves, hash, key);
      leaf = slot.leaves[this.#leafNumber] as KeyLeaf;
      index = lowerBoundInPart(leaf, hash);
    } else {
      leaf = slot;
      index = lowerBound(leaf, hash);
    }
    const count = keysIn(leaf);
    while (index < count && hashAt(leaf, index) === hash && keyAt(leaf, index) < key) index++;
    this.#leaf = leaf;
    this.#index = index;
    return index < count && keyAt(leaf, index) === key;
  }

  /** Goes to the key in the leaf of a gathered slot, or to its end. */
  #findGathered(leaf: KeyLeaf, bytes: Buffer, start: number, end: number): boolean {
    const gathered = this.#gathered;
    const hash = this.#hash;
    const count = keysIn(leaf);
    let index = -1;
    do index = gathered.indexOf(this.#slot, hash, index + 1, count);
    while (index < count && (hashAt(leaf, index) !== hash || !isKey(keyAt(leaf, index), bytes, start, end)));
    this.#leaf = leaf;
    this.#index = index;
    return index < count;
  }

  /** What stands there for the slot, in order. */
  #order(number: number): KeySlot {
    const slot = this.#slots[number];
    if (this.#gathered.has(number)) this.#gathered.order(number, slot as KeyLeaf);
    return slot;
  }

  #count(change: 1 | -1): void {
    this.keyCount += change;
    const group = this.#slot >> groupBits;
    this.#groupCounts[group] = (this.#groupCounts[group] as number) + change;
  }

  #split(slot: KeyLeaf | LeafList): void {
    const halves = halvesOf(this.#leaf);
    if (slot instanceof LeafList) slot.leaves.splice(this.#leafNumber, 1, ...halves);
    else this.#slots[this.#slot] = new LeafList(halves);
  }

  /** Drops a leaf that has become empty, or joins a small one with its neighbour. */
  #shrink(leaves: KeyLeaf[]): void {
    const at = this.#leafNumber;
    const count = keysIn(this.#leaf);
    if (count > leafKeysMax / 4) return;
    if (count === 0) {
      leaves.splice(at, 1);
    } else {
      const from = at + 1 < leaves.length ? at : at - 1;
      const left = leaves[from] as KeyLeaf;
      const right = leaves[from + 1] as KeyLeaf;
      if (keysIn(left) + keysIn(right) > leafKeysMax / 2) return;
      leaves.splice(from, 2, joined(left, right));
    }
    if (leaves.length === 1) this.#slots[this.#slot] = leaves[0];
  }
}

/** Goes through keys in their logical order. The table must not change meanwhile. */
export class KeyWalk {
  /** Undefined behind the last key. */
  #leaf: KeyLeaf | undefined;
  #index = 0;
  #slot: number;
  #leafNumber = 0;
  readonly #slotAt: (number: number) => KeySlot;
  readonly #groupCounts: Int32Array;

  constructor(slotAt: (number: number) => KeySlot, groupCounts: Int32Array, position: KeyPosition) {
    this.#slotAt = slotAt;
    this.#groupCounts = groupCounts;
    this.#slot = Math.floor(position / keyHashCount);
    const hash = position % keyHashCount;
    const slot = slotAt(this.#slot);
    if (slot instanceof LeafList) {
      this.#leafNumber = firstLeafWith(slot.leaves, hash);
      this.#leaf = slot.leaves[this.#leafNumber];
    } else {
      this.#leaf = slot;
    }
    if (this.#leaf !== undefined) this.#index = lowerBoundInPart(this.#leaf, hash);
    this.#skipEnds();
  }

  /** Whether all keys have been passed. If so, nothing else may be asked but the position. */
  get isOver(): boolean {
    return this.#leaf === undefined;
  }

  /** Of the present key, or the end of all. */
  get position(): KeyPosition {
    return this.#slot * keyHashCount + (this.#leaf === undefined ? 0 : hashAt(this.#leaf, this.#index));
  }

  get key(): string {
    return keyAt(this.#present, this.#index);
  }

  get value(): Value {
    return valueAt(this.#present, this.#index);
  }

  get meta(): KeyMeta {
    return metaAt(this.#present, this.#index);
  }

  next(): void {
    this.#index++;
    this.#skipEnds();
  }

  /** Goes on by `count` keys. There must be as many. */
  skip(count: number): void {
    let left = count;
    while (left > 0) {
      const step = Math.min(left, keysIn(this.#present) - this.#index);
      this.#index += step;
      left -= step;
      this.#skipEnds();
    }
  }

  get #present(): KeyLeaf {
    assert(this.#leaf !== undefined, "a walk asks for a key behind the last one");
    return this.#leaf;
  }

  /** The slot after the present one, past groups without keys. */
  #nextSlot(): number {
    let slot = this.#slot + 1;
    while ((slot & groupMask) === 0 && slot < slotCount && this.#groupCounts[slot >> groupBits] === 0) {
      slot += groupMask + 1;
    }
    return Math.min(slot, slotCount);
  }

  /** From behind the end of a leaf to the next leaf that has keys. */
  #skipEnds(): void {
    while (this.#leaf === undefined || this.#index >= keysIn(this.#leaf)) {
      const slot = this.#slotAt(this.#slot);
      this.#index = 0;
      if (slot instanceof LeafList && this.#leafNumber + 1 < slot.leaves.length) {
        this.#leaf = slot.leaves[++this.#leafNumber];
        continue;
      }
      this.#leaf = undefined;
      this.#slot = this.#nextSlot();
      if (this.#slot >= slotCount) return;
      const following = this.#slotAt(this.#slot);
      this.#leafNumber = 0;
      this.#leaf = following instanceof LeafList ? following.leaves[0] : following;
    }
  }
}

function keysInSlot(slot: KeySlot): number {
  if (slot === undefined) return 0;
  if (!(slot instanceof LeafList)) return keysIn(slot);
  return slot.leaves.reduce((count, leaf) => count + keysIn(leaf), 0);
}

/** The last leaf whose first key is not behind (`hash`, `key`), or the first leaf. */
function leafNumberOf(leaves: readonly KeyLeaf[], hash: number, key: string): number {
  let low = 0;
  let high = leaves.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const leaf = leaves[middle] as KeyLeaf;
    const first = hashAt(leaf, 0);
    if (first < hash || (first === hash && keyAt(leaf, 0) <= key)) low = middle;
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
    if (hashAt(leaves[middle] as KeyLeaf, 0) < hash) low = middle;
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
