import type { CommandSpec, EntryHeader, EntryWriter, Keyspace } from "../../keyspace/index.ts";
import type { LogIndex, Term } from "../../raft/index.ts";
import type { Arguments } from "../../resp/index.ts";
import type { Lane } from "./lane.ts";
import { ReadBatch } from "./read-batch.ts";

/**
 * The commands of one log entry, and who waits for their replies. Reads may stand between them: such a read is executed
 * at exactly that point when the entry is applied. That needs no further proof of leadership: the entry was made after
 * the read had come, so whatever was committed by anybody before that stands before it in the log.
 */
export class Batch {
  /** Of each command, in order. */
  readonly lanes: Lane[] = [];
  readonly tickets: number[] = [];
  /** Monotonic time at which it was begun. */
  readonly openedMs: number;
  /** To be proposed even without commands: it advances the replicated clock. */
  isForced = false;
  /** Where it was proposed; 0 before that. */
  index: LogIndex = 0;
  term: Term = 0;
  /** Applied, or known never to be. */
  isDone = false;
  /** How many of its commands and reads have been answered. */
  answeredCount = 0;
  answeredReadCount = 0;

  constructor(writer: EntryWriter, openedMs: number) {
    this.#writer = writer;
    this.openedMs = openedMs;
    writer.begin();
  }

  get reads(): ReadBatch {
    return this.#reads;
  }

  /** Read `i` stands before command `readPositions[i]`; the positions never fall. */
  get readPositions(): readonly number[] {
    return this.#readPositions;
  }

  get commandCount(): number {
    return this.lanes.length;
  }

  /** Of the entry. */
  get byteLength(): number {
    return this.#writer.byteLength;
  }

  get isProposed(): boolean {
    return this.index !== 0;
  }

  /** Whether there is a reason to propose it. */
  get isWanted(): boolean {
    return this.lanes.length > 0 || this.isForced;
  }

  /** Whether all that it does is to free space. */
  get onlyFrees(): boolean {
    return this.lanes.length > 0 && !this.#hasOrdinary;
  }

  /** Copies a write. */
  add(lane: Lane, ticket: number, args: Arguments, frees: boolean): void {
    this.#hasOrdinary ||= !frees;
    this.#writer.add(args);
    this.lanes.push(lane);
    this.tickets.push(ticket);
    lane.lastBatch = this;
  }

  /** Copies a read, to be executed behind the commands that are there now. */
  addRead(lane: Lane, ticket: number, spec: CommandSpec<Keyspace>, args: Arguments): void {
    if (this.#reads === noReads) {
      this.#reads = new ReadBatch();
      this.#readPositions = [];
    }
    this.#reads.add(lane, ticket, spec, args);
    this.#readPositions.push(this.lanes.length);
    lane.lastBatch = this;
  }

  /** The entry. It may be made again with another header as long as it is not proposed. */
  finish(header: EntryHeader): Uint8Array {
    return this.#writer.finish(header);
  }

  /** It was proposed. Returns the writer, which can be used for another batch. */
  proposed(index: LogIndex, term: Term): EntryWriter {
    this.index = index;
    this.term = term;
    return this.#writer;
  }

  /** Those of its lanes that are behind nothing later are behind it. */
  standInFront(): void {
    for (const lane of this.lanes) lane.lastBatch ??= this;
    for (const lane of this.reads.lanes) if (lane !== undefined) lane.lastBatch ??= this;
  }

  /** Its lanes are no longer behind it. */
  done(): void {
    this.isDone = true;
    for (const lane of this.lanes) if (lane.lastBatch === this) lane.lastBatch = undefined;
    for (const lane of this.reads.lanes) if (lane?.lastBatch === this) lane.lastBatch = undefined;
  }

  readonly #writer: EntryWriter;
  #hasOrdinary = false;
  #reads: ReadBatch = noReads;
  #readPositions: number[] = noPositions;
}

/** Most batches hold none: nothing is ever put into these. */
const noReads = new ReadBatch();
const noPositions: number[] = [];
