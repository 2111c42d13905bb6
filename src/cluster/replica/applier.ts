/**
 * Applies committed entries to the keyspace, the same on every replica, and answers those who wait on this one. It
 * reads nothing but the entry and the state (CONSENSUS A-1); whatever it throws stops the replica, for good or until an
 * operator has all replicas leave that entry out.
 */
import {
  type CommandSpec,
  EntryReader,
  EntryUnknownError,
  entryCommandTable,
  KeysAhead,
  type Keyspace,
  keysAheadMax,
} from "../../keyspace/index.ts";
import { assert, mark } from "../../platform/index.ts";
import type { NormalEntry } from "../../raft/index.ts";
import { Arguments, type Reply } from "../../resp/index.ts";
import type { Batch } from "./batch.ts";
import { failUncertain } from "./batch-fate.ts";
import { PieceAssembler, pieceFormat } from "./piece.ts";
import { describeEntry, type StoppedEntry } from "./stopped-entry.ts";

export interface ApplierOptions {
  readonly keyspace: Keyspace;
  /** A digest of the state was computed, by the entry that is being applied. */
  readonly onChecksum: (index: number, from: number, reply: Reply) => void;
  /** Whether the entry is to have no effect. */
  readonly isLeftOut: (entry: NormalEntry) => boolean;
}

export class Applier {
  constructor(options: ApplierOptions) {
    this.#keyspace = options.keyspace;
    this.#onChecksum = options.onChecksum;
    this.#isLeftOut = options.isLeftOut;
    this.#fromIndex = options.keyspace.appliedIndex;
  }

  /** What entries work on. */
  get keyspace(): Keyspace {
    return this.#keyspace;
  }

  /** The state is replaced by one that holds what is under way, too. */
  replace(keyspace: Keyspace): void {
    this.#keyspace = keyspace;
    this.#fromIndex = keyspace.appliedIndex;
    this.#pieces.drop();
  }

  /** The entry that was begun and not finished, once that has stopped the replica; undefined if none was. */
  get stoppedBy(): StoppedEntry | undefined {
    const stuck = this.#stuck;
    if (stuck === undefined) return undefined;
    this.#stoppedBy ??= describeEntry(stuck, this.#stuckData ?? stuck.data);
    return this.#stoppedBy;
  }

  /** Whether the commands of the entry at `index` were carried out here, and did not come with a snapshot. */
  hasExecuted(index: number): boolean {
    return index > this.#fromIndex && index <= this.#keyspace.appliedIndex && !this.#leftOut.has(index);
  }

  /** Whether the keyspace is all of the state: no entry is there in part. */
  get isBetweenEntries(): boolean {
    return this.#pieces.heldBytes === 0;
  }

  /** `batch` is what was proposed as this entry here, in this term. */
  apply(entry: NormalEntry, batch: Batch | undefined): void {
    this.#stuck = entry;
    this.#stuckData = undefined;
    this.#pieces.observeTerm(entry.term);
    if (this.#isLeftOut(entry)) this.#leaveOut(entry, batch);
    else this.#apply(entry, batch);
    this.#stuck = undefined;
  }

  #apply(entry: NormalEntry, batch: Batch | undefined): void {
    const data = this.#wholeEntry(entry);
    if (data === undefined) {
      assert(batch === undefined, "a batch waits for an entry that holds no commands");
      this.#keyspace.skipEntry(entry.index);
      return;
    }
    this.#stuckData = data;
    this.#reader.open(data);
    this.#aheadLeft = 0;
    this.#keyspace.beginEntry(entry.index, this.#reader);
    if (batch === undefined) this.#execute(entry.index);
    else this.#executeAndAnswer(entry.index, batch);
    this.#keysAhead.clear();
    this.#keyspace.endEntry();
  }

  /** An entry that does not concern the keyspace. */
  skip(entry: { readonly index: number; readonly term: number }): void {
    this.#pieces.observeTerm(entry.term);
    this.#keyspace.skipEntry(entry.index);
  }

  readonly #onChecksum: ApplierOptions["onChecksum"];
  readonly #isLeftOut: ApplierOptions["isLeftOut"];
  /** What is up to here came with the state. */
  #fromIndex: number;
  /** Of entries behind it, those that had no effect. */
  readonly #leftOut: Set<number> = new Set();
  /** The entry that is being applied, and with the pieces before it. */
  #stuck: NormalEntry | undefined;
  #stuckData: Uint8Array | undefined;
  #stoppedBy: StoppedEntry | undefined;
  #keyspace: Keyspace;
  readonly #pieces: PieceAssembler = new PieceAssembler();
  readonly #reader: EntryReader = new EntryReader();
  readonly #args: Arguments = new Arguments();
  readonly #readArgs: Arguments = new Arguments();
  readonly #keysAhead: KeysAhead = new KeysAhead();
  /** Commands until keys are read ahead again. */
  #aheadLeft = 0;

  /** Nothing happens, the same on every replica; whoever waits is not told that it has. */
  #leaveOut(entry: NormalEntry, batch: Batch | undefined): void {
    // The pieces before it end with it.
    if (entry.data[0] === pieceFormat) this.#pieces.add(entry.data);
    this.#keyspace.skipEntry(entry.index);
    this.#leftOut.add(entry.index);
    if (batch !== undefined) failUncertain(batch, `entry ${entry.index}, which holds it, was left out for an operator`);
  }

  /** Undefined for Raft's empty entries and for pieces of what is not whole yet. */
  #wholeEntry(entry: NormalEntry): Uint8Array | undefined {
    const { data } = entry;
    if (data.length === 0) return undefined;
    if (data[0] !== pieceFormat) return data;
    const whole = this.#pieces.add(data);
    if (whole === "damaged") throw new EntryUnknownError(`the pieces up to entry ${entry.index} do not fit each other`);
    return whole;
  }

  #execute(index: number): void {
    const args = this.#args;
    while (this.#next(args)) {
      const spec = specOf(args);
      const reply = this.#keyspace.execute(spec, args);
      if (spec === checksumSpec) this.#onChecksum(index, startOf(args), reply);
    }
  }

  #executeAndAnswer(index: number, batch: Batch): void {
    const args = this.#args;
    const { lanes, tickets, readPositions } = batch;
    this.#executeReads(batch);
    while (this.#next(args)) {
      const spec = specOf(args);
      const reply = this.#keyspace.execute(spec, args);
      if (spec === checksumSpec) this.#onChecksum(index, startOf(args), reply);
      const command = batch.answeredCount++;
      const lane = lanes[command];
      assert(lane !== undefined, "an entry holds more commands than were put into it");
      lane.lastWriteIndex = index;
      lane.answer(tickets[command] as number, reply);
      if (batch.answeredReadCount < readPositions.length) this.#executeReads(batch);
    }
    const isWhole = batch.answeredCount === lanes.length && batch.answeredReadCount === readPositions.length;
    assert(isWhole, "an entry holds fewer commands than were put in");
  }

  /** The next command; its key, and those of the commands behind it, have been read ahead. */
  #next(args: Arguments): boolean {
    if (this.#aheadLeft-- === 0) {
      this.#reader.readAhead(this.#keysAhead);
      this.#keyspace.readAhead(this.#keysAhead);
      this.#aheadLeft = keysAheadMax - 1;
    }
    return this.#reader.next(args);
  }

  /** Executes the reads that stand before the next command. */
  #executeReads(batch: Batch): void {
    const { reads, readPositions } = batch;
    while (readPositions[batch.answeredReadCount] === batch.answeredCount) {
      mark("a read runs inside a batch");
      const read = batch.answeredReadCount++;
      const lane = reads.lanes[read];
      assert(lane !== undefined, "a read within a batch has gone");
      reads.open(read, this.#readArgs);
      const reply = this.#keyspace.execute(reads.specs[read] as CommandSpec<Keyspace>, this.#readArgs);
      lane.answer(reads.tickets[read] as number, reply);
    }
  }
}

const checksumSpec = entryCommandTable.get("CHECKSUM");

/** Where the digested keys begin. */
function startOf(args: Arguments): number {
  return args.count > 1 ? Number(args.text(1)) : 0;
}

function specOf(args: Arguments): CommandSpec<Keyspace> {
  const spec = entryCommandTable.resolve(args);
  if (spec === undefined) throw new EntryUnknownError(`a command that this version does not know: ${args.text(0)}`);
  return spec;
}
