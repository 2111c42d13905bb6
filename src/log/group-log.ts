import { assert } from "../platform/index.ts";
import type { Entry, HardState, LogIndex, LogReader, ReplicaId, Term } from "../raft/index.ts";
import { EntryCache } from "./entry-cache.ts";
import type { StoredSnapshot } from "./snapshot.ts";
import { TermRuns } from "./term-runs.ts";

/** One group's part of the log, as Raft reads it: what has been appended, durable or not. */
export interface GroupLog extends LogReader {
  readonly group: number;
  /**
   * To which replica all of this belongs, since {@link NodeLog.beginReplica}; 0 before the first one: to the one that this
   * node has had from the beginning.
   */
  readonly replica: ReplicaId;
  /** That replica and all before it are gone, by {@link NodeLog.endReplica}: nothing is here until a higher one begins. */
  readonly isEnded: boolean;
  /** The newest that was appended; zeros and no vote before the first. */
  readonly hardState: HardState;
  /**
   * Acknowledged records of this group are lost or cannot be read. Its replica on this node must neither vote nor count, and
   * nothing may be appended for it. What the group's log answers then is for people to look at.
   */
  readonly isDamaged: boolean;
  /**
   * The newest that is durable and stands in the log by name. The log goes back to its index at least:
   * `firstIndex - 1 <= snapshot.index`. One that is being installed shows once it is durable.
   */
  readonly snapshot: StoredSnapshot | undefined;
  /**
   * Bytes of the durable entries above `index`, about: how much a snapshot there would spare. Takes as long as there are
   * batches (in memory: entries) that hold them, so it is no question for every turn.
   */
  bytesAbove(index: LogIndex): number;
  /**
   * Whether this replica leads, which it does not at first: then its newest entries are kept in memory for its followers;
   * otherwise a quarter as many bytes, for itself.
   */
  setLeading(isLeading: boolean): void;
  /** Called whenever entries that were "unavailable" may have become available. One callback at a time; the last set counts. */
  onAvailable(callback: () => void): void;
}

/** What has been appended: all terms, the newest entries, the newest hard state. */
export class AppendedLog {
  terms: TermRuns;
  readonly cache: EntryCache;
  hardState: HardState;

  constructor(terms: TermRuns, hardState: HardState) {
    this.terms = terms;
    this.cache = new EntryCache(terms.lastIndex + 1);
    this.hardState = hardState;
  }

  get firstIndex(): LogIndex {
    return this.terms.baseIndex + 1;
  }

  get lastIndex(): LogIndex {
    return this.terms.lastIndex;
  }

  term(index: LogIndex): Term {
    return this.terms.termAt(index);
  }

  /** Everything is replaced by a snapshot (CONSENSUS O-3). */
  reset(snapshot: { readonly index: LogIndex; readonly term: Term }): void {
    assert(snapshot.index > this.firstIndex - 1, "a snapshot that is installed is newer than the one before");
    this.terms = new TermRuns(snapshot);
    this.cache.reset(snapshot.index + 1);
  }

  /** Forgets the entries up to and including `index`. */
  compactTo(index: LogIndex): void {
    this.terms.compactTo(index);
    this.cache.evict(-1, index + 1);
  }

  /** Entries replace what stands at and above the first of them (CONSENSUS O-4). */
  append(entries: readonly Entry[], hardState: HardState | undefined): void {
    const first = entries[0];
    if (first !== undefined) {
      assert(first.index >= this.firstIndex, "entries begin within the log");
      assert(first.index <= this.lastIndex + 1, "entries leave no gap behind the log");
      if (first.index <= this.lastIndex) {
        this.terms.truncateFrom(first.index);
        this.cache.truncateFrom(first.index);
      }
      for (const entry of entries) this.#push(entry);
    }
    if (hardState === undefined) return;
    assert(hardState.term >= this.hardState.term, "a term does not go back");
    assert(hardState.commit <= this.lastIndex, "a commit index does not point past the log");
    this.hardState = hardState;
  }

  #push(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, "entries follow each other");
    assert(entry.term >= this.terms.lastTerm && entry.term > 0, "terms do not fall along the log");
    this.terms.extend(entry.index, entry.term);
    if (entry.kind === "configuration") this.terms.markConfiguration(entry.index);
    this.cache.push(entry);
  }
}

/** What an entry counts for against a limit of bytes in `entries`. */
export function entryDataBytes(entry: Entry): number {
  return entry.kind === "normal" ? entry.data.length : 16 * entry.change.changes.length;
}
