import type { Entry, LogIndex, Term } from "../raft/index.ts";
import { entryLogBytes, pieceBytesMax } from "./record-set.ts";
import type { StoredGroup } from "./stored-group.ts";

/** Entries of one group that follow each other. */
export interface CollectedRun {
  readonly group: StoredGroup;
  readonly entries: readonly Entry[];
}

/** Data are copied together into pieces of this size. */
const roomBytes = 262_144;
/** Larger ones get a piece of their own. */
const roomPart = 1 / 4;

/**
 * Entries of many groups, as they come out of the batches of a segment, until they are written again group after group. Their data are
 * copied into a few large pieces of memory, and of an entry nothing else is kept but some numbers: tens of thousands of objects that live for seconds
 * would cost V8's collector more than all the rest.
 */
export class CollectedEntries {
  /** What they take in the log. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whoever gave them may overwrite their data afterwards. */
  add(group: StoredGroup, entries: readonly Entry[]): void {
    const waiting = this.#waiting.get(group) ?? new Waiting();
    this.#waiting.set(group, waiting);
    for (const entry of entries) {
      waiting.push(entry, this.#room);
      this.#bytes += entryLogBytes(entry);
    }
  }

  /**
   * Takes runs of at most `bytesMax` together, or of one entry that is larger, each as long as can be; none when nothing is left. What is
   * not `isWanted` any more is left out.
   */
  take(bytesMax: number, isWanted: (group: StoredGroup, entry: Entry) => boolean): readonly CollectedRun[] {
    const runs: { readonly group: StoredGroup; readonly entries: Entry[] }[] = [];
    let takenBytes = 0;
    for (const [group, waiting] of this.#waiting) {
      for (let entry = waiting.next(); entry !== undefined; entry = waiting.next()) {
        const bytes = entryLogBytes(entry);
        if (isWanted(group, entry)) {
          if (runs.length > 0 && takenBytes + bytes > bytesMax) return runs;
          const last = runs.at(-1);
          if (last?.group === group && last.entries.at(-1)?.index === entry.index - 1) last.entries.push(entry);
          else runs.push({ group, entries: [entry] });
          takenBytes += bytes;
        }
        waiting.drop();
        this.#bytes -= bytes;
      }
      this.#waiting.delete(group);
    }
    return runs;
  }

  readonly #waiting: Map<StoredGroup, Waiting> = new Map();
  readonly #room = new Room();
  #bytes = 0;
}

/** Memory for data, a large piece at a time. */
class Room {
  copy(data: Uint8Array): Uint8Array {
    if (data.length > roomBytes * roomPart) return new Uint8Array(data);
    if (this.#taken + data.length > this.#piece.length) {
      this.#piece = new Uint8Array(roomBytes);
      this.#taken = 0;
    }
    this.#piece.set(data, this.#taken);
    this.#taken += data.length;
    return this.#piece;
  }

  /** Where the data stand in the piece that {@link copy} gave last. */
  startOf(data: Uint8Array, piece: Uint8Array): number {
    return piece === this.#piece ? this.#taken - data.length : 0;
  }

  #piece: Uint8Array = new Uint8Array(0);
  #taken = 0;
}

/** Entries of one group, in columns. */
class Waiting {
  push(entry: Entry, room: Room): void {
    const place = this.#indexes.length;
    const lastIndex = this.#indexes[place - 1];
    if (lastIndex !== undefined && lastIndex > entry.index) this.#isSorted = false;
    this.#indexes.push(entry.index);
    this.#terms.push(entry.term);
    this.#order.push(place);
    // What was put together from pieces is its own already.
    if (entry.kind !== "normal" || entry.data.length > pieceBytesMax) {
      this.#whole.set(place, entry);
      this.#pieces.push(nothing);
      this.#starts.push(0);
      this.#lengths.push(0);
      return;
    }
    const piece = room.copy(entry.data);
    this.#pieces.push(piece);
    this.#starts.push(room.startOf(entry.data, piece));
    this.#lengths.push(entry.data.length);
  }

  /** The one with the lowest index; undefined: there is none. */
  next(): Entry | undefined {
    if (!this.#isSorted) this.#sort();
    const place = this.#order[this.#dropped];
    if (place === undefined) return undefined;
    const whole = this.#whole.get(place);
    if (whole !== undefined) return whole;
    const start = this.#starts[place] as number;
    const data = (this.#pieces[place] as Uint8Array).subarray(start, start + (this.#lengths[place] as number));
    return { kind: "normal", index: this.#indexes[place] as LogIndex, term: this.#terms[place] as Term, data };
  }

  /** Forgets what {@link next} gives. */
  drop(): void {
    this.#dropped++;
  }

  readonly #indexes: number[] = [];
  readonly #terms: number[] = [];
  readonly #pieces: Uint8Array[] = [];
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  /** Those that are kept as they came. */
  readonly #whole: Map<number, Entry> = new Map();
  /** Places in the columns, in the order of taking; those before `#dropped` were taken. */
  #order: number[] = [];
  #dropped = 0;
  #isSorted = true;

  #sort(): void {
    const indexes = this.#indexes;
    this.#order = this.#order.slice(this.#dropped).sort((one, other) => (indexes[one] ?? 0) - (indexes[other] ?? 0));
    this.#dropped = 0;
    this.#isSorted = true;
  }
}

const nothing = new Uint8Array(0);
