import { type Entry, type LogIndex, payloadBytes } from "./entry.ts";

/** The entries that were handed out to be applied and are not reported as applied yet, oldest first. */
export class ApplyWindow {
  readonly #entryBytes: (entry: Entry) => number;
  #batches: (readonly Entry[])[] = [];
  #place = 0;

  constructor(entryBytes: (entry: Entry) => number) {
    this.#entryBytes = entryBytes;
  }

  add(entries: readonly Entry[]): void {
    if (entries.length > 0) this.#batches.push(entries);
  }

  /** Takes out the entries up to `index` and tells what they count for. */
  takeUpTo(index: LogIndex): { readonly bytes: number; readonly payloadBytes: number } {
    let bytes = 0;
    let payload = 0;
    while (this.#batches.length > 0) {
      const batch = this.#batches[0]!;
      while (this.#place < batch.length && batch[this.#place]!.index <= index) {
        const entry = batch[this.#place]!;
        bytes += this.#entryBytes(entry);
        payload += payloadBytes(entry);
        this.#place++;
      }
      if (this.#place < batch.length) break;
      this.#batches.shift();
      this.#place = 0;
    }
    return { bytes, payloadBytes: payload };
  }
}
