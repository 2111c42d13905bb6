/**
 * Writes on their way into the log (DESIGN §4). Commands collect in the open batch; at the end of each turn batches are
 * proposed, as long as fewer than `batchesInFlightMax` of them are under way, and go on collecting otherwise. A large
 * command goes in pieces of its own between the batches.
 */
import { EntryWriter, entryHeaderBytes } from "../../keyspace/index.ts";
import type { Clock, Random } from "../../platform/index.ts";
import { InvariantViolation, type LogIndex, type Proposed, type Term } from "../../raft/index.ts";
import type { Arguments } from "../../resp/index.ts";
import type { NodeSettings } from "../settings.ts";
import { Batch } from "./batch.ts";
import type { Lane } from "./lane.ts";
import { PieceCutter } from "./piece.ts";
import type { WaveMember } from "./waves.ts";

export interface WriteQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: NodeSettings;
  readonly propose: (data: Uint8Array) => Proposed;
  /** The time for an entry proposed now; undefined while there is none that can be vouched for. */
  readonly entryTimeMs: () => number | undefined;
  /** The node's other groups, with which batches leave. */
  readonly wave: WaveMember;
}

interface Large {
  readonly batch: Batch;
  readonly lane: Lane;
  readonly cutter: PieceCutter;
  readonly entry: Uint8Array;
}

export class WriteQueue {
  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** Bytes and commands that are not proposed yet. */
  get queuedBytes(): number {
    return this.#closedBytes + this.#largeBytes + (this.#open?.byteLength ?? 0) + (this.#open?.reads.byteLength ?? 0);
  }

  get queuedCount(): number {
    return this.#closedCount + this.#large.length + (this.#open?.commandCount ?? 0) + (this.#open?.reads.length ?? 0);
  }

  /** Whether everything that was added is proposed. */
  get isEmpty(): boolean {
    return this.#open?.isWanted !== true && this.#closed.length === 0 && this.#large.length === 0;
  }

  /** Whether all that is proposed has been applied or answered. */
  get isAnswered(): boolean {
    return this.#proposed.every((batch) => batch.isDone);
  }

  /** What was proposed first and is not applied. */
  get oldestIndex(): LogIndex | undefined {
    return this.#piecesInFlight[0] ?? this.#proposed[0]?.index;
  }

  /** Up to here everything that is proposed is applied or answered; undefined: all of it. */
  get answeredIndex(): LogIndex | undefined {
    const open = this.#proposed.find((batch) => !batch.isDone);
    return open === undefined ? undefined : open.index - 1;
  }

  /** The newest of those that only free space, and are not applied. */
  get freeingIndex(): LogIndex | undefined {
    return this.#proposed.findLast((batch) => batch.onlyFrees)?.index;
  }

  /** The batch that takes commands now. */
  openBatch(): Batch {
    const { settings, clock } = this.#options;
    let batch = this.#open;
    if (
      batch !== undefined &&
      (batch.byteLength >= settings.batchBytesMax || batch.commandCount >= settings.batchCommandsMax)
    ) {
      this.#closed.push(batch);
      this.#closedBytes += batch.byteLength + batch.reads.byteLength;
      this.#closedCount += batch.commandCount + batch.reads.length;
      batch = undefined;
    }
    this.#open = batch ?? new Batch(this.#writers.pop() ?? new EntryWriter(), clock.nowMs());
    return this.#open;
  }

  /** A batch of its own, for a large command and the reads before it. */
  largeBatch(): Batch {
    return new Batch(new EntryWriter(), this.#options.clock.nowMs());
  }

  /** A command above `pieceBytes`, in a `largeBatch`. Its lane waits until it is proposed. */
  addLarge(batch: Batch, lane: Lane, ticket: number, args: Arguments): void {
    batch.add(lane, ticket, args, false);
    lane.isBehindLarge = true;
    const entry = batch.finish(noHeader);
    this.#large.push({ batch, lane, cutter: new PieceCutter(entry.length, this.#options.settings.pieceBytes), entry });
    this.#largeBytes += entry.length;
  }

  /** Whether there is something that `propose` would put into the log. */
  get canPropose(): boolean {
    const { batchesInFlightMax, piecesInFlightMax } = this.#options.settings;
    const hasBatch = this.#closed.length > 0 || this.#open?.isWanted === true;
    if (hasBatch && this.#proposed.length < batchesInFlightMax && this.#options.wave.mayLeave()) return true;
    return this.#large.length > 0 && this.#piecesInFlight.length < piecesInFlightMax;
  }

  /** Proposes what may be proposed now. */
  propose(): void {
    while (this.#proposed.length < this.#options.settings.batchesInFlightMax) {
      const batch = this.#closed[0] ?? (this.#open?.isWanted === true ? this.#open : undefined);
      if (batch === undefined || !this.#options.wave.mayLeave() || !this.#proposeBatch(batch)) break;
    }
    while (this.#large.length > 0 && this.#piecesInFlight.length < this.#options.settings.piecesInFlightMax) {
      if (!this.#proposePiece(this.#large[0] as Large)) break;
    }
  }

  /**
   * Without space: proposes a batch that only frees some, of at most so many bytes, beside those that wait for space. They go one at a
   * time: whether the others take it shows when it is applied. False: what is queued does not only free space, or finds no
   * room, and is to be refused.
   */
  proposeFreeing(roomBytes: number): boolean {
    const begunCount = this.#large[0]?.cutter.isBegun === true ? 1 : 0;
    if (this.#large.length > begunCount || !this.#closed.every((batch) => batch.onlyFrees)) return false;
    const batch = this.#closed[0] ?? this.#open;
    if (batch === undefined) return true;
    if (!batch.onlyFrees) return false;
    const underWay = this.#proposed.findLast((each) => each.onlyFrees);
    if (underWay !== undefined) return !underWay.isDone;
    if (batch.byteLength + logBytesPerEntryMax > roomBytes) return false;
    this.#proposeBatch(batch);
    return true;
  }

  /** The entry at `index` is being applied. Gives the batch that was proposed as just this entry. */
  take(index: LogIndex, term: Term): Batch | undefined {
    while ((this.#piecesInFlight[0] ?? index + 1) <= index) this.#piecesInFlight.shift();
    const batch = this.#proposed[0];
    if (batch === undefined || batch.index > index) return undefined;
    if (batch.index !== index || batch.term !== term) {
      const what = `(${index}, term ${term}) stands for a leader's own entry (${batch.index}, term ${batch.term})`;
      throw new InvariantViolation("I-4", what);
    }
    this.#proposed.shift();
    this.#options.wave.arrived();
    return batch.isDone ? undefined : batch;
  }

  /** Shows what is proposed, wholly or in part, and not answered, and does not only free space: `answer` does that. It stays under way all the same. */
  giveUp(answer: (batch: Batch) => void): void {
    for (const batch of this.#proposed) if (!batch.isDone && !batch.onlyFrees) answer(batch);
    const large = this.#large[0];
    if (large === undefined || !large.cutter.isBegun || large.batch.isDone) return;
    answer(large.batch);
    large.lane.isBehindLarge = false;
  }

  /** The same with what only frees space, which has had its own time. */
  giveUpFreeing(answer: (batch: Batch) => void): void {
    for (const batch of this.#proposed) if (!batch.isDone && batch.onlyFrees) answer(batch);
  }

  /** Shows what is not proposed, not even in part, and forgets it: `answer` is its end. Its lanes may go on. */
  refuseQueued(answer: (batch: Batch) => void): void {
    const [first] = this.#large;
    const begun = first?.cutter.isBegun === true ? first : undefined;
    if (begun !== undefined) this.#large.shift();
    for (const batch of this.takeUnproposed()) answer(batch);
    if (begun !== undefined) {
      this.#large = [begun];
      this.#largeBytes = begun.entry.length;
    }
    // Lanes that were behind what is gone stand behind what they have under way again (CONSENSUS R-9).
    for (const batch of this.#proposed.toReversed()) if (!batch.isDone) batch.standInFront();
  }

  /** Leadership was lost. Gives what was proposed, whose fate is open, and forgets it. */
  takeProposed(): readonly Batch[] {
    const proposed = this.#proposed.filter((batch) => !batch.isDone);
    this.#proposed = [];
    this.#options.wave.forgotten();
    this.#piecesInFlight.length = 0;
    return proposed;
  }

  /** Leadership was lost. Gives what was not proposed and surely did not happen, in order for each lane, and forgets it. */
  takeUnproposed(): readonly Batch[] {
    const batches = [...this.#closed, ...(this.#open === undefined ? [] : [this.#open])];
    for (const { batch, lane } of this.#large) {
      if (batch.isDone) continue;
      lane.isBehindLarge = false;
      batches.push(batch);
    }
    this.#open = undefined;
    this.#closed = [];
    this.#large = [];
    this.#closedBytes = this.#closedCount = this.#largeBytes = 0;
    return batches;
  }

  readonly #options: WriteQueueOptions;
  readonly #writers: EntryWriter[] = [];
  readonly #stamp: EntryWriter = new EntryWriter();
  #open: Batch | undefined;
  #closed: Batch[] = [];
  #closedBytes = 0;
  #closedCount = 0;
  #large: Large[] = [];
  #largeBytes = 0;
  /** In the order of their indexes. */
  #proposed: Batch[] = [];
  readonly #piecesInFlight: LogIndex[] = [];

  #proposeBatch(batch: Batch): boolean {
    const header = this.#header();
    if (header === undefined) return false;
    const proposed = this.#options.propose(batch.finish(header));
    if ("refused" in proposed) return false;
    if (batch === this.#open) {
      this.#open = undefined;
    } else {
      this.#closed.shift();
      this.#closedBytes -= batch.byteLength + batch.reads.byteLength;
      this.#closedCount -= batch.commandCount + batch.reads.length;
    }
    this.#writers.push(batch.proposed(proposed.index, proposed.term));
    this.#proposed.push(batch);
    this.#options.wave.left();
    return true;
  }

  #proposePiece(large: Large): boolean {
    const { batch, cutter, entry, lane } = large;
    const isLast = cutter.isLastNext;
    if (isLast) {
      const header = this.#header();
      if (header === undefined) return false;
      // The first piece, which goes last, begins with time and seed.
      this.#stamp.begin();
      entry.set(this.#stamp.finish(header).subarray(0, stampBytes));
    }
    const proposed = this.#options.propose(cutter.peek(entry));
    if ("refused" in proposed) return false;
    cutter.advance();
    this.#piecesInFlight.push(proposed.index);
    if (!isLast) return true;
    this.#large.shift();
    this.#largeBytes -= entry.length;
    batch.proposed(proposed.index, proposed.term);
    this.#proposed.push(batch);
    this.#options.wave.left();
    // Whoever was told that its fate is open has gone on.
    if (batch.isDone) return true;
    lane.isBehindLarge = false;
    lane.largeProposed();
    return true;
  }

  #header(): { readonly timeMs: number; readonly seedLow: number; readonly seedHigh: number } | undefined {
    const { entryTimeMs, random } = this.#options;
    const timeMs = entryTimeMs();
    return timeMs === undefined ? undefined : { timeMs, seedLow: random.uint32(), seedHigh: random.uint32() };
  }
}

/** Format, time and seed of an entry; the number of commands follows. */
const stampBytes = entryHeaderBytes - 4;

/** More than the log adds to an entry. */
const logBytesPerEntryMax = 64;

const noHeader = { timeMs: 0, seedLow: 0, seedHigh: 0 };
