import { assert } from "../platform/index.ts";

/** What an owner may hold on to while nothing is unfinished, and what is rather joined in the scratch buffer than at home. */
const idleBytesMax = 4_096;
const scratchRemainsMax = 16_384;

/** The size that a scratch buffer must have: remains and one chunk of a socket. */
export const scratchBytes = 262_144;

const empty = Buffer.alloc(0);

/**
 * The bytes of a stream that a parser can see at once: `bytes` from `at` to `end`. A new chunk is looked at where it
 * lies. What is left of it when its memory is used again is kept in a buffer of the window's own, and the next chunk
 * is joined to it: in the own buffer if that has room or the remains are large, else in a scratch buffer that
 * many windows share, so that idle connections own next to nothing. The own buffer grows with what came, by doubling.
 */
export class ParseWindow {
  bytes: Buffer = empty;
  at = 0;
  end = 0;

  #scratch: Buffer | undefined;
  #own: Buffer = empty;

  constructor(scratch: Buffer | undefined) {
    assert(scratch === undefined || scratch.length >= scratchBytes, "the scratch buffer is too small");
    this.#scratch = scratch;
  }

  /** Bytes of memory held for unread input. */
  get ownBytes(): number {
    return this.#own.length;
  }

  /** Puts `chunk` behind what is there. What is there must have been kept. Places before stay the same. */
  append(chunk: Uint8Array): void {
    if (this.end === 0) {
      this.bytes = bufferOver(chunk);
      this.end = chunk.length;
      return;
    }
    assert(this.bytes === this.#own, "the remains of the last chunk were not kept");
    const total = this.end + chunk.length;
    if (total > this.#own.length && this.end <= scratchRemainsMax && total <= scratchBytes) {
      this.#scratch ??= Buffer.allocUnsafeSlow(scratchBytes);
      this.bytes.copy(this.#scratch, 0, 0, this.end);
      this.bytes = this.#scratch;
    } else if (total > this.#own.length) {
      this.#resizeOwn(total);
      this.bytes = this.#own;
    }
    this.bytes.set(chunk, this.end);
    this.end = total;
  }

  /** Keeps what lies from `start` on; it is at 0 afterwards, and `at` moves with it. */
  keep(start: number): void {
    assert(start <= this.at && this.at <= this.end, "the window keeps what it has");
    const length = this.end - start;
    if (length === 0) {
      if (this.#own.length > idleBytesMax) this.#own = empty;
    } else if (this.bytes === this.#own) {
      if (start > 0) this.#own.copyWithin(0, start, this.end);
      if (this.#own.length > idleBytesMax && length < this.#own.length >>> 3) this.#moveOwn(length, length);
    } else {
      if (this.#own.length < length) this.#own = Buffer.allocUnsafeSlow(roundUp(length));
      this.bytes.copy(this.#own, 0, start, this.end);
    }
    this.bytes = length === 0 ? empty : this.#own;
    this.at -= start;
    this.end = length;
  }

  #resizeOwn(total: number): void {
    this.#moveOwn(this.end, Math.max(total, Math.min(this.#own.length * 2, total + growthBytesMax)));
  }

  #moveOwn(length: number, capacity: number): void {
    const larger = Buffer.allocUnsafeSlow(roundUp(capacity));
    this.#own.copy(larger, 0, 0, length);
    this.#own = larger;
  }
}

/** Doubling ends here: beyond, a buffer has at most this much room that is not used. */
const growthBytesMax = 64 * 1_048_576;

function roundUp(bytes: number): number {
  return (bytes + 255) & ~255;
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
