import type { Entry, HardState, LogIndex, Snapshot, Term } from "./entry.ts";
import type { LogReader } from "./ready.ts";

/** A log in memory, as the test port keeps two of: what was handed over, and what was made durable. */
export class AdapterLog implements LogReader {
  readonly #entryBytes: (entry: Entry) => number;
  /** What precedes the first entry. */
  #base: { readonly index: LogIndex; readonly term: Term };
  #entries: Entry[];

  constructor(
    entryBytes: (entry: Entry) => number,
    base: { readonly index: LogIndex; readonly term: Term },
    entries: readonly Entry[] = [],
  ) {
    this.#entryBytes = entryBytes;
    this.#base = { index: base.index, term: base.term };
    this.#entries = [...entries];
  }

  get firstIndex(): LogIndex {
    return this.#base.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#base.index + this.#entries.length;
  }

  get all(): readonly Entry[] {
    return this.#entries;
  }

  term(index: LogIndex): Term {
    if (index === this.#base.index) return this.#base.term;
    const entry = this.#entries[index - this.firstIndex];
    if (entry === undefined) throw new RangeError(`no entry ${index} in ${this.firstIndex} to ${this.lastIndex}`);
    return entry.term;
  }

  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] {
    const start = from - this.firstIndex;
    const end = to - this.firstIndex;
    let bytes = 0;
    let next = start;
    for (; next < end; next++) {
      bytes += this.#entryBytes(this.#entries[next]!);
      if (bytes > bytesMax && next > start) break;
    }
    return this.#entries.slice(start, next);
  }

  reset(snapshot: Snapshot): void {
    this.#base = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined || entries.at(-1)!.index <= this.#base.index) return;
    const known = Math.max(0, this.firstIndex - first.index);
    this.#entries.length = Math.max(first.index, this.firstIndex) - this.firstIndex;
    this.#entries.push(...entries.slice(known));
  }

  /** Drops the entries up to `index`, as far as there are any. */
  compact(index: LogIndex): void {
    if (index <= this.#base.index || index > this.lastIndex) return;
    const base = { index, term: this.term(index) };
    this.#entries = this.#entries.slice(index - this.#base.index);
    this.#base = base;
  }

  copy(): AdapterLog {
    return new AdapterLog(this.#entryBytes, this.#base, this.#entries);
  }
}

/** What a restart of a node of the test port finds. */
export interface AdapterStore {
  readonly log: AdapterLog;
  hardState: HardState;
  snapshot: Snapshot;
}
