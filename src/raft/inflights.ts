import { assert } from "../platform/index.ts";
import type { LogIndex } from "./entry.ts";

/**
 * The window of appends that were sent to one follower and not acknowledged, limited by their number and by the bytes
 * of their entries. A ring that grows as needed: a quick follower needs a few places of the many that are allowed.
 */
export class Inflights {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  #lastIndexes: LogIndex[] = new Array(8).fill(0);
  #sizes: number[] = new Array(8).fill(0);
  #start = 0;
  #count = 0;
  #bytes = 0;

  /** `bytesMax` is checked before an append is added, so that one append may exceed it. */
  constructor(limits: { readonly messagesMax: number; readonly bytesMax: number }) {
    this.#messagesMax = limits.messagesMax;
    this.#bytesMax = limits.bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count >= this.#messagesMax || this.#bytes >= this.#bytesMax;
  }

  /** Notes an append whose last entry is `lastIndex`. */
  add(lastIndex: LogIndex, bytes: number): void {
    assert(!this.isFull, "an append was sent into a full window");
    if (this.#count === this.#lastIndexes.length) this.#grow();
    const place = (this.#start + this.#count) & (this.#lastIndexes.length - 1);
    this.#lastIndexes[place] = lastIndex;
    this.#sizes[place] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Frees every append whose last entry is at or below `index`. */
  freeUpTo(index: LogIndex): void {
    const mask = this.#lastIndexes.length - 1;
    while (this.#count > 0 && this.#lastIndexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) & mask;
      this.#count--;
    }
  }

  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const length = this.#lastIndexes.length;
    const lastIndexes: LogIndex[] = new Array(length * 2).fill(0);
    const sizes: number[] = new Array(length * 2).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const place = (this.#start + i) & (length - 1);
      lastIndexes[i] = this.#lastIndexes[place]!;
      sizes[i] = this.#sizes[place]!;
    }
    this.#lastIndexes = lastIndexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
