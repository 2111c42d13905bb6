import { assert } from "../platform/index.ts";
import type { LogIndex } from "../raft/index.ts";
import { blockBytes } from "./format.ts";

/** Where a batch lies: whole blocks of one segment. */
export interface BatchPlace {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Entries from `firstIndex` up to `lastIndex` whose records end in the batch at `place`. */
export interface PositionRun {
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Undefined: the entries are lost, their batch is damaged. */
  readonly place: BatchPlace | undefined;
  /** The earlier batches that hold parts of the record set, if it was spread. */
  readonly earlierPlaces: readonly BatchPlace[];
}

const nowhere = 0;
const capacityAtStart = 64;

/**
 * Where the entries of one group are stored: one run of 20 bytes for each batch that holds some, never one for each
 * entry. A million entries written one a batch take 20 MB (up to half more while the arrays grow), written fifty a
 * batch 0.4 MB.
 */
export class PositionIndex {
  /** Runs held; each takes 20 bytes. */
  get runCount(): number {
    return this.#count;
  }

  /** Whether some entries are known to be lost. */
  get hasHoles(): boolean {
    for (let run = 0; run < this.#count; run++) if (this.#segments[run] === nowhere) return true;
    return false;
  }

  /** Entries from `firstIndex` on stand in `place`; what was known of them and all after them is forgotten. */
  add(firstIndex: LogIndex, place: BatchPlace | undefined, earlierPlaces: readonly BatchPlace[] = []): void {
    this.truncateFrom(firstIndex);
    const segment = place?.segment ?? nowhere;
    const block = (place?.offset ?? 0) / blockBytes;
    const last = this.#count - 1;
    const isSameBatch = last >= 0 && this.#segments[last] === segment && this.#blocks[last] === block;
    if (isSameBatch && earlierPlaces.length === 0) return;
    assert(segment < 2 ** 32 && block < 2 ** 32, "a segment number and a block number fit 32 bits");
    if (this.#count === this.#firsts.length) this.#grow();
    this.#firsts[this.#count] = firstIndex;
    this.#segments[this.#count] = segment;
    this.#blocks[this.#count] = block;
    this.#lengths[this.#count] = (place?.bytes ?? 0) / blockBytes;
    this.#count++;
    if (earlierPlaces.length > 0) this.#earlierPlaces.set(firstIndex, earlierPlaces);
  }

  truncateFrom(index: LogIndex): void {
    while (this.#count > 0 && this.#firsts[this.#count - 1]! >= index) {
      this.#count--;
      this.#earlierPlaces.delete(this.#firsts[this.#count]!);
    }
  }

  /** The run that holds `index`; `lastIndex` is the log's. */
  find(index: LogIndex, lastIndex: LogIndex): PositionRun | undefined {
    let low = 0;
    let high = this.#count - 1;
    if (high < 0 || index > lastIndex || index < this.#firsts[0]!) return undefined;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#firsts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    const firstIndex = this.#firsts[low]!;
    const place = {
      segment: this.#segments[low]!,
      offset: this.#blocks[low]! * blockBytes,
      bytes: this.#lengths[low]! * blockBytes,
    };
    return {
      firstIndex,
      lastIndex: low + 1 < this.#count ? this.#firsts[low + 1]! - 1 : lastIndex,
      place: place.segment === nowhere ? undefined : place,
      earlierPlaces: this.#earlierPlaces.get(firstIndex) ?? [],
    };
  }

  #count = 0;
  #firsts: Float64Array = new Float64Array(capacityAtStart);
  #segments: Uint32Array = new Uint32Array(capacityAtStart);
  #blocks: Uint32Array = new Uint32Array(capacityAtStart);
  #lengths: Uint32Array = new Uint32Array(capacityAtStart);
  readonly #earlierPlaces: Map<LogIndex, readonly BatchPlace[]> = new Map();

  #grow(): void {
    const capacity = Math.ceil(this.#count * 1.5);
    const firsts = new Float64Array(capacity);
    firsts.set(this.#firsts);
    this.#firsts = firsts;
    this.#segments = grown(this.#segments, capacity);
    this.#blocks = grown(this.#blocks, capacity);
    this.#lengths = grown(this.#lengths, capacity);
  }
}

function grown(array: Uint32Array, capacity: number): Uint32Array {
  const larger = new Uint32Array(capacity);
  larger.set(array);
  return larger;
}
