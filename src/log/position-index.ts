import { assert } from "../platform/index.ts";
import type { LogIndex } from "../raft/index.ts";
import { blockBytes } from "./format.ts";
import { SegmentUse } from "./segment-use.ts";

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

/** A run, with what counts when its segment is to be given up. */
export interface StoredRun extends PositionRun {
  /** Of the entries' records, about: a run that was cut counts for its part. */
  readonly dataBytes: number;
}

/** Offsets in a segment, from `from` up to `to` (excluded). */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

const wholeSegment: Stretch = { from: 0, to: Number.POSITIVE_INFINITY };
const nowhere = 0;
const nowhereElse: readonly BatchPlace[] = [];
const capacityAtStart = 64;

/** One run as the arrays hold it. */
interface Run {
  readonly first: LogIndex;
  readonly segment: number;
  readonly block: number;
  readonly length: number;
  readonly data: number;
}

/**
 * Where the entries of one group are stored: one run of 24 bytes for each batch that holds some, never one for each
 * entry. A million entries written one a batch take 24 MB (up to half more while the arrays grow), written fifty a
 * batch 0.5 MB.
 */
export class PositionIndex {
  /** Runs held; each takes 24 bytes. */
  get runCount(): number {
    return this.#count;
  }

  /** The last entry that is known to be lost; 0: none is. `lastIndex` is the log's. */
  lastHoleIndex(lastIndex: LogIndex): LogIndex {
    for (let run = this.#count - 1; run >= 0; run--) {
      if (this.#segments[run] === nowhere) return this.#endOf(run, lastIndex);
    }
    return 0;
  }

  /** Entries from `firstIndex` on stand in `place`; what was known of them and all after them is forgotten. */
  add(
    firstIndex: LogIndex,
    place: BatchPlace | undefined,
    earlierPlaces: readonly BatchPlace[] = [],
    dataBytes = 0,
  ): void {
    this.truncateFrom(firstIndex);
    const segment = place?.segment ?? nowhere;
    const block = (place?.offset ?? 0) / blockBytes;
    const last = this.#count - 1;
    const isSameBatch = last >= 0 && this.#segments[last] === segment && this.#blocks[last] === block;
    if (isSameBatch && earlierPlaces.length === 0) {
      this.#uncount(last);
      this.#data[last] = this.#data[last]! + dataBytes;
      this.#countIn(last);
      return;
    }
    assert(segment < 2 ** 32 && block < 2 ** 32, "a segment number and a block number fit 32 bits");
    if (this.#count === this.#firsts.length) this.#grow(this.#count + 1);
    this.#firsts[this.#count] = firstIndex;
    this.#segments[this.#count] = segment;
    this.#blocks[this.#count] = block;
    this.#lengths[this.#count] = (place?.bytes ?? 0) / blockBytes;
    this.#data[this.#count] = dataBytes;
    if (earlierPlaces.length > 0) this.#earlierPlaces.set(firstIndex, earlierPlaces);
    this.#countIn(this.#count++);
  }

  truncateFrom(index: LogIndex): void {
    while (this.#count > 0 && this.#firsts[this.#count - 1]! >= index) {
      this.#uncount(--this.#count);
      this.#earlierPlaces.delete(this.#firsts[this.#count]!);
    }
  }

  /** Entries up to and including `index` are not needed any more. `lastIndex` is the log's. */
  compactTo(index: LogIndex, lastIndex: LogIndex): void {
    let gone = 0;
    while (gone < this.#count && this.#endOf(gone, lastIndex) <= index) {
      this.#uncount(gone);
      this.#earlierPlaces.delete(this.#firsts[gone]!);
      gone++;
    }
    this.#replace(0, gone, []);
    if (this.#count === 0 || this.#firsts[0]! > index) return;
    this.#uncount(0);
    const cut = this.#cut(0, { first: index + 1, last: lastIndex }, lastIndex);
    const earlier = this.#earlierPlaces.get(this.#firsts[0]!);
    this.#earlierPlaces.delete(this.#firsts[0]!);
    if (earlier !== undefined) this.#earlierPlaces.set(index + 1, earlier);
    this.#replace(0, 1, [cut]);
    this.#countIn(0);
  }

  /** All of it is forgotten. */
  clear(): void {
    this.#count = 0;
    this.#earlierPlaces.clear();
    this.#use.clear();
  }

  /** The run that holds `index`; `lastIndex` is the log's. */
  find(index: LogIndex, lastIndex: LogIndex): PositionRun | undefined {
    const run = this.#runAt(index);
    return run === -1 || index > lastIndex ? undefined : this.#describe(run, lastIndex);
  }

  /**
   * The entries of `moved`, which the log holds, now stand where it says; what was known of the others stays. `lastIndex`
   * is the log's.
   */
  restate(moved: StoredRun, lastIndex: LogIndex): void {
    const { firstIndex, place, earlierPlaces } = moved;
    const low = this.#runAt(firstIndex);
    const high = this.#runAt(moved.lastIndex);
    assert(place !== undefined && low !== -1 && moved.lastIndex <= lastIndex, "restated entries are in the log");
    const runs: Run[] = [];
    if (this.#firsts[low]! < firstIndex) {
      runs.push(this.#cut(low, { first: this.#firsts[low]!, last: firstIndex - 1 }, lastIndex));
    }
    const { segment, offset, bytes } = place;
    runs.push({
      first: firstIndex,
      segment,
      block: offset / blockBytes,
      length: bytes / blockBytes,
      data: moved.dataBytes,
    });
    const rest = this.#endOf(high, lastIndex) > moved.lastIndex;
    const restEarlier = this.#earlierPlaces.get(this.#firsts[high]!);
    if (rest) runs.push(this.#cut(high, { first: moved.lastIndex + 1, last: lastIndex }, lastIndex));
    for (let run = low; run <= high; run++) {
      this.#uncount(run);
      if (this.#firsts[run]! >= firstIndex) this.#earlierPlaces.delete(this.#firsts[run]!);
    }
    if (earlierPlaces.length > 0) this.#earlierPlaces.set(firstIndex, earlierPlaces);
    if (rest && restEarlier !== undefined) this.#earlierPlaces.set(moved.lastIndex + 1, restEarlier);
    this.#replace(low, high - low + 1, runs);
    for (let run = low; run < low + runs.length; run++) this.#countIn(run);
  }

  /** The oldest segment that holds any of it; undefined if none does. */
  oldestSegment(): number | undefined {
    return this.#use.oldest();
  }

  /** Bytes of all runs that need `segment`, about; undefined if none does. */
  dataBytesIn(segment: number): number | undefined {
    return this.#use.bytesIn(segment);
  }

  /**
   * The runs that need `segment`, an object for each: there may be tens of thousands. With `stretch` those of which the first batch there
   * begins within it. `lastIndex` is the log's.
   */
  runsIn(segment: number, lastIndex: LogIndex, stretch: Stretch = wholeSegment): readonly StoredRun[] {
    const found: StoredRun[] = [];
    // Those of the oldest segment stand at the front: the others are not looked at.
    let left = this.#use.runsIn(segment);
    for (let run = 0; left > 0; run++) {
      const offset = this.#firstOffsetIn(run, segment);
      if (offset === undefined) continue;
      left--;
      if (offset < stretch.from || offset >= stretch.to) continue;
      found.push(this.#describe(run, lastIndex));
    }
    return found;
  }

  /** Bytes of the records of the entries above `index`, about. Takes as long as there are batches that hold them. */
  dataBytesAbove(index: LogIndex): number {
    let bytes = 0;
    for (let run = this.#count - 1; run >= 0 && this.#firsts[run]! > index; run--) bytes += this.#data[run]!;
    return bytes;
  }

  #count = 0;
  #firsts: Float64Array = new Float64Array(capacityAtStart);
  #segments: Uint32Array = new Uint32Array(capacityAtStart);
  #blocks: Uint32Array = new Uint32Array(capacityAtStart);
  #lengths: Uint32Array = new Uint32Array(capacityAtStart);
  #data: Uint32Array = new Uint32Array(capacityAtStart);
  readonly #earlierPlaces: Map<LogIndex, readonly BatchPlace[]> = new Map();
  readonly #use: SegmentUse = new SegmentUse();

  #countIn(run: number): void {
    for (const segment of this.#segmentsOf(run)) this.#use.add(segment, this.#data[run]!);
  }

  #uncount(run: number): void {
    for (const segment of this.#segmentsOf(run)) this.#use.remove(segment, this.#data[run]!);
  }

  /** Each once. */
  #segmentsOf(run: number): Iterable<number> {
    const segment = this.#segments[run]!;
    const earlier = this.#earlierPlaces.size === 0 ? undefined : this.#earlierPlaces.get(this.#firsts[run]!);
    if (earlier === undefined) return segment === nowhere ? [] : [segment];
    return new Set([segment, ...earlier.map((place) => place.segment)]);
  }

  /** The number of the run that holds `index`, or the last one; -1: `index` lies before all. */
  #runAt(index: LogIndex): number {
    let low = 0;
    let high = this.#count - 1;
    if (high < 0 || index < this.#firsts[0]!) return -1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#firsts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #endOf(run: number, lastIndex: LogIndex): LogIndex {
    return run + 1 < this.#count ? this.#firsts[run + 1]! - 1 : lastIndex;
  }

  #describe(run: number, lastIndex: LogIndex): StoredRun {
    const firstIndex = this.#firsts[run]!;
    const place = {
      segment: this.#segments[run]!,
      offset: this.#blocks[run]! * blockBytes,
      bytes: this.#lengths[run]! * blockBytes,
    };
    return {
      firstIndex,
      lastIndex: this.#endOf(run, lastIndex),
      place: place.segment === nowhere ? undefined : place,
      earlierPlaces: this.#earlierPlaces.get(firstIndex) ?? nowhereElse,
      dataBytes: this.#data[run]!,
    };
  }

  /** Of the batches that the run is in, where the first of that segment begins. */
  #firstOffsetIn(run: number, segment: number): number | undefined {
    const earlier = this.#earlierPlaces.size === 0 ? undefined : this.#earlierPlaces.get(this.#firsts[run]!);
    const offset = earlier?.find((place) => place.segment === segment)?.offset;
    return offset ?? (this.#segments[run] === segment ? this.#blocks[run]! * blockBytes : undefined);
  }

  /** A part of a run. */
  #cut(run: number, part: { readonly first: LogIndex; readonly last: LogIndex }, lastIndex: LogIndex): Run {
    const start = this.#firsts[run]!;
    const end = this.#endOf(run, lastIndex);
    const share = (Math.min(end, part.last) - part.first + 1) / (end - start + 1);
    return {
      first: part.first,
      segment: this.#segments[run]!,
      block: this.#blocks[run]!,
      length: this.#lengths[run]!,
      data: Math.ceil(this.#data[run]! * share),
    };
  }

  /** Puts `runs` where `count` runs from `start` on stand. */
  #replace(start: number, count: number, runs: readonly Run[]): void {
    const newCount = this.#count - count + runs.length;
    if (newCount > this.#firsts.length) this.#grow(newCount);
    for (const array of [this.#firsts, this.#segments, this.#blocks, this.#lengths, this.#data]) {
      array.copyWithin(start + runs.length, start + count, this.#count);
    }
    runs.forEach((run, place) => {
      this.#firsts[start + place] = run.first;
      this.#segments[start + place] = run.segment;
      this.#blocks[start + place] = run.block;
      this.#lengths[start + place] = run.length;
      this.#data[start + place] = run.data;
    });
    this.#count = newCount;
  }

  #grow(least: number): void {
    const capacity = Math.max(least, Math.ceil(this.#count * 1.5));
    const firsts = new Float64Array(capacity);
    firsts.set(this.#firsts);
    this.#firsts = firsts;
    this.#segments = grown(this.#segments, capacity);
    this.#blocks = grown(this.#blocks, capacity);
    this.#lengths = grown(this.#lengths, capacity);
    this.#data = grown(this.#data, capacity);
  }
}

function grown(array: Uint32Array, capacity: number): Uint32Array {
  const larger = new Uint32Array(capacity);
  larger.set(array);
  return larger;
}
