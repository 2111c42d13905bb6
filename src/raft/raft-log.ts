import { assert, mark } from "../platform/index.ts";
import type { Entry, LogIndex, Snapshot, Term } from "./entry.ts";
import { Invariants } from "./invariants.ts";
import type { LogReader } from "./ready.ts";

/**
 * The log as the core sees it: what the host stores, seen through {@link LogReader}, and behind it the entries that
 * have not been handed to the host yet.
 *
 *     reader.firstIndex            handedIndex            lastIndex
 *            │   handed to the host    │  pending: in memory  │
 *     ───────┼───────────┬─────────────┼──────────────────────┤
 *            │  durable  │ being written
 *                  stableIndex
 *
 * `appliedIndex <= applyingIndex <= commitIndex <= lastIndex`. What lies above `commitIndex` may still be replaced by
 * a leader's; the host's log then holds the old entries until it is handed the new ones.
 */
export class RaftLog {
  readonly #reader: LogReader;
  readonly #entryBytes: (entry: Entry) => number;
  readonly #applyBytesMax: number;
  readonly #invariants: Invariants;

  #pending: Entry[] = [];
  #handedIndex: LogIndex;
  #lastTerm: Term;
  #snapshot: Snapshot | undefined;
  #isSnapshotHanded = false;
  #applyingBytes = 0;
  #isApplyPaused = false;

  commitIndex: LogIndex;
  /** Up to here entries were handed out to be applied. */
  applyingIndex: LogIndex;
  appliedIndex: LogIndex;
  /** Up to here entries are known to be durable in their present form. */
  stableIndex: LogIndex;
  /** Entries that are to be applied are being fetched from disk. */
  isApplyWaitingForEntries = false;

  constructor(
    reader: LogReader,
    start: { readonly commit: LogIndex; readonly applied: LogIndex },
    options: {
      readonly entryBytes: (entry: Entry) => number;
      readonly applyBytesMax: number;
      readonly invariants?: Invariants;
    },
  ) {
    this.#reader = reader;
    this.#entryBytes = options.entryBytes;
    this.#applyBytesMax = options.applyBytesMax;
    this.#invariants = options.invariants ?? new Invariants();
    this.#handedIndex = reader.lastIndex;
    this.stableIndex = reader.lastIndex;
    this.#lastTerm = reader.term(reader.lastIndex);
    const compacted = reader.firstIndex - 1;
    this.appliedIndex = Math.max(start.applied, compacted);
    this.applyingIndex = this.appliedIndex;
    this.commitIndex = Math.max(start.commit, this.appliedIndex);
    assert(this.commitIndex <= reader.lastIndex, "the commit or applied index lies beyond the end of the log [I-9]");
  }

  /** The first entry that can still be read. */
  get firstIndex(): LogIndex {
    return this.#snapshot === undefined || this.#isSnapshotHanded ? this.#reader.firstIndex : this.#snapshot.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#handedIndex + this.#pending.length;
  }

  get lastTerm(): Term {
    return this.#lastTerm;
  }

  /** A snapshot was received and is not installed yet. */
  get isInstallingSnapshot(): boolean {
    return this.#snapshot !== undefined;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0 || this.hasPendingSnapshot;
  }

  get hasPendingEntries(): boolean {
    return this.#pending.length > 0;
  }

  get hasPendingSnapshot(): boolean {
    return this.#snapshot !== undefined && !this.#isSnapshotHanded;
  }

  /** The term of the entry at `index`; undefined where the log does not reach, at either end. */
  term(index: LogIndex): Term | undefined {
    if (index > this.#handedIndex) return this.#pending[index - this.#handedIndex - 1]?.term;
    if (this.#snapshot !== undefined && !this.#isSnapshotHanded) {
      return index === this.#snapshot.index ? this.#snapshot.term : undefined;
    }
    return index >= this.#reader.firstIndex - 1 ? this.#reader.term(index) : undefined;
  }

  /** Whether the log has an entry (or a snapshot ends) at `index` with `term`. */
  matches(index: LogIndex, term: Term): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends with (`lastIndex`, `lastTerm`) holds at least what this one may have committed (§5.4.1). */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    return lastTerm > this.#lastTerm || (lastTerm === this.#lastTerm && lastIndex >= this.lastIndex);
  }

  /**
   * Entries from `from` to the end: as many as fit `bytesMax`, but at least one if there is one. "compacted" when the
   * first is no longer stored, "unavailable" when it must be fetched from disk first.
   */
  entriesFrom(from: LogIndex, bytesMax: number): readonly Entry[] | "compacted" | "unavailable" {
    return from > this.lastIndex ? [] : this.#slice(from, this.lastIndex + 1, bytesMax);
  }

  /** Appends a leader's own entries, which follow the last one. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#invariants.appends(entry, this.lastIndex, this.#lastTerm);
      this.#pending.push(entry);
      this.#lastTerm = entry.term;
    }
  }

  /**
   * Takes over a leader's entries behind (`previousIndex`, ...), which is known to match: skips those that are there
   * already, and removes what differs (§5.3).
   */
  merge(entries: readonly Entry[]): void {
    let known = 0;
    const lastIndex = this.lastIndex;
    while (known < entries.length) {
      const entry = entries[known]!;
      if (entry.index > lastIndex || !this.matches(entry.index, entry.term)) break;
      known++;
    }
    if (known === entries.length) return;
    const first = entries[known]!;
    if (first.index <= lastIndex) {
      mark("a follower's tail is replaced");
      this.#truncate(first.index - 1);
    }
    this.append(known === 0 ? entries : entries.slice(known));
  }

  /**
   * The last index up to `index` at which another log, known to hold `term` at `index`, can be the same as this one,
   * and this log's term there, 0 if it is unknown. Terms never fall within a log, so that the search can halve.
   */
  findConflict(index: LogIndex, term: Term): { readonly index: LogIndex; readonly term: Term } {
    const termAtIndex = this.term(index);
    if (termAtIndex === undefined) return { index, term: 0 };
    if (termAtIndex <= term) return { index, term: termAtIndex };
    let low = this.firstIndex - 1;
    const lowTerm = this.term(low) ?? 0;
    // Everything that is still stored is of a newer term; what was before is not known.
    if (lowTerm > term) return { index: low - 1, term: 0 };
    let high = index;
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2);
      if ((this.term(middle) ?? 0) <= term) low = middle;
      else high = middle;
    }
    return { index: low, term: this.term(low) ?? 0 };
  }

  /** Commits up to `index`, which never takes anything back. */
  commitTo(index: LogIndex): void {
    if (index <= this.commitIndex) return;
    this.#invariants.commits(index, this.lastIndex);
    this.commitIndex = index;
  }

  /** Everything is replaced by `snapshot`, which is newer than the commit index. */
  restore(snapshot: Snapshot): void {
    this.#invariants.replaces(snapshot.index, this.commitIndex);
    this.#pending = [];
    this.#handedIndex = snapshot.index;
    this.stableIndex = snapshot.index;
    this.#lastTerm = snapshot.term;
    this.#snapshot = snapshot;
    this.#isSnapshotHanded = false;
    this.commitIndex = snapshot.index;
  }

  /** Hands the pending snapshot and entries over to the host, whose reader shows them from now on. */
  takePending(): { readonly snapshot: Snapshot | undefined; readonly entries: readonly Entry[] } {
    const snapshot = this.hasPendingSnapshot ? this.#snapshot : undefined;
    const entries = this.#pending;
    this.#handedIndex += entries.length;
    this.#pending = [];
    this.#isSnapshotHanded = this.#snapshot !== undefined;
    return { snapshot, entries };
  }

  /**
   * What was written last is durable up to (`index`, `term`). Ignored if the log holds something else there by now: a
   * later write is on its way (CONSENSUS O-9).
   */
  stableTo(index: LogIndex, term: Term): void {
    if (index <= this.stableIndex || this.term(index) !== term) return;
    this.stableIndex = index;
  }

  /** The snapshot at `index` is installed. */
  installed(index: LogIndex): void {
    if (this.#snapshot?.index !== index) return;
    this.#snapshot = undefined;
    this.#isSnapshotHanded = false;
  }

  /** Whether committed entries can be handed out to be applied. `onlyStable` holds back what is not durable here. */
  hasNextCommitted(onlyStable: boolean): boolean {
    if (this.#isApplyPaused || this.isApplyWaitingForEntries || this.#snapshot !== undefined) return false;
    return this.applyingIndex < this.#appliableIndex(onlyStable);
  }

  /** Hands out committed entries to be applied, as far as the limit of bytes under way allows. */
  takeCommitted(onlyStable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(onlyStable)) return [];
    const to = this.#appliableIndex(onlyStable);
    const bytesMax = this.#applyBytesMax - this.#applyingBytes;
    const entries = this.#slice(this.applyingIndex + 1, to + 1, bytesMax);
    if (entries === "unavailable") {
      this.isApplyWaitingForEntries = true;
      return [];
    }
    assert(entries !== "compacted", "the log was cut beyond the applied index [N-6]");
    let term = this.term(this.applyingIndex) ?? 0;
    for (const entry of entries) {
      this.#invariants.appliesBehind(entry, this.applyingIndex, term);
      this.applyingIndex++;
      term = entry.term;
      this.#applyingBytes += this.#entryBytes(entry);
    }
    // Paused also when the next entry is what exceeds the limit: it must not slip through alone.
    this.#isApplyPaused = this.#applyingBytes >= this.#applyBytesMax || this.applyingIndex < to;
    return entries;
  }

  /** Entries up to `index`, which counted for `bytes`, are applied. */
  appliedTo(index: LogIndex, bytes: number): void {
    assert(index >= this.appliedIndex && index <= this.commitIndex, "applied what was not committed [I-8]");
    this.appliedIndex = index;
    this.applyingIndex = Math.max(this.applyingIndex, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#isApplyPaused = this.#applyingBytes >= this.#applyBytesMax;
  }

  /**
   * Whether a configuration change is committed and not applied. Unless the reader knows, looks through the entries
   * between the two indexes; true when they are not at hand, which the host's fetching cures.
   */
  hasUnappliedConfigurationChange(): boolean {
    let from = this.appliedIndex + 1;
    if (this.#reader.hasConfiguration !== undefined && this.#snapshot === undefined) {
      const storedTo = Math.min(this.commitIndex, this.#handedIndex);
      if (from <= storedTo && this.#reader.hasConfiguration(from, storedTo)) return true;
      from = Math.max(from, storedTo + 1);
    }
    while (from <= this.commitIndex) {
      const entries = this.#slice(from, this.commitIndex + 1, this.#applyBytesMax);
      if (entries === "unavailable" || entries === "compacted") return true;
      if (entries.some((entry) => entry.kind === "configuration")) return true;
      from += entries.length;
    }
    return false;
  }

  #appliableIndex(onlyStable: boolean): LogIndex {
    return onlyStable ? Math.min(this.commitIndex, this.stableIndex) : this.commitIndex;
  }

  #truncate(lastIndex: LogIndex): void {
    this.#invariants.cuts(lastIndex, this.commitIndex);
    if (lastIndex >= this.#handedIndex) {
      this.#pending.length = lastIndex - this.#handedIndex;
    } else {
      this.#pending = [];
      this.#handedIndex = lastIndex;
    }
    this.stableIndex = Math.min(this.stableIndex, lastIndex);
    this.#lastTerm = this.term(lastIndex)!;
  }

  #slice(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | "compacted" | "unavailable" {
    assert(from < to && to <= this.lastIndex + 1, "a slice lies outside of the log");
    if (from < this.firstIndex) return "compacted";
    if (from > this.#handedIndex) {
      return this.#limit(this.#pending, from - this.#handedIndex - 1, to - this.#handedIndex - 1, bytesMax);
    }
    const stored = this.#reader.entries(from, Math.min(to, this.#handedIndex + 1), bytesMax);
    if (stored === "unavailable") return stored;
    assert(stored.length > 0 && stored[0]!.index === from, "the log's reader returned other entries than asked for");
    const next = from + stored.length;
    if (next <= this.#handedIndex || next >= to) return stored;
    let bytes = 0;
    for (const entry of stored) bytes += this.#entryBytes(entry);
    const all = stored.slice();
    for (let index = next; index < to; index++) {
      const entry = this.#pending[index - this.#handedIndex - 1]!;
      bytes += this.#entryBytes(entry);
      if (bytes > bytesMax) break;
      all.push(entry);
    }
    return all;
  }

  #limit(entries: readonly Entry[], from: number, to: number, bytesMax: number): readonly Entry[] {
    let end = from + 1;
    let bytes = this.#entryBytes(entries[from]!);
    while (end < to) {
      bytes += this.#entryBytes(entries[end]!);
      if (bytes > bytesMax) break;
      end++;
    }
    return entries.slice(from, end);
  }
}
