/**
 * All deadlines in order, each removable at once: a heap with four children a node over numeric ids, in typed arrays
 * (some 45 bytes a deadline). The order is a function of deadlines and keys alone, so that keys are freed in the same
 * order everywhere: by deadline, then by the low bits of the key's hash, then by the key's bytes.
 *
 * Many keys have the same deadline, set in one entry with one time to live. The bits of the hash are the fraction of the
 * number that the heap compares, so that equal deadlines are told apart without a look at the keys.
 */
import { assert } from "../platform/index.ts";

/** Milliseconds since the Unix epoch; a bigint where a number would not be exact, up to 2^63 - 1. */
export type Deadline = number | bigint;

const firstCapacity = 16;
const keptCapacityMax = 1_024;

/** Below this a deadline (until the year 2248) and ten bits more are exact in one number. */
const fractionDeadlineEnd = 0x800_0000_0000;
const fractionCount = 1024;

export class DeadlineIndex {
  // By id.
  readonly #keys: (string | undefined)[] = [];
  #deadlines: Float64Array = new Float64Array(firstCapacity);
  #revisions: Float64Array = new Float64Array(firstCapacity);
  #places: Int32Array = new Int32Array(firstCapacity);
  readonly #freeIds: number[] = [];
  /** Deadlines that are not exact as numbers: beyond the year 287396. */
  readonly #exact: Map<number, bigint> = new Map();
  // By place in the heap.
  #ids: Int32Array = new Int32Array(firstCapacity);
  /** The deadline, and the bits of the hash as its fraction. */
  #ranks: Float64Array = new Float64Array(firstCapacity);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The earliest deadline; `Infinity` if there is none. */
  get earliestMs(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : (this.#deadlines[this.#ids[0] as number] as number);
  }

  /** The key that is due first. There must be one. */
  get earliestKey(): string {
    assert(this.#count > 0, "an empty index has no earliest key");
    return this.#keys[this.#ids[0] as number] as string;
  }

  /** Adds a deadline and gives its id, for use in the other methods until `remove`. `hash` is the key's. */
  add(key: string, hash: number, deadline: Deadline): number {
    const id = this.#freeIds.pop() ?? this.#keys.length;
    if (id >= this.#deadlines.length) this.#grow();
    this.#keys[id] = key;
    this.#setDeadline(id, deadline);
    this.#rise(this.#count++, id, rankOf(Number(deadline), hash));
    return id;
  }

  /** Changes a deadline. `hash` is the key's again. */
  move(id: number, hash: number, deadline: Deadline): void {
    this.#setDeadline(id, deadline);
    this.#settle(this.#places[id] as number, id, rankOf(Number(deadline), hash));
  }

  remove(id: number): void {
    assert(this.#keys[id] !== undefined, "a deadline is removed twice");
    const place = this.#places[id] as number;
    const last = --this.#count;
    if (place !== last) this.#settle(place, this.#ids[last] as number, this.#ranks[last] as number);
    this.#keys[id] = undefined;
    if (this.#exact.size > 0) this.#exact.delete(id);
    this.#freeIds.push(id);
    if (this.#count === 0 && this.#deadlines.length > keptCapacityMax) this.#forgetAll();
  }

  /** As a number: rounded where it is beyond 2^53. */
  deadlineMs(id: number): number {
    return this.#deadlines[id] as number;
  }

  /** A number that the owner keeps with the deadline: the key's revision. */
  revision(id: number): number {
    return this.#revisions[id] as number;
  }

  setRevision(id: number, revision: number): void {
    this.#revisions[id] = revision;
  }

  exactDeadline(id: number): Deadline {
    return this.#exact.get(id) ?? this.deadlineMs(id);
  }

  /** How many deadlines are at or before `timeMs`. Looks at those alone. */
  countUntil(timeMs: number, place = 0): number {
    if (place >= this.#count || this.deadlineMs(this.#ids[place] as number) > timeMs) return 0;
    let count = 1;
    for (let child = 4 * place + 1; child <= 4 * place + 4; child++) count += this.countUntil(timeMs, child);
    return count;
  }

  #setDeadline(id: number, deadline: Deadline): void {
    if (this.#exact.size > 0) this.#exact.delete(id);
    if (typeof deadline === "bigint") this.#exact.set(id, deadline);
    this.#deadlines[id] = Number(deadline);
  }

  #set(place: number, id: number, rank: number): void {
    this.#ids[place] = id;
    this.#ranks[place] = rank;
    this.#places[id] = place;
  }

  /** Whether `id` of `rank` comes before what stands at `place`. */
  #isBefore(id: number, rank: number, place: number): boolean {
    const other = this.#ranks[place] as number;
    if (rank !== other) return rank < other;
    return (this.#keys[id] as string) < (this.#keys[this.#ids[place] as number] as string);
  }

  /** Puts `id` at `place` or, up or down from there, where it belongs. */
  #settle(place: number, id: number, rank: number): void {
    if (place > 0 && this.#isBefore(id, rank, (place - 1) >> 2)) this.#rise(place, id, rank);
    else this.#sink(place, id, rank);
  }

  #rise(from: number, id: number, rank: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      if (!this.#isBefore(id, rank, parent)) break;
      this.#set(place, this.#ids[parent] as number, this.#ranks[parent] as number);
      place = parent;
    }
    this.#set(place, id, rank);
  }

  #sink(from: number, id: number, rank: number): void {
    let place = from;
    for (;;) {
      const first = 4 * place + 1;
      if (first >= this.#count) break;
      let least = first;
      for (let child = first + 1; child < Math.min(first + 4, this.#count); child++) {
        if (this.#isBefore(this.#ids[child] as number, this.#ranks[child] as number, least)) least = child;
      }
      if (this.#isBefore(id, rank, least)) break;
      this.#set(place, this.#ids[least] as number, this.#ranks[least] as number);
      place = least;
    }
    this.#set(place, id, rank);
  }

  /** Gives back the memory of very many deadlines once all of them are gone. */
  #forgetAll(): void {
    this.#keys.length = 0;
    this.#freeIds.length = 0;
    this.#resize(firstCapacity);
  }

  #grow(): void {
    this.#resize(this.#deadlines.length * 2);
  }

  #resize(capacity: number): void {
    this.#deadlines = copied(this.#deadlines, new Float64Array(capacity));
    this.#revisions = copied(this.#revisions, new Float64Array(capacity));
    this.#ranks = copied(this.#ranks, new Float64Array(capacity));
    this.#places = copied(this.#places, new Int32Array(capacity));
    this.#ids = copied(this.#ids, new Int32Array(capacity));
  }
}

function rankOf(deadlineMs: number, hash: number): number {
  return deadlineMs < fractionDeadlineEnd ? deadlineMs + (hash % fractionCount) / fractionCount : deadlineMs;
}

function copied<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from.length > to.length ? from.subarray(0, to.length) : from);
  return to;
}
