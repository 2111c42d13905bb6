import type { Entry, HardState, LogIndex, LogReader, Snapshot, Term } from "../../src/raft/index.ts";

/** A log in memory: what was handed over, of which a crash keeps only what was made durable. */
export class MemoryLog implements LogReader {
  #snapshot: { readonly index: LogIndex; readonly term: Term };
  #entries: Entry[] = [];
  /** Entries asked for at or below this index are "unavailable". */
  unavailableUpTo: LogIndex = 0;

  constructor(snapshot: { readonly index: LogIndex; readonly term: Term } = { index: 0, term: 0 }) {
    this.#snapshot = { index: snapshot.index, term: snapshot.term };
  }

  get firstIndex(): LogIndex {
    return this.#snapshot.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#snapshot.index + this.#entries.length;
  }

  term(index: LogIndex): Term {
    if (index === this.#snapshot.index) return this.#snapshot.term;
    const entry = this.#entries[index - this.firstIndex];
    if (entry === undefined) throw new Error(`no term at ${index}`);
    return entry.term;
  }

  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | "unavailable" {
    if (from <= this.unavailableUpTo) return "unavailable";
    const found: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#entries.slice(from - this.firstIndex, to - this.firstIndex)) {
      bytes += entry.kind === "normal" ? entry.data.length + 16 : 16;
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(entry);
    }
    return found;
  }

  get all(): readonly Entry[] {
    return this.#entries;
  }

  reset(snapshot: Snapshot): void {
    this.#snapshot = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    this.#entries.length = first.index - this.firstIndex;
    this.#entries.push(...entries);
  }

  compact(upTo: LogIndex): void {
    if (upTo <= this.#snapshot.index) return;
    const term = this.term(upTo);
    this.#entries = this.#entries.slice(upTo - this.#snapshot.index);
    this.#snapshot = { index: upTo, term };
  }

  copy(): MemoryLog {
    const copy = new MemoryLog(this.#snapshot);
    copy.#entries = this.#entries.slice();
    return copy;
  }
}

/** The hard state of a replica that has never run. */
export const noHardState: HardState = { term: 0, vote: undefined, commit: 0 };
