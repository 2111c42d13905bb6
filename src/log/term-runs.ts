import { assert } from "../platform/index.ts";
import type { LogIndex, Term } from "../raft/index.ts";

/**
 * The term of every entry of a log, as runs: one pair of numbers for each change of term, however many entries there
 * are. Terms change with elections, so that a list of years fits in memory and a look-up is a short binary search. Which
 * entries change the configuration, fewer still, is noted beside.
 */
export class TermRuns {
  constructor(base: { readonly index: LogIndex; readonly term: Term } = { index: 0, term: 0 }) {
    this.#baseIndex = base.index;
    this.#baseTerm = base.term;
    this.#lastIndex = base.index;
  }

  /** The index before the first entry: 0, or where the log was last reset or compacted to. */
  get baseIndex(): LogIndex {
    return this.#baseIndex;
  }

  /** The term of the entry at `baseIndex`; 0 before the first of all. */
  get baseTerm(): Term {
    return this.#baseTerm;
  }

  /** `baseIndex` when there are no entries. */
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  get lastTerm(): Term {
    return this.#terms.at(-1) ?? this.baseTerm;
  }

  /** Entries follow up to and including `lastIndex`, all of `term`. */
  extend(lastIndex: LogIndex, term: Term): void {
    assert(lastIndex > this.#lastIndex, "a log grows forward");
    if (term !== this.lastTerm || this.#terms.length === 0) {
      this.#starts.push(this.#lastIndex + 1);
      this.#terms.push(term);
    }
    this.#lastIndex = lastIndex;
  }

  /** Forgets the entries at `index` and above. */
  truncateFrom(index: LogIndex): void {
    assert(index > this.baseIndex, "a log is not cut before its first entry");
    while (this.#starts.length > 0 && this.#starts[this.#starts.length - 1]! >= index) {
      this.#starts.pop();
      this.#terms.pop();
    }
    while ((this.#configurations.at(-1) ?? 0) >= index) this.#configurations.pop();
    this.#lastIndex = Math.min(this.#lastIndex, index - 1);
  }

  /** The entry at `index`, which is in the log, changes the configuration. */
  markConfiguration(index: LogIndex): void {
    assert(index > this.#baseIndex && index <= this.#lastIndex, "a configuration is noted of an entry in the log");
    if (this.hasConfiguration(index, index)) return;
    this.#configurations.push(index);
    this.#configurations.sort((left, right) => left - right);
  }

  /** Whether an entry from `firstIndex` up to and including `lastIndex` changes the configuration. */
  hasConfiguration(firstIndex: LogIndex, lastIndex: LogIndex): boolean {
    return this.#configurations.some((index) => index >= firstIndex && index <= lastIndex);
  }

  /** From `baseIndex` up to `lastIndex`. */
  termAt(index: LogIndex): Term {
    assert(index >= this.baseIndex && index <= this.#lastIndex, "the term of an entry that is not in the log");
    if (index === this.baseIndex) return this.baseTerm;
    let low = 0;
    let high = this.#starts.length - 1;
    if (index >= this.#starts[high]!) return this.#terms[high]!;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return this.#terms[low]!;
  }

  /** Forgets the entries up to and including `index`, which becomes the base. `term`: that of the entry there. */
  compactTo(index: LogIndex, term: Term = this.termAt(index)): void {
    assert(index >= this.#baseIndex && index <= this.#lastIndex, "a log is compacted within its entries");
    let gone = 0;
    while (gone < this.#starts.length && (this.#starts[gone + 1] ?? this.#lastIndex + 1) <= index + 1) gone++;
    this.#starts.splice(0, gone);
    this.#terms.splice(0, gone);
    if (this.#starts.length > 0) this.#starts[0] = Math.max(this.#starts[0]!, index + 1);
    while ((this.#configurations[0] ?? index + 1) <= index) this.#configurations.shift();
    this.#baseIndex = index;
    this.#baseTerm = term;
  }

  /** The entries from `firstIndex` up to and including `lastIndex`, which are in the log, are of `term`: nothing else changes. */
  restate(firstIndex: LogIndex, lastIndex: LogIndex, term: Term): void {
    assert(firstIndex > this.#baseIndex && lastIndex <= this.#lastIndex, "restated entries are in the log");
    const [starts, terms] = [[...this.#starts], [...this.#terms]];
    const end = this.#lastIndex;
    this.#starts.length = 0;
    this.#terms.length = 0;
    this.#lastIndex = this.#baseIndex;
    for (let run = 0; run < starts.length; run++) {
      const runEnd = (starts[run + 1] ?? end + 1) - 1;
      this.#extendUpTo(Math.min(runEnd, firstIndex - 1), terms[run]!);
      this.#extendUpTo(Math.min(runEnd, lastIndex), term);
      this.#extendUpTo(runEnd, terms[run]!);
    }
  }

  #baseIndex: LogIndex;
  #baseTerm: Term;
  #lastIndex: LogIndex;
  readonly #starts: LogIndex[] = [];
  readonly #terms: Term[] = [];
  /** Sorted. */
  readonly #configurations: LogIndex[] = [];

  #extendUpTo(lastIndex: LogIndex, term: Term): void {
    if (lastIndex > this.#lastIndex) this.extend(lastIndex, term);
  }
}
