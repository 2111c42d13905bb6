import type { Entry, LogIndex } from "../raft/index.ts";
import { decodeConfigurationEntry, RecordCursor, recordBegins, recordEnds, recordKind } from "./record.ts";

/** Puts the entries of one group together again from the bodies of verified batches, given in order. */
export class EntryAssembler {
  /** A body whose checksum has been verified. False: it holds what does not belong there. */
  feed(body: Uint8Array, slot: number, slotCount: number): boolean {
    this.#cursor ??= new RecordCursor();
    const cursor = this.#cursor;
    cursor.open(body, slotCount);
    for (let found = cursor.next(); found !== "end"; found = cursor.next()) {
      if (found === "unknown") return false;
      if (cursor.slot === slot && !this.take(cursor, body)) return false;
    }
    return true;
  }

  /** One record of the group, on which `cursor` stands in `body`. Each has to be given, in order. False: it does not belong there. */
  take(cursor: RecordCursor, body: Uint8Array): boolean {
    const { kind, flags, term, index, dataStart, dataEnd, isRestated } = cursor;
    if ((flags & recordBegins) !== 0) {
      this.#staged = [];
      this.#whole = undefined;
    }
    if (kind === recordKind.entry || kind === recordKind.restatedEntry) {
      this.#staged.push({ kind: "normal", term, index, data: body.subarray(dataStart, dataEnd) });
    } else if (kind === recordKind.configurationEntry || kind === recordKind.restatedConfigurationEntry) {
      const entry = decodeConfigurationEntry(body.subarray(dataStart, dataEnd), { term, index });
      if (entry === undefined) return false;
      this.#staged.push(entry);
    } else if (cursor.isPiece && !this.#takePiece(cursor, body)) {
      return false;
    }
    if ((flags & recordEnds) !== 0) this.#endSet({ isRestated });
    return true;
  }

  /** Consecutive entries from `from` up to and including `to`, of the record sets that are complete; else undefined. */
  entries(from: LogIndex, to: LogIndex): readonly Entry[] | undefined {
    const entries: Entry[] = [];
    for (let index = from; index <= to; index++) {
      const entry = this.#complete.get(index);
      if (entry === undefined) return undefined;
      entries.push(entry);
    }
    return entries;
  }

  /** Forgets all that it was given, for another group or another batch. */
  reset(): void {
    this.#complete.clear();
    this.#lastIndex = 0;
    this.#staged = [];
    this.#whole = undefined;
  }

  #cursor: RecordCursor | undefined;
  readonly #complete: Map<LogIndex, Entry> = new Map();
  #lastIndex: LogIndex = 0;
  #staged: Entry[] = [];
  /** Data of the entry whose pieces are coming in, and how much of it has come. */
  #whole: Uint8Array | undefined;
  #wholeBytes = 0;

  /** Pieces whose beginning was not fed belong to a set that nobody asked for. */
  #takePiece(cursor: RecordCursor, body: Uint8Array): boolean {
    const { term, index, dataStart, dataEnd, wholeBytes, pieceOffset } = cursor;
    if (pieceOffset === 0) {
      this.#whole = new Uint8Array(wholeBytes);
      this.#wholeBytes = 0;
    }
    if (this.#whole === undefined) return true;
    if (pieceOffset !== this.#wholeBytes || pieceOffset + dataEnd - dataStart > this.#whole.length) return false;
    this.#whole.set(body.subarray(dataStart, dataEnd), pieceOffset);
    this.#wholeBytes += dataEnd - dataStart;
    if (this.#wholeBytes < this.#whole.length) return true;
    this.#staged.push({ kind: "normal", term, index, data: this.#whole });
    this.#whole = undefined;
    return true;
  }

  /** A set replaces what stands at and above its first entry (CONSENSUS O-4), unless it restates what is in the log. */
  #endSet(set: { readonly isRestated: boolean }): void {
    const staged = this.#staged;
    this.#staged = [];
    const first = staged[0];
    if (first === undefined) return;
    if (!set.isRestated) {
      for (; this.#lastIndex >= first.index; this.#lastIndex--) this.#complete.delete(this.#lastIndex);
    }
    for (const entry of staged) this.#complete.set(entry.index, entry);
    this.#lastIndex = Math.max(this.#lastIndex, staged.at(-1)?.index ?? 0);
  }
}
