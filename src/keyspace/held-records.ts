/**
 * Records that were copied before their turn, and leave in the logical order: a heap with four children a node, by
 * position and then by key. Copying one costs the writer that causes it a few steps, however many there are.
 */
import type { KeyPosition } from "./key-hash.ts";
import type { KeyRecord } from "./key-record.ts";

/** What a held record takes besides its key and its value. */
export const heldOverheadBytes = 112;

const firstCapacity = 64;

export class HeldRecords {
  #positions: Float64Array = new Float64Array(firstCapacity);
  readonly #records: KeyRecord[] = [];

  get count(): number {
    return this.#records.length;
  }

  /** Of the first record; behind all keys if there is none. */
  get firstPosition(): KeyPosition {
    return this.#records.length === 0 ? Number.POSITIVE_INFINITY : (this.#positions[0] as number);
  }

  /** The first record. There must be one. */
  get first(): KeyRecord {
    return this.#records[0] as KeyRecord;
  }

  add(position: KeyPosition, record: KeyRecord): void {
    let place = this.#records.length;
    if (place === this.#positions.length) this.#grow();
    this.#records.push(record);
    while (place > 0) {
      const parent = (place - 1) >> 2;
      if (!this.#isBefore(position, record, parent)) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#set(place, position, record);
  }

  /** Takes the first record out. There must be one. */
  removeFirst(): void {
    const count = this.#records.length - 1;
    const record = this.#records[count] as KeyRecord;
    const position = this.#positions[count] as number;
    this.#records.length = count;
    if (count === 0) return;
    let place = 0;
    for (;;) {
      const child = this.#leastChild(place, count);
      if (child === -1 || this.#isBefore(position, record, child)) break;
      this.#move(child, place);
      place = child;
    }
    this.#set(place, position, record);
  }

  clear(): void {
    this.#records.length = 0;
    this.#positions = new Float64Array(firstCapacity);
  }

  /** -1 if there is none. */
  #leastChild(place: number, count: number): number {
    const first = 4 * place + 1;
    if (first >= count) return -1;
    let least = first;
    const end = Math.min(first + 4, count);
    for (let child = first + 1; child < end; child++) {
      if (this.#isBefore(this.#positions[child] as number, this.#records[child] as KeyRecord, least)) least = child;
    }
    return least;
  }

  #isBefore(position: KeyPosition, record: KeyRecord, place: number): boolean {
    const other = this.#positions[place] as number;
    return position !== other ? position < other : record.key < (this.#records[place] as KeyRecord).key;
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#positions[from] as number, this.#records[from] as KeyRecord);
  }

  #set(place: number, position: KeyPosition, record: KeyRecord): void {
    this.#positions[place] = position;
    this.#records[place] = record;
  }

  #grow(): void {
    const grown = new Float64Array(this.#positions.length * 2);
    grown.set(this.#positions);
    this.#positions = grown;
  }
}
