/**
 * While very many keys come at once, as when a log is replayed, keeping each leaf in order is what costs most: every key moves
 * half a leaf. A slot that is gathered lets its leaf stand in the order in which its keys came, and finds them by fingerprints,
 * two bytes of each key's hash, which lie side by side: a search among sixty keys reads two lines of the processor's cache.
 *
 * ```
 *   leaf           [ key 7, key 2, key 9, … ]      put in order once, when somebody walks through the slot,
 *   fingerprints   [  f7,    f2,    f9,   … ]      or when it has become too large for one leaf
 * ```
 */
import { slotCount } from "../ring/index.ts";
import { hashAt, type KeyLeaf, keysIn, leafKeysMax, putInOrder } from "./key-leaf.ts";

const fingerprintMask = 0xffff;
const noFingerprints = new Uint16Array();

export class GatheredSlots {
  /** Of slot `s` from `s * leafKeysMax` on, in the order of its leaf; there while any slot is gathered. */
  #fingerprints: Uint16Array = noFingerprints;
  readonly #isGathered: Uint8Array = new Uint8Array(slotCount);
  #count = 0;

  has(slot: number): boolean {
    return this.#isGathered[slot] === 1;
  }

  /** From now on the slot is gathered; `leaf` is all of it. */
  begin(slot: number, leaf: KeyLeaf): void {
    if (this.#count++ === 0) this.#fingerprints = new Uint16Array(slotCount * leafKeysMax);
    this.#isGathered[slot] = 1;
    for (let index = 0; index < keysIn(leaf); index++) this.append(slot, index, hashAt(leaf, index));
  }

  /** A key comes to stand at `index`, behind all others of the slot. */
  append(slot: number, index: number, hash: number): void {
    this.#fingerprints[slot * leafKeysMax + index] = hash & fingerprintMask;
  }

  /** The key at `index` is taken out of `leaf`, and the ones behind it move up. */
  remove(slot: number, index: number, leaf: KeyLeaf): void {
    const start = slot * leafKeysMax;
    this.#fingerprints.copyWithin(start + index, start + index + 1, start + keysIn(leaf));
    if (keysIn(leaf) === 1) this.#end(slot);
  }

  /** The first key from `from` on that may have this hash, of `count` keys; `count` if none may. */
  indexOf(slot: number, hash: number, from: number, count: number): number {
    const fingerprints = this.#fingerprints;
    const start = slot * leafKeysMax;
    const fingerprint = hash & fingerprintMask;
    let index = from;
    while (index < count && fingerprints[start + index] !== fingerprint) index++;
    return index;
  }

  /** Something that is read with the slot's fingerprints. */
  touch(slot: number): number {
    return this.#fingerprints[slot * leafKeysMax] as number;
  }

  /** The slot is gathered no longer: its leaf is put in order. */
  order(slot: number, leaf: KeyLeaf): void {
    putInOrder(leaf);
    this.#end(slot);
  }

  #end(slot: number): void {
    this.#isGathered[slot] = 0;
    if (--this.#count === 0) this.#fingerprints = noFingerprints;
  }
}
