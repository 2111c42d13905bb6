import type { BatchGroup } from "./batch-header.ts";
import { type BatchPlace, PositionIndex } from "./position-index.ts";
import { type RecordCursor, recordBegins, recordEnds, recordHeaderBytes, recordKind } from "./record.ts";
import type { ReplicaRecord, SnapshotRecord } from "./record-set.ts";
import type { GroupAtStart } from "./segment-header.ts";
import { type DurableGroup, emptyDurableGroup, type RestoredGroup } from "./stored-group.ts";
import { TermRuns } from "./term-runs.ts";

/** The record set that is being read: nothing of it counts before its last record has come. One object for all sets. */
class StagedSet {
  snapshot: SnapshotRecord | undefined;
  firstIndex = 0;
  lastIndex = 0;
  /** Where the terms of its entries change, and to which. */
  readonly termStarts: number[] = [];
  readonly terms: number[] = [];
  /** Those of its entries that change the configuration. */
  readonly configurations: number[] = [];
  /** Where the next piece of a large entry must go on; 0: no entry is in pieces. */
  nextPieceOffset = 0;
  /** A part of it is lost: its beginning, until a record begins a set. */
  isBroken = true;
  /** Earlier batches that hold parts of it. */
  places: BatchPlace[] = [];
  /** Of its entries' records. */
  dataBytes = 0;

  reset(options: { readonly isBroken: boolean }): void {
    this.snapshot = undefined;
    this.firstIndex = 0;
    this.lastIndex = 0;
    this.termStarts.length = 0;
    this.terms.length = 0;
    this.configurations.length = 0;
    this.nextPieceOffset = 0;
    this.isBroken = options.isBroken;
    this.dataBytes = 0;
    if (this.places.length > 0) this.places = [];
  }
}

/**
 * One group, rebuilt batch by batch as the log is read from its beginning, with account of what was lost on the way: entries
 * (holes, which a later rewrite or restatement of those indexes fills, and a later snapshot makes up for), the hard state
 * or a snapshot's name (which a later one replaces, or a segment's header repeats), or what nobody can say (a gap in the
 * numbers of the group's batches).
 */
export class ReplayedGroup {
  readonly group: number;
  readonly durable: DurableGroup = { ...emptyDurableGroup };
  /** A batch header was lost after this group's last batch: it may or may not have held records of this group. */
  isSuspect = false;

  constructor(group: number) {
    this.group = group;
  }

  /** The log begins here, and this is how the group stood: the entries that it still needs are restated in what follows. */
  begin(listed: GroupAtStart): void {
    const { firstIndex, lastIndex, lastTerm, snapshotIndex, snapshotTerm } = listed;
    const { durable } = this;
    durable.replica = listed.replica;
    durable.isEnded = listed.isEnded;
    durable.term = listed.term;
    durable.vote = listed.vote;
    durable.commit = listed.commit;
    durable.batchCount = listed.batchCount;
    durable.snapshotIndex = snapshotIndex;
    durable.snapshotTerm = snapshotTerm;
    this.#wasDamaged = listed.isDamaged;
    const baseIndex = Math.min(firstIndex - 1, lastIndex);
    this.#isBaseTermKnown = baseIndex === 0 || baseIndex === lastIndex || baseIndex === snapshotIndex;
    const baseTerm = baseIndex === snapshotIndex ? snapshotTerm : lastTerm;
    this.#terms = new TermRuns({ index: baseIndex, term: baseIndex === 0 ? 0 : baseTerm });
    this.#positions.clear();
    if (lastIndex > baseIndex) this.#addHole(baseIndex + 1, lastIndex, lastTerm);
    this.#noteLast();
  }

  /** A batch with records of this group begins. */
  beginBatch(listed: BatchGroup): void {
    if (listed.batchNumber !== this.durable.batchCount + 1) this.#isUnknownLost = true;
    this.isSuspect = false;
    this.durable.batchCount = listed.batchNumber;
  }

  /** A record of this group, at the cursor, in the batch that was begun. */
  take(record: RecordCursor, listed: BatchGroup, place: BatchPlace): void {
    const set = this.#staged;
    const { kind, index, term, isReset } = record;
    if ((record.flags & recordBegins) !== 0) set.reset({ isBroken: false });
    if (kind === recordKind.replica) this.#beginAnew(record);
    else if (kind === recordKind.snapshot) set.snapshot = { index, term, isReset };
    else if (kind === recordKind.compacted) this.#compact(index, term);
    else if (record.isPiece) this.#takePiece(set, record);
    else if (kind !== recordKind.hardState) this.#takeEntry(set, record);
    if ((record.flags & recordEnds) === 0) return;
    if (!set.isBroken && set.nextPieceOffset === 0) this.#apply(set, { place, isRestated: record.isRestated });
    else if (!record.isRestated) this.#lose(listed);
    // Only the last record of a set can be a hard state, and it says everything anew.
    if (kind === recordKind.hardState) this.#setHardState(record);
    this.#staged.reset({ isBroken: true });
  }

  /** The batch that was begun has been read. */
  endBatch(listed: BatchGroup, place: BatchPlace): void {
    if (listed.holdsUnfinished) this.#staged.places.push(place);
    else this.#staged.reset({ isBroken: true });
  }

  /** The body of a batch with records of this group is damaged. */
  loseBatch(listed: BatchGroup): void {
    this.beginBatch(listed);
    if (listed.holdsBeginning) {
      // What stood here before is another replica's, and nobody knows of which replica what follows is.
      this.#beginAnew({ replica: this.durable.replica, isEnd: false });
      this.#wasDamaged = true;
    }
    this.#lose(listed);
    if (listed.holdsHardState) this.#isHardStateLost = true;
    this.#staged.reset({ isBroken: true });
  }

  /** A segment begins, and says how this group stood. What it repeats and was lost before is restored by it. */
  compare(listed: GroupAtStart): void {
    const { durable } = this;
    this.isSuspect = false;
    if (listed.isEnded) {
      // Whatever was lost before: there is nothing that anybody could miss.
      this.#beginAnew({ replica: listed.replica, isEnd: true });
      durable.batchCount = listed.batchCount;
      this.#wasDamaged = listed.isDamaged;
      return;
    }
    if (listed.replica !== durable.replica || durable.isEnded) {
      // The record that says so is lost, and perhaps more.
      this.begin(listed);
      this.#isUnknownLost = true;
      return;
    }
    if (listed.isDamaged) this.#wasDamaged = true;
    if (this.#isSnapshotLost) this.#restoreSnapshot(listed);
    const isSameLog =
      listed.batchCount === durable.batchCount &&
      listed.lastIndex === durable.lastIndex &&
      listed.lastTerm === durable.lastTerm &&
      listed.snapshotIndex === durable.snapshotIndex;
    const isSameVote = listed.term === durable.term && listed.vote === durable.vote;
    if (!isSameLog || !(isSameVote || this.#isHardStateLost)) this.#isUnknownLost = true;
    durable.batchCount = listed.batchCount;
    durable.term = listed.term;
    durable.vote = listed.vote;
    durable.commit = listed.commit;
    this.#isHardStateLost = false;
    if (listed.firstIndex - 1 <= this.#terms.lastIndex) this.#compactTo(listed.firstIndex - 1);
  }

  /** The entry before the first one of the log. */
  get baseIndex(): number {
    return this.#terms.baseIndex;
  }

  get isDamaged(): boolean {
    const isHole = this.#positions.lastHoleIndex(this.#terms.lastIndex) > this.durable.snapshotIndex;
    const isIncomplete = this.#isUnknownLost || this.#isHardStateLost || this.#isSnapshotLost || isHole;
    return this.#wasDamaged || this.isSuspect || isIncomplete;
  }

  /** For the header of a segment that begins here. */
  atStart(): GroupAtStart {
    this.#settle();
    return { group: this.group, ...this.durable, firstIndex: this.#terms.baseIndex + 1, isDamaged: this.isDamaged };
  }

  /** The oldest segment that holds anything that this group still needs, a record set that may go on included. */
  oldestSegment(): number | undefined {
    this.#settle();
    const segments = this.#staged.places.map((place) => place.segment);
    const oldest = this.#positions.oldestSegment();
    if (oldest !== undefined) segments.push(oldest);
    return segments.length === 0 ? undefined : Math.min(...segments);
  }

  restored(): RestoredGroup {
    this.#settle();
    // A snapshot holds only what is committed.
    this.durable.commit = Math.max(this.durable.commit, this.durable.snapshotIndex);
    return { terms: this.#terms, positions: this.#positions, durable: this.durable, isDamaged: this.isDamaged };
  }

  #terms: TermRuns = new TermRuns();
  readonly #positions = new PositionIndex();
  readonly #staged = new StagedSet();
  /** False while the term of the entry before the first one was in a segment that is gone. */
  #isBaseTermKnown = true;
  #isUnknownLost = false;
  #isHardStateLost = false;
  /** A record that named a snapshot is lost: the log before it may have been replaced. */
  #isSnapshotLost = false;
  #wasDamaged = false;

  #takeEntry(set: StagedSet, record: RecordCursor): void {
    if (set.firstIndex === 0) set.firstIndex = record.index;
    else if (record.index !== set.lastIndex + 1) set.isBroken = true;
    set.lastIndex = record.index;
    if (!record.isPiece) set.dataBytes += recordHeaderBytes + record.bodyBytes;
    if (record.isConfiguration) set.configurations.push(record.index);
    if (record.term === set.terms.at(-1)) return;
    set.termStarts.push(record.index);
    set.terms.push(record.term);
  }

  #takePiece(set: StagedSet, record: RecordCursor): void {
    if (record.pieceOffset !== set.nextPieceOffset) set.isBroken = true;
    set.nextPieceOffset += record.dataEnd - record.dataStart;
    set.dataBytes += recordHeaderBytes + record.bodyBytes;
    if (set.nextPieceOffset < record.wholeBytes) return;
    set.nextPieceOffset = 0;
    this.#takeEntry(set, record);
  }

  /** Another replica takes the group's place, or nobody, and has nothing: whatever was there or lost before is no concern of it. */
  #beginAnew({ replica, isEnd }: ReplicaRecord): void {
    const { batchCount } = this.durable;
    Object.assign(this.durable, { ...emptyDurableGroup, batchCount, replica, isEnded: isEnd });
    this.#terms = new TermRuns();
    this.#positions.clear();
    this.#isBaseTermKnown = true;
    this.#isUnknownLost = this.#isHardStateLost = this.#isSnapshotLost = this.#wasDamaged = false;
  }

  #setHardState(record: RecordCursor): void {
    this.durable.term = record.term;
    this.durable.vote = record.vote;
    this.durable.commit = record.commit;
    this.#isHardStateLost = false;
  }

  #apply(set: StagedSet, end: { readonly place: BatchPlace; readonly isRestated: boolean }): void {
    if (set.snapshot !== undefined) this.#applySnapshot(set.snapshot);
    if (set.firstIndex === 0) return;
    if (end.isRestated) this.#applyRestated(set, end.place);
    else this.#applyEntries(set, end.place);
  }

  /** Entry i discards every stored entry at and above i (CONSENSUS O-4). */
  #applyEntries(set: StagedSet, place: BatchPlace): void {
    if (set.firstIndex <= this.#terms.baseIndex) {
      // Only behind a lost record by which the group began anew.
      this.#isUnknownLost = true;
      this.#resetTo(set.firstIndex - 1, 0);
    }
    if (set.firstIndex > this.#terms.lastIndex + 1) this.#addHole(this.#terms.lastIndex + 1, set.firstIndex - 1, 0);
    this.#terms.truncateFrom(set.firstIndex);
    for (let run = 0; run < set.terms.length; run++) {
      this.#terms.extend((set.termStarts[run + 1] ?? set.lastIndex + 1) - 1, set.terms[run] as number);
    }
    for (const index of set.configurations) this.#terms.markConfiguration(index);
    this.#positions.add(set.firstIndex, place, set.places, set.dataBytes);
    this.#noteLast();
  }

  /** Entries of the log stand elsewhere from now on; those that were compacted meanwhile nobody needs. */
  #applyRestated(set: StagedSet, place: BatchPlace): void {
    const { baseIndex, lastIndex } = this.#terms;
    const [from, to] = [Math.max(set.firstIndex, baseIndex + 1), Math.min(set.lastIndex, lastIndex)];
    if (from > to) return;
    for (let run = 0; run < set.terms.length; run++) {
      const runFrom = Math.max(set.termStarts[run] as number, from);
      const runTo = Math.min((set.termStarts[run + 1] ?? set.lastIndex + 1) - 1, to);
      if (runFrom <= runTo) this.#terms.restate(runFrom, runTo, set.terms[run] as number);
    }
    for (const index of set.configurations) if (index >= from && index <= to) this.#terms.markConfiguration(index);
    const { places, dataBytes } = set;
    this.#positions.restate({ firstIndex: from, lastIndex: to, place, earlierPlaces: places, dataBytes }, lastIndex);
    this.#noteLast();
  }

  #applySnapshot({ index, term, isReset }: SnapshotRecord): void {
    this.durable.snapshotIndex = index;
    this.durable.snapshotTerm = term;
    if (isReset) {
      this.#resetTo(index, term);
    } else {
      // What was lost up to here, the snapshot holds.
      if (index > this.#terms.lastIndex) this.#addHole(this.#terms.lastIndex + 1, index, term);
      if (this.#isSnapshotLost) this.#compactTo(index);
    }
    this.#isSnapshotLost = false;
  }

  #resetTo(index: number, term: number): void {
    this.#terms = new TermRuns({ index, term });
    this.#positions.clear();
    this.#isBaseTermKnown = true;
    this.#noteLast();
  }

  /** The header of a segment repeats what the lost record said. */
  #restoreSnapshot({ firstIndex, lastIndex, lastTerm, snapshotIndex, snapshotTerm }: GroupAtStart): void {
    this.durable.snapshotIndex = snapshotIndex;
    this.durable.snapshotTerm = snapshotTerm;
    if (firstIndex === lastIndex + 1 && lastIndex !== this.#terms.lastIndex) this.#resetTo(lastIndex, lastTerm);
    this.#isSnapshotLost = false;
  }

  /** The entries that the batch header names are lost, and perhaps a snapshot's name. */
  #lose(listed: BatchGroup): void {
    if (listed.holdsSnapshot) this.#isSnapshotLost = true;
    if (listed.firstIndex > 0) this.#addHole(listed.firstIndex, listed.lastIndex, listed.lastTerm);
  }

  #addHole(firstIndex: number, lastIndex: number, term: number): void {
    const start = Math.max(Math.min(firstIndex, this.#terms.lastIndex + 1), this.#terms.baseIndex + 1);
    if (lastIndex < start) return;
    this.#terms.truncateFrom(start);
    this.#terms.extend(lastIndex, term);
    this.#positions.add(start, undefined);
    this.#noteLast();
  }

  /** By the host, behind a snapshot. Where what is known of the log is less, something was lost, and that counts. */
  #compact(index: number, term: number): void {
    if (index > this.durable.snapshotIndex || index > this.#terms.lastIndex || index <= this.#terms.baseIndex) return;
    this.#terms.compactTo(index, term);
    this.#positions.compactTo(index, this.#terms.lastIndex);
    this.#isBaseTermKnown = true;
  }

  #compactTo(index: number): void {
    const { baseIndex, lastIndex } = this.#terms;
    if (index <= baseIndex) return;
    const isSnapshot = index === this.durable.snapshotIndex;
    this.#isBaseTermKnown = isSnapshot || this.#positions.find(index, lastIndex)?.place !== undefined;
    this.#terms.compactTo(index, isSnapshot ? this.durable.snapshotTerm : this.#terms.termAt(index));
    this.#positions.compactTo(index, lastIndex);
  }

  /**
   * Makes the log begin where all of it is known: behind what was lost and the snapshot holds, and behind an entry whose
   * term is known.
   */
  #settle(): void {
    const { snapshotIndex } = this.durable;
    const hole = this.#positions.lastHoleIndex(this.#terms.lastIndex);
    if (hole > snapshotIndex || snapshotIndex > this.#terms.lastIndex) return;
    this.#compactTo(hole);
    if (!this.#isBaseTermKnown && this.#terms.baseIndex < snapshotIndex) this.#compactTo(this.#terms.baseIndex + 1);
  }

  #noteLast(): void {
    this.durable.lastIndex = this.#terms.lastIndex;
    this.durable.lastTerm = this.#terms.lastTerm;
  }
}
