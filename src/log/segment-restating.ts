/**
 * Writes again at the head what is left of one segment, in one pass over its file (docs/decisions/log-format.md, "Reclaiming").
 *
 * A batch holds entries of many groups. Each batch that anybody needs is read and verified once, in the order in which they
 * lie in the file, and all groups take theirs out of it:
 *
 *     segment   [ batch: a b c ][ batch: b ][ batch: d ][ batch: a d ]
 *     read      |------- one read ---------|            |-- another -|      what nobody needs is left out
 *     collected a a, b b, c, d                                              until the end, or some megabytes
 *     written   [ a a b b c d ]                                             group after group, dense
 *
 * What is in memory need not be read. What is compacted, rewritten or moved while this goes on is not written again; what cannot
 * be read damages its groups, and ends it. All of it takes a quarter of the node's time at most, unless there is a hurry.
 */
import { assert, type Clock, type DiskError, mark } from "../platform/index.ts";
import type { Entry } from "../raft/index.ts";
import type { BatchReads } from "./batch-reads.ts";
import { CollectedEntries, type CollectedRun } from "./collected-entries.ts";
import { EntryAssembler } from "./entry-assembler.ts";
import { LogDamagedError } from "./log-errors.ts";
import { Pauses } from "./pauses.ts";
import type { BatchPlace, PositionRun, Stretch } from "./position-index.ts";
import { RecordCursor } from "./record.ts";
import { pieceBytesMax, RecordSet } from "./record-set.ts";
import type { StoredGroup } from "./stored-group.ts";
import type { VerifiedBatch } from "./verified-batch.ts";

export interface RestatingHost {
  readonly clock: Clock;
  readonly batches: BatchReads;
  /** Sets of several groups, to be written together. */
  append(sets: readonly RecordSet[]): void;
  /** Reading failed for a reason that passes; resolves when it may be tried again. */
  troubled(error: DiskError): Promise<void>;
  /** Whether the space is wanted soon: then the work goes on without pauses. */
  isHurried(): boolean;
}

/** What is left of which segment. */
export interface LeftSegment {
  readonly segment: number;
  /** Where its last batch ends, about. */
  readonly end: number;
  /** Those that need entries of it. */
  readonly groups: readonly StoredGroup[];
}

const everything = Number.POSITIVE_INFINITY;
/** Looked through at once for what is needed: positions are an object for each batch and group. */
const windowBytes = 1_048_576;
/** Read and verified at once; a single batch may be more. */
const readBytesMax = 524_288;
/** Less than this between two batches is read along with them. */
const gapBytesMax = 65_536;
/** Kept in memory before it is written. */
const collectedBytesMax = 8 * 1_048_576;
/** After a piece of work it rests for so many times as long. */
const restFactor = 3;
/** Shorter pieces rest together: timers are no finer. */
const workMsMin = 1;

/** Entries of one group that are to be put together. */
interface Wanted {
  readonly group: StoredGroup;
  readonly run: PositionRun;
  /** Of a run that is spread over batches; the others borrow one while their batch is being looked at. */
  readonly assembler: EntryAssembler | undefined;
}

/** What goes to one group out of the batch that is being looked at. */
interface Taker {
  readonly wanted: Wanted;
  readonly assembler: EntryAssembler;
}

/** A batch that holds a part of them. */
interface DueBatch {
  readonly place: BatchPlace;
  readonly wanted: Wanted[];
}

export class SegmentRestating {
  constructor(host: RestatingHost, left: LeftSegment) {
    this.#host = host;
    this.#left = left;
    this.#pauses = new Pauses(host.clock, restFactor);
    this.#workingSinceMs = host.clock.nowMs();
  }

  /** Resolves when all of it stands at the head, durably. False: some of it could not be read, or the log was closed. */
  async run(): Promise<boolean> {
    const { segment, end } = this.#left;
    for (let from = 0, to = 0; to !== everything; from = to) {
      to = from + windowBytes < end ? from + windowBytes : everything;
      this.#plan({ from, to });
      if (!(await this.#readDue(segment, to))) return false;
    }
    // Record sets that end in later segments.
    for (const later of [...this.#due.keys()].sort((one, other) => one - other)) {
      if (!(await this.#readDue(later, everything))) return false;
    }
    return (await this.#write()) && !this.#left.groups.some((group) => group.isDamaged);
  }

  /** Ends it as soon as what is being read has been. What is being written belongs to the log. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pauses.skip();
    await this.#reading;
  }

  readonly #host: RestatingHost;
  readonly #left: LeftSegment;
  readonly #pauses: Pauses;
  readonly #collected: CollectedEntries = new CollectedEntries();
  readonly #cursor = new RecordCursor();
  readonly #assemblers: EntryAssembler[] = [];
  /** What has been planned and not read, by segment and offset. */
  readonly #due: Map<number, Map<number, DueBatch>> = new Map();
  #reading: Promise<unknown> | undefined;
  #workingSinceMs: number;
  #isClosed = false;

  /** Finds what begins in the next part of the segment. Batches further on that it ends in are due later. */
  #plan(stretch: Stretch): void {
    const { groups, segment } = this.#left;
    for (const group of groups) {
      for (const run of group.runsIn(segment, stretch)) {
        const atHand = group.atHand(run);
        if (atHand !== undefined) {
          this.#collected.add(group, atHand);
          continue;
        }
        assert(run.place !== undefined, "entries that a segment holds have a place");
        const assembler = run.earlierPlaces.length === 0 ? undefined : new EntryAssembler();
        const wanted = { group, run, assembler };
        for (const place of run.earlierPlaces) this.#dueAt(place).wanted.push(wanted);
        this.#dueAt(run.place).wanted.push(wanted);
      }
    }
  }

  #dueAt(place: BatchPlace): DueBatch {
    assert(place.segment >= this.#left.segment, "the oldest segment that a group needs is given up first");
    const inSegment = this.#due.get(place.segment) ?? new Map<number, DueBatch>();
    this.#due.set(place.segment, inSegment);
    const due = inSegment.get(place.offset) ?? { place, wanted: [] };
    inSegment.set(place.offset, due);
    return due;
  }

  /** Reads what is due of a segment before that place. False: there is nothing more to be done. */
  async #readDue(segment: number, before: number): Promise<boolean> {
    const inSegment = this.#due.get(segment) ?? new Map<number, DueBatch>();
    const due = [...inSegment.values()].filter(({ place }) => place.offset < before);
    due.sort((one, other) => one.place.offset - other.place.offset);
    for (const { place } of due) inSegment.delete(place.offset);
    for (let start = 0; start < due.length; ) {
      const end = endOfPiece(due, start);
      if (!(await this.#readPiece(due.slice(start, end)))) return false;
      start = end;
      await this.#rest();
      if (this.#collected.bytes >= collectedBytesMax && !(await this.#write())) return false;
    }
    return !this.#isClosed;
  }

  /** What was compacted since it was planned is not read for. */
  async #readPiece(planned: readonly DueBatch[]): Promise<boolean> {
    const piece = planned.filter((due) => due.wanted.some(({ group, run }) => run.lastIndex >= group.firstIndex));
    const places = piece.map(({ place }) => place);
    while (places.length > 0) {
      if (this.#isClosed) return false;
      const reading = this.#host.batches.read(places);
      this.#reading = reading;
      const result = await reading;
      if ("trouble" in result) {
        await this.#host.troubled(result.trouble);
        continue;
      }
      result.batches.forEach((read, at) => {
        const due = piece[at] as DueBatch;
        if ("loss" in read) this.#lost(due, due.wanted, read.loss);
        else this.#take(due, read.batch);
      });
      return !this.#isClosed && !piece.some(({ wanted }) => wanted.some(({ group }) => group.isDamaged));
    }
    return !this.#isClosed;
  }

  /** All groups take what is theirs out of one batch. */
  #take(due: DueBatch, batch: VerifiedBatch): void {
    const takers = due.wanted.map((wanted, at) => ({ wanted, assembler: wanted.assembler ?? this.#borrowed(at) }));
    if (!this.#feed(batch, takers)) {
      this.#lost(due, due.wanted, "a batch holds what does not belong there");
      return;
    }
    for (const { wanted, assembler } of takers) {
      const { group, run } = wanted;
      if (!isSamePlace(run.place, due.place)) continue;
      const entries = assembler.entries(run.firstIndex, run.lastIndex);
      if (entries === undefined) this.#lost(due, [wanted], "a batch lacks entries");
      else this.#collected.add(group, entries);
    }
  }

  #borrowed(at: number): EntryAssembler {
    const assembler = this.#assemblers[at] ?? new EntryAssembler();
    this.#assemblers[at] = assembler;
    assembler.reset();
    return assembler;
  }

  /** One walk over the records, however many groups want some of them. */
  #feed(batch: VerifiedBatch, takers: readonly Taker[]): boolean {
    const bySlot: (Taker[] | undefined)[] = new Array(batch.groupCount);
    for (const taker of takers) {
      const slot = batch.slotOf(taker.wanted.group.group);
      const others = bySlot[slot];
      if (others !== undefined) others.push(taker);
      else if (slot !== -1) bySlot[slot] = [taker];
    }
    const cursor = this.#cursor;
    cursor.open(batch.body, batch.groupCount);
    for (let found = cursor.next(); found !== "end"; found = cursor.next()) {
      if (found === "unknown") return false;
      const ofGroup = bySlot[cursor.slot];
      if (ofGroup === undefined) continue;
      for (const { assembler } of ofGroup) if (!assembler.take(cursor, batch.body)) return false;
    }
    return true;
  }

  /** Each group says whether that is damage: what it wanted may have been given up or moved. */
  #lost({ place }: DueBatch, losers: readonly Wanted[], what: string): void {
    const path = this.#host.batches.path(place.segment);
    for (const { group, run } of losers) {
      group.lost(run, new LogDamagedError({ group: group.group, path, offset: place.offset }, what));
    }
  }

  /** Resolves when what is collected stands at the head, durably. */
  async #write(): Promise<boolean> {
    const { segment } = this.#left;
    const isWanted = (group: StoredGroup, entry: Entry): boolean => !group.isDamaged && group.holds(entry, segment);
    while (!this.#isClosed) {
      const runs = this.#collected.take(pieceBytesMax, isWanted);
      if (runs.length === 0) return true;
      mark("what is left of a segment is written again");
      await new Promise<void>((resolve) => {
        let waiting = runs.length;
        const done = (): void => {
          if (--waiting === 0) resolve();
        };
        this.#host.append(runs.map((run) => restatedSet(run, done)));
      });
      await this.#rest();
    }
    return false;
  }

  /** Lets others through for three times as long as this has taken since the last time. */
  async #rest(): Promise<void> {
    const { clock } = this.#host;
    const workMs = clock.nowMs() - this.#workingSinceMs;
    if (workMs < workMsMin) return;
    if (!this.#host.isHurried()) await this.#pauses.rest(workMs);
    this.#workingSinceMs = clock.nowMs();
  }
}

function restatedSet({ group, entries }: CollectedRun, done: () => void): RecordSet {
  const options = { isHint: false, isRestated: true, dones: [done] };
  return new RecordSet(group, { entries, hardState: undefined }, options);
}

function isSamePlace(one: BatchPlace | undefined, other: BatchPlace): boolean {
  return one?.segment === other.segment && one.offset === other.offset;
}

/** The end (excluded) of the batches from `start` on that are read together. */
function endOfPiece(due: readonly DueBatch[], start: number): number {
  const { offset } = (due[start] as DueBatch).place;
  let readEnd = offset;
  for (let end = start; end < due.length; end++) {
    const { place } = due[end] as DueBatch;
    const isNear = place.offset - readEnd <= gapBytesMax && place.offset + place.bytes - offset <= readBytesMax;
    if (end > start && !isNear) return end;
    readEnd = place.offset + place.bytes;
  }
  return due.length;
}
