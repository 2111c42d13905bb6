import { assert } from "../platform/index.ts";
import type { Entry, LogIndex } from "../raft/index.ts";

/** What an entry counts for besides its data, so that many empty ones have a bound too. */
const entryObjectBytes = 128;

/** Bytes that an entry counts for in a cache. */
export function entryMemoryBytes(entry: Entry): number {
  return entryObjectBytes + (entry.kind === "normal" ? entry.data.length : 64 * entry.change.changes.length);
}

/** The newest entries of a log, in order and without gaps: a queue that is filled at one end and emptied at the other. */
export class EntryCache {
  constructor(nextIndex: LogIndex) {
    this.#firstIndex = nextIndex;
  }

  /** Index of the oldest entry held; one above the newest when there is none. */
  get firstIndex(): LogIndex {
    return this.#firstIndex;
  }

  get nextIndex(): LogIndex {
    return this.#firstIndex + this.#entries.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Undefined for what is not held. */
  get(index: LogIndex): Entry | undefined {
    return index < this.#firstIndex ? undefined : this.#entries[this.#head + index - this.#firstIndex];
  }

  push(entry: Entry): void {
    assert(entry.index === this.nextIndex, "entries are cached without gaps");
    this.#entries.push(entry);
    this.#bytes += entryMemoryBytes(entry);
  }

  /** Forgets the entries at `index` and above; below what is held it starts anew from there. */
  truncateFrom(index: LogIndex): void {
    while (this.nextIndex > Math.max(index, this.#firstIndex)) {
      this.#bytes -= entryMemoryBytes(this.#entries.pop() as Entry);
    }
    if (index < this.#firstIndex) {
      this.#firstIndex = index;
      this.#entries.length = 0;
      this.#head = 0;
    }
  }

  /** Drops the oldest entries until `bytesMax` is kept, but none at `index` or above. */
  evict(bytesMax: number, index: LogIndex): void {
    while (this.#bytes > bytesMax && this.#firstIndex < index && this.#head < this.#entries.length) {
      this.#bytes -= entryMemoryBytes(this.#entries[this.#head] as Entry);
      this.#entries[this.#head] = undefined;
      this.#head++;
      this.#firstIndex++;
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Drops all, and goes on from `nextIndex`. */
  reset(nextIndex: LogIndex): void {
    this.#firstIndex = nextIndex;
    this.#bytes = 0;
    this.#head = 0;
    this.#entries.length = 0;
  }

  #firstIndex: LogIndex;
  #bytes = 0;
  #head = 0;
  readonly #entries: (Entry | undefined)[] = [];
}
