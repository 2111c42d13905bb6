/**
 * All deadlines in order, each removable at once: a heap with four children a node over numeric ids, in typed arrays
 * (some 40 bytes a deadline). Equal deadlines are ordered by the bytes of their keys, so that the order in which keys
 * are freed depends on nothing but the keys.
 */
import { assert } from "../platform/index.ts";

/** Milliseconds since the Unix epoch; a bigint where a number would not be exact, up to 2^63 - 1. */
export type Deadline = number | bigint;

const firstCapacity = 16;

export class DeadlineIndex {
  #keys: (string | undefined)[] = [];
  #deadlines: Float64Array = new Float64Array(firstCapacity);
  /** Where in the heap an id stands. */
  #places: Int32Array = new Int32Array(firstCapacity);
  #heap: Int32Array = new Int32Array(firstCapacity);
  #count = 0;
  readonly #freeIds: number[] = [];
  /** Deadlines that are not exact as numbers: beyond the year 287396. */
  readonly #exact: Map<number, bigint> = new Map();

  get count(): number {
    return this.#count;
  }

  /** The earliest deadline; `Infinity` if there is none. */
  get earliestMs(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : (this.#deadlines[this.#heap[0] as number] as number);
  }

  /** The key that is due first. There must be one. */
  get earliestKey(): string {
    assert(this.#count > 0, "an empty index has no earliest key");
    return this.#keys[this.#heap[0] as number] as string;
  }

  /** Adds a deadline and gives its id, for use in the other methods until `remove`. */
  add(key: string, deadline: Deadline): number {
    const id = this.#freeIds.pop() ?? this.#keys.length;
    if (id >= this.#deadlines.length) this.#grow();
    this.#keys[id] = key;
    this.#setDeadline(id, deadline);
    this.#place(this.#count++, id);
    this.#rise(this.#count - 1);
    return id;
  }

  move(id: number, deadline: Deadline): void {
    this.#setDeadline(id, deadline);
    this.#settle(this.#places[id] as number);
  }

  remove(id: number): void {
    assert(this.#keys[id] !== undefined, "a deadline is removed twice");
    const place = this.#places[id] as number;
    const last = this.#heap[--this.#count] as number;
    if (last !== id) {
      this.#place(place, last);
      this.#settle(place);
    }
    this.#keys[id] = undefined;
    if (this.#exact.size > 0) this.#exact.delete(id);
    this.#freeIds.push(id);
  }

  /** As a number: rounded where it is beyond 2^53. */
  deadlineMs(id: number): number {
    return this.#deadlines[id] as number;
  }

  exactDeadline(id: number): Deadline {
    return this.#exact.get(id) ?? this.deadlineMs(id);
  }

  /** How many deadlines are at or before `timeMs`. Looks at those alone. */
  countUntil(timeMs: number, place = 0): number {
    if (place >= this.#count || (this.#deadlines[this.#heap[place] as number] as number) > timeMs) return 0;
    let count = 1;
    for (let child = 4 * place + 1; child <= 4 * place + 4; child++) count += this.countUntil(timeMs, child);
    return count;
  }

  #setDeadline(id: number, deadline: Deadline): void {
    if (this.#exact.size > 0) this.#exact.delete(id);
    if (typeof deadline === "bigint") this.#exact.set(id, deadline);
    this.#deadlines[id] = Number(deadline);
  }

  #place(place: number, id: number): void {
    this.#heap[place] = id;
    this.#places[id] = place;
  }

  #isBefore(a: number, b: number): boolean {
    const difference = (this.#deadlines[a] as number) - (this.#deadlines[b] as number);
    return difference < 0 || (difference === 0 && (this.#keys[a] as string) < (this.#keys[b] as string));
  }

  #settle(place: number): void {
    this.#rise(place);
    this.#sink(place);
  }

  #rise(from: number): void {
    const id = this.#heap[from] as number;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      const parentId = this.#heap[parent] as number;
      if (!this.#isBefore(id, parentId)) break;
      this.#place(place, parentId);
      place = parent;
    }
    this.#place(place, id);
  }

  #sink(from: number): void {
    const id = this.#heap[from] as number;
    let place = from;
    for (;;) {
      const first = 4 * place + 1;
      if (first >= this.#count) break;
      let least = first;
      for (let child = first + 1; child < Math.min(first + 4, this.#count); child++) {
        if (this.#isBefore(this.#heap[child] as number, this.#heap[least] as number)) least = child;
      }
      const leastId = this.#heap[least] as number;
      if (!this.#isBefore(leastId, id)) break;
      this.#place(place, leastId);
      place = least;
    }
    this.#place(place, id);
  }

  #grow(): void {
    const capacity = this.#deadlines.length * 2;
    const deadlines = new Float64Array(capacity);
    deadlines.set(this.#deadlines);
    this.#deadlines = deadlines;
    const places = new Int32Array(capacity);
    places.set(this.#places);
    this.#places = places;
    const heap = new Int32Array(capacity);
    heap.set(this.#heap);
    this.#heap = heap;
  }
}
