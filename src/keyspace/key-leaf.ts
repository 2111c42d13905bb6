/**
 * Some keys of one slot, sorted by hash and then by bytes: parallel arrays instead of an object a key, which is what
 * keeps a million keys small (docs/decisions/keyspace-memory.md). Being sorted, a leaf lies in memory in the logical
 * order, however it came to be, and walking it needs no sorting.
 */
import { assert } from "../platform/index.ts";
import type { Value } from "./value.ts";

/** A leaf with more keys is split in two. Inserting moves half a leaf at worst, so it must stay short. */
export const leafKeysMax = 128;

/** The key has no deadline. */
export const noDeadline = -1;

/** Only {@link KeyTable} changes which keys there are; values, revisions and deadlines are the keyspace's. */
export class KeyLeaf {
  readonly hashes: number[] = [];
  readonly keys: string[] = [];
  readonly values: Value[] = [];
  /** The index of the last entry that changed the key. */
  readonly revisions: number[] = [];
  /** Ids in the deadline index, or {@link noDeadline}; undefined as long as no key of the leaf has ever had one. */
  deadlineIds: number[] | undefined = undefined;

  /** The first index whose hash is `hash` or above. */
  lowerBound(hash: number): number {
    const hashes = this.hashes;
    const count = hashes.length;
    if (count === 0) return 0;
    const first = hashes[0] as number;
    const last = hashes[count - 1] as number;
    if (hash <= first) return 0;
    if (hash > last) return count;
    // Hashes are spread evenly, so the guess is off by a few places only.
    let at = Math.floor(((hash - first) / (last - first)) * (count - 1));
    while ((hashes[at] as number) >= hash) at--;
    do at++;
    while ((hashes[at] as number) < hash);
    return at;
  }

  insert(at: number, hash: number, key: string, value: Value, revision: number): void {
    const { hashes, keys, values, revisions, deadlineIds } = this;
    const last = keys.length;
    hashes.push(hash);
    keys.push(key);
    values.push(value);
    revisions.push(revision);
    for (let to = last; to > at; to--) {
      hashes[to] = hashes[to - 1] as number;
      keys[to] = keys[to - 1] as string;
      values[to] = values[to - 1] as Value;
      revisions[to] = revisions[to - 1] as number;
    }
    hashes[at] = hash;
    keys[at] = key;
    values[at] = value;
    revisions[at] = revision;
    if (deadlineIds !== undefined) deadlineIds.splice(at, 0, noDeadline);
  }

  /** The key's deadline must have left the index before. */
  remove(at: number): void {
    this.hashes.splice(at, 1);
    this.keys.splice(at, 1);
    this.values.splice(at, 1);
    this.revisions.splice(at, 1);
    if (this.deadlineIds !== undefined) this.deadlineIds.splice(at, 1);
  }

  deadlineId(at: number): number {
    return this.deadlineIds === undefined ? noDeadline : (this.deadlineIds[at] as number);
  }

  setDeadlineId(at: number, id: number): void {
    this.deadlineIds ??= new Array<number>(this.keys.length).fill(noDeadline);
    this.deadlineIds[at] = id;
  }

  /** Takes the upper half out, as a leaf of its own. */
  split(): KeyLeaf {
    const middle = this.keys.length >> 1;
    assert(middle > 0, "a leaf of less than two keys is split");
    const upper = new KeyLeaf();
    upper.#append(this, middle);
    this.hashes.length = this.keys.length = this.values.length = this.revisions.length = middle;
    if (this.deadlineIds !== undefined) this.deadlineIds.length = middle;
    return upper;
  }

  /** Takes over all keys of the leaf that follows in the order. */
  absorb(following: KeyLeaf): void {
    this.#append(following, 0);
  }

  #append(other: KeyLeaf, from: number): void {
    if (this.deadlineIds !== undefined || other.deadlineIds !== undefined) {
      this.deadlineIds ??= new Array<number>(this.keys.length).fill(noDeadline);
      for (let at = from; at < other.keys.length; at++) this.deadlineIds.push(other.deadlineId(at));
    }
    for (let at = from; at < other.keys.length; at++) {
      this.hashes.push(other.hashes[at] as number);
      this.keys.push(other.keys[at] as string);
      this.values.push(other.values[at] as Value);
      this.revisions.push(other.revisions[at] as number);
    }
  }
}
