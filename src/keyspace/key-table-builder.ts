/**
 * Builds a table from keys that come in the logical order: no search, no leaf that grows in small steps, and none with
 * spare room in the end.
 */
import { slotCount } from "../ring/index.ts";
import { insertAt, type KeyLeaf, type KeyMeta, keysIn, leafKeysMax, partOf } from "./key-leaf.ts";
import { type KeySlot, KeyTable, LeafList } from "./key-table.ts";
import type { Value } from "./value.ts";

/** A slot's leaves, while they come, have so many keys, so that the first insertions split none. */
const listLeafKeys = Math.floor((leafKeysMax * 3) / 4);

export class KeyTableBuilder {
  readonly #slots: KeySlot[] = new Array<KeySlot>(slotCount).fill(undefined);
  #slot = 0;
  /** The last keys of the present slot, and the leaves before them. */
  #leaf: KeyLeaf = [];
  #leaves: KeyLeaf[] = [];

  /** Adds a key that stands behind all others. */
  add(slot: number, hash: number, key: string, value: Value, meta: KeyMeta): void {
    if (slot !== this.#slot) this.#endSlot(slot);
    const leaf = this.#leaf;
    insertAt(leaf, keysIn(leaf), hash, key, value, meta);
    if (keysIn(leaf) === 2 * listLeafKeys) {
      this.#leaves.push(partOf(leaf, 0, listLeafKeys));
      this.#leaf = partOf(leaf, listLeafKeys, 2 * listLeafKeys);
    }
  }

  /** The table. The builder is of no more use. */
  finish(): KeyTable {
    this.#endSlot(slotCount);
    return new KeyTable(this.#slots);
  }

  #endSlot(next: number): void {
    const leaf = this.#leaf;
    const count = keysIn(leaf);
    if (count > 0) {
      const ends = count <= leafKeysMax ? [0, count] : [0, count >> 1, count];
      const leaves = ends.slice(1).map((end, at) => partOf(leaf, ends[at] as number, end));
      const all = [...this.#leaves, ...leaves];
      this.#slots[this.#slot] = all.length === 1 ? all[0] : new LeafList(all);
      this.#leaf = [];
      this.#leaves = [];
    }
    this.#slot = next;
  }
}
