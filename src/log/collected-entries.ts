import type { Entry } from "../raft/index.ts";
import { entryLogBytes, pieceBytesMax } from "./record-set.ts";
import type { StoredGroup } from "./stored-group.ts";

/** Entries of one group that follow each other. */
export interface CollectedRun {
  readonly group: StoredGroup;
  readonly entries: readonly Entry[];
}

/** Small entries are copied together into pieces of this size. */
const roomBytes = 262_144;

/**
 * Entries of many groups, as they come out of the batches of a segment, until they are written again group after group. Their data are
 * copied, so that an entry of some bytes does not keep all that was read with it.
 */
export class CollectedEntries {
  /** What they take in the log. */
  get bytes(): number {
    return this.#bytes;
  }

  add(group: StoredGroup, entries: readonly Entry[]): void {
    const waiting = this.#waiting.get(group) ?? { entries: [], next: 0, isSorted: true };
    this.#waiting.set(group, waiting);
    for (const entry of entries) {
      const last = waiting.entries.at(-1);
      if (last !== undefined && last.index > entry.index) waiting.isSorted = false;
      waiting.entries.push(this.#copied(entry));
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
      if (!waiting.isSorted) sort(waiting);
      for (; waiting.next < waiting.entries.length; waiting.next++) {
        const entry = waiting.entries[waiting.next] as Entry;
        const bytes = entryLogBytes(entry);
        if (isWanted(group, entry)) {
          if (runs.length > 0 && takenBytes + bytes > bytesMax) return runs;
          const last = runs.at(-1);
          if (last?.group === group && last.entries.at(-1)?.index === entry.index - 1) last.entries.push(entry);
          else runs.push({ group, entries: [entry] });
          takenBytes += bytes;
        }
        this.#bytes -= bytes;
      }
      this.#waiting.delete(group);
    }
    return runs;
  }

  readonly #waiting: Map<StoredGroup, Waiting> = new Map();
  #bytes = 0;
  #room: Uint8Array = new Uint8Array(0);
  #roomTaken = 0;

  /** What was put together from pieces is its own already. */
  #copied(entry: Entry): Entry {
    if (entry.kind !== "normal" || entry.data.length > pieceBytesMax) return entry;
    const { length } = entry.data;
    if (length > roomBytes / 4) return { ...entry, data: new Uint8Array(entry.data) };
    if (this.#roomTaken + length > this.#room.length) {
      this.#room = new Uint8Array(roomBytes);
      this.#roomTaken = 0;
    }
    const data = this.#room.subarray(this.#roomTaken, this.#roomTaken + length);
    data.set(entry.data);
    this.#roomTaken += length;
    return { ...entry, data };
  }
}

interface Waiting {
  entries: Entry[];
  /** What stands before it has been taken. */
  next: number;
  isSorted: boolean;
}

function sort(waiting: Waiting): void {
  waiting.entries = waiting.entries.slice(waiting.next).sort((one, other) => one.index - other.index);
  waiting.next = 0;
  waiting.isSorted = true;
}
