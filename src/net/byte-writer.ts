/**
 * Writes the fields of binary messages one after the other into a buffer that grows. Numbers are little endian.
 * Whoever knows how much a message takes calls `reserve` once; the writing methods then only move a position.
 *
 * A buffer that was left behind by growing is never written to again, so that parts of it may be handed to a socket.
 */
export class ByteWriter {
  /** Where is written. Changes when it grows: never kept across calls. */
  buffer: Buffer;
  /** Where the next field goes. */
  at = 0;
  /** What lies before it is not taken along when the buffer grows. Growing moves it to 0. */
  start = 0;

  /** `chunkBytes`: the least that is allocated at a time. */
  constructor(chunkBytes = 256) {
    this.#chunkBytes = chunkBytes;
    this.buffer = Buffer.alloc(0);
  }

  /** Makes room for `byteLength` more bytes. */
  reserve(byteLength: number): void {
    if (this.at + byteLength > this.buffer.length) this.#grow(byteLength);
  }

  u8(value: number): void {
    this.reserve(1);
    this.buffer[this.at++] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    const { buffer, at } = this;
    buffer[at] = value;
    buffer[at + 1] = value >>> 8;
    this.at = at + 2;
  }

  u32(value: number): void {
    this.reserve(4);
    putU32(this.buffer, this.at, value);
    this.at += 4;
  }

  /** A safe integer, not negative, in eight bytes. */
  integer(value: number): void {
    this.reserve(8);
    const high = Math.floor(value / 0x1_0000_0000);
    putU32(this.buffer, this.at, value - high * 0x1_0000_0000);
    putU32(this.buffer, this.at + 4, high);
    this.at += 8;
  }

  double(value: number): void {
    this.reserve(8);
    this.buffer.writeDoubleLE(value, this.at);
    this.at += 8;
  }

  /** The bytes alone, without their length. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** A byte string's bytes alone, without their length. */
  rawText(text: string): void {
    this.reserve(text.length);
    this.buffer.latin1Write(text, this.at);
    this.at += text.length;
  }

  /** Bytes behind their length (u32). */
  bytes(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  /** A byte string behind its length (u32). */
  byteString(text: string): void {
    this.u32(text.length);
    this.rawText(text);
  }

  /** Any string, as UTF-8, behind its length in bytes (u32). */
  text(text: string): void {
    this.bytes(Buffer.from(text, "utf8"));
  }

  /** A copy of what was written since `start`. */
  finish(): Buffer {
    return Buffer.from(this.buffer.subarray(this.start, this.at));
  }

  readonly #chunkBytes: number;

  #grow(byteLength: number): void {
    const keptBytes = this.at - this.start;
    // Twice as much while something is under way, so that a message that grows field by field is not copied each time.
    const neededBytes = keptBytes === 0 ? byteLength : 2 * keptBytes + byteLength;
    const grown = Buffer.allocUnsafeSlow(Math.max(neededBytes, this.#chunkBytes));
    this.buffer.copy(grown, 0, this.start, this.at);
    this.buffer = grown;
    this.start = 0;
    this.at = keptBytes;
  }
}

/** Puts the lowest 32 bits of `value` at `at`. */
export function putU32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value;
  buffer[at + 1] = value >>> 8;
  buffer[at + 2] = value >>> 16;
  buffer[at + 3] = value >>> 24;
}

/** The unsigned 32 bits at `at`, which lie inside `buffer`. */
export function getU32(buffer: Buffer, at: number): number {
  return (
    ((buffer[at] as number) |
      ((buffer[at + 1] as number) << 8) |
      ((buffer[at + 2] as number) << 16) |
      ((buffer[at + 3] as number) << 24)) >>>
    0
  );
}
