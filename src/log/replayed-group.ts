import type { BatchGroup } from "./batch-header.ts";
import { type BatchPlace, PositionIndex } from "./position-index.ts";
import { type RecordCursor, recordBegins, recordEnds, recordKind } from "./record.ts";
import type { GroupAtStart } from "./segment-header.ts";
import type { DurableGroup, RestoredGroup } from "./stored-group.ts";
import { TermRuns } from "./term-runs.ts";

/** The record set that is being read: nothing of it counts before its last record has come. One object for all sets. */
class StagedSet {
  firstIndex = 0;
  lastIndex = 0;
  /** Where the terms of its entries change, and to which. */
  readonly termStarts: number[] = [];
  readonly terms: number[] = [];
  /** Where the next piece of a large entry must go on; 0: no entry is in pieces. */
  nextPieceOffset = 0;
  /** A part of it is lost: its beginning, until a record begins a set. */
  isBroken = true;
  /** Earlier batches that hold parts of it. */
  places: BatchPlace[] = [];

  reset(options: { readonly isBroken: boolean }): void {
    this.firstIndex = 0;
    this.lastIndex = 0;
    this.termStarts.length = 0;
    this.terms.length = 0;
    this.nextPieceOffset = 0;
    this.isBroken = options.isBroken;
    if (this.places.length > 0) this.places = [];
  }
}

/**
 * One group, rebuilt batch by batch as the log is read from its beginning, with account of what was lost on the way: entries
 * (holes, which a later rewrite of those indexes fills), the hard state (which a later one replaces), or what nobody can
 * say (a gap in the numbers of the group's batches).
 */
export class ReplayedGroup {
  readonly group: number;
  readonly durable: DurableGroup = { term: 0, vote: 0, commit: 0, lastIndex: 0, lastTerm: 0, batchCount: 0 };
  /** A batch header was lost after this group's last batch: it may or may not have held records of this group. */
  isSuspect = false;

  constructor(group: number) {
    this.group = group;
  }

  /** A batch with records of this group begins. */
  begin(listed: BatchGroup): void {
    if (listed.batchNumber !== this.durable.batchCount + 1) this.#isUnknownLost = true;
    this.isSuspect = false;
    this.durable.batchCount = listed.batchNumber;
  }

  /** A record of this group, at the cursor, in the batch that was begun. */
  take(record: RecordCursor, listed: BatchGroup, place: BatchPlace): void {
    const set = this.#staged;
    if ((record.flags & recordBegins) !== 0) set.reset({ isBroken: false });
    if (record.kind === recordKind.piece) this.#takePiece(set, record);
    else if (record.kind !== recordKind.hardState) this.#takeEntry(set, record);
    if ((record.flags & recordEnds) === 0) return;
    if (set.isBroken || set.nextPieceOffset > 0) this.#lose(listed);
    else if (set.firstIndex > 0) this.#apply(set, place);
    // Only the last record of a set can be a hard state, and it says everything anew.
    if (record.kind === recordKind.hardState) this.#setHardState(record);
    this.#staged.reset({ isBroken: true });
  }

  /** The batch that was begun has been read. */
  end(listed: BatchGroup, place: BatchPlace): void {
    if (listed.holdsUnfinished) this.#staged.places.push(place);
    else this.#staged.reset({ isBroken: true });
  }

  /** The body of a batch with records of this group is damaged. */
  loseBatch(listed: BatchGroup): void {
    this.begin(listed);
    this.#lose(listed);
    if (listed.holdsHardState) this.#isHardStateLost = true;
    this.#staged.reset({ isBroken: true });
  }

  /** A segment begins, and says how this group stood. A term and a vote that were lost before are restated by it. */
  compare(listed: GroupAtStart): void {
    const { durable } = this;
    this.isSuspect = false;
    if (listed.isDamaged) this.#wasDamaged = true;
    const isSameLog =
      listed.batchCount === durable.batchCount &&
      listed.lastIndex === durable.lastIndex &&
      listed.lastTerm === durable.lastTerm;
    const isSameVote = listed.term === durable.term && listed.vote === durable.vote;
    if (!isSameLog || !(isSameVote || this.#isHardStateLost)) this.#isUnknownLost = true;
    durable.batchCount = listed.batchCount;
    durable.term = listed.term;
    durable.vote = listed.vote;
    durable.commit = listed.commit;
    this.#isHardStateLost = false;
  }

  get isDamaged(): boolean {
    const isIncomplete = this.#isUnknownLost || this.#isHardStateLost || this.#positions.hasHoles;
    return this.#wasDamaged || this.isSuspect || isIncomplete;
  }

  /** For the header of a segment that begins here. */
  atStart(): GroupAtStart {
    return { group: this.group, ...this.durable, firstIndex: this.#terms.baseIndex + 1, isDamaged: this.isDamaged };
  }

  restored(): RestoredGroup {
    return { terms: this.#terms, positions: this.#positions, durable: this.durable, isDamaged: this.isDamaged };
  }

  readonly #terms = new TermRuns();
  readonly #positions = new PositionIndex();
  readonly #staged = new StagedSet();
  #isUnknownLost = false;
  #isHardStateLost = false;
  #wasDamaged = false;

  #takeEntry(set: StagedSet, record: RecordCursor): void {
    if (set.firstIndex === 0) set.firstIndex = record.index;
    else if (record.index !== set.lastIndex + 1) set.isBroken = true;
    set.lastIndex = record.index;
    if (record.term === set.terms.at(-1)) return;
    set.termStarts.push(record.index);
    set.terms.push(record.term);
  }

  #takePiece(set: StagedSet, record: RecordCursor): void {
    if (record.pieceOffset !== set.nextPieceOffset) set.isBroken = true;
    set.nextPieceOffset += record.dataEnd - record.dataStart;
    if (set.nextPieceOffset < record.wholeBytes) return;
    set.nextPieceOffset = 0;
    this.#takeEntry(set, record);
  }

  #setHardState(record: RecordCursor): void {
    this.durable.term = record.term;
    this.durable.vote = record.vote;
    this.durable.commit = record.commit;
    this.#isHardStateLost = false;
  }

  /** Entry i discards every stored entry at and above i (CONSENSUS O-4). */
  #apply(set: StagedSet, place: BatchPlace): void {
    if (set.firstIndex > this.#terms.lastIndex + 1) this.#addHole(this.#terms.lastIndex + 1, set.firstIndex - 1, 0);
    this.#terms.truncateFrom(set.firstIndex);
    for (let run = 0; run < set.terms.length; run++) {
      this.#terms.extend((set.termStarts[run + 1] ?? set.lastIndex + 1) - 1, set.terms[run] as number);
    }
    this.#positions.add(set.firstIndex, place, set.places);
    this.#noteLast();
  }

  /** The entries that the batch header names are lost. */
  #lose(listed: BatchGroup): void {
    if (listed.firstIndex > 0) this.#addHole(listed.firstIndex, listed.lastIndex, listed.lastTerm);
  }

  #addHole(firstIndex: number, lastIndex: number, term: number): void {
    const start = Math.min(firstIndex, this.#terms.lastIndex + 1);
    this.#terms.truncateFrom(start);
    this.#terms.extend(lastIndex, term);
    this.#positions.add(start, undefined);
    this.#noteLast();
  }

  #noteLast(): void {
    this.durable.lastIndex = this.#terms.lastIndex;
    this.durable.lastTerm = this.#terms.lastTerm;
  }
}
