import { assert } from "../platform/index.ts";
import type { LogIndex, Term } from "../raft/index.ts";

/**
 * The term of every entry of a log, as runs: one pair of numbers for each change of term, however many entries there
 * are. Terms change with elections, so that a list of years fits in memory and a look-up is a short binary search.
 */
export class TermRuns {
  /** The index before the first entry, and its term (a snapshot's, or 0 and 0). */
  readonly baseIndex: LogIndex;
  readonly baseTerm: Term;

  constructor(base: { readonly index: LogIndex; readonly term: Term } = { index: 0, term: 0 }) {
    this.baseIndex = base.index;
    this.baseTerm = base.term;
    this.#lastIndex = base.index;
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
    this.#lastIndex = Math.min(this.#lastIndex, index - 1);
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

  #lastIndex: LogIndex;
  readonly #starts: LogIndex[] = [];
  readonly #terms: Term[] = [];
}
