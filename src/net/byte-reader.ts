import { getU32 } from "./byte-writer.ts";

/**
 * Reads what {@link ByteWriter} wrote. What comes from outside may be anything: a field that does not lie within the
 * message, or an integer that is not safe, sets `isBad` and reads as zero or empty, so that a decoder reads all its
 * fields and asks once at the end.
 */
export class ByteReader {
  /** Valid as long as the buffer that it was opened on. */
  buffer: Buffer = Buffer.alloc(0);
  at = 0;
  /** One after the last byte of the message. */
  end = 0;
  isBad = false;

  open(buffer: Buffer, from: number, to: number): void {
    this.buffer = buffer;
    this.at = from;
    this.end = to;
    this.isBad = false;
  }

  get remainingBytes(): number {
    return this.end - this.at;
  }

  /** Whether every field was there and nothing is left over. */
  isWhole(): boolean {
    return !this.isBad && this.at === this.end;
  }

  /** Moves over `byteLength` bytes and returns where they begin; -1 if they are not there. */
  skip(byteLength: number): number {
    if (byteLength > this.end - this.at) {
      this.isBad = true;
      this.at = this.end;
      return -1;
    }
    const from = this.at;
    this.at += byteLength;
    return from;
  }

  u8(): number {
    const from = this.skip(1);
    return from < 0 ? 0 : (this.buffer[from] as number);
  }

  u16(): number {
    const from = this.skip(2);
    return from < 0 ? 0 : (this.buffer[from] as number) | ((this.buffer[from + 1] as number) << 8);
  }

  u32(): number {
    const from = this.skip(4);
    return from < 0 ? 0 : getU32(this.buffer, from);
  }

  integer(): number {
    const from = this.skip(8);
    if (from < 0) return 0;
    const high = getU32(this.buffer, from + 4);
    if (high > 0x1f_ffff) {
      this.isBad = true;
      return 0;
    }
    return high * 0x1_0000_0000 + getU32(this.buffer, from);
  }

  double(): number {
    const from = this.skip(8);
    return from < 0 ? 0 : this.buffer.readDoubleLE(from);
  }

  boolean(): boolean {
    const value = this.u8();
    if (value > 1) this.isBad = true;
    return value === 1;
  }

  /** A copy of `byteLength` bytes. */
  raw(byteLength: number): Buffer {
    const from = this.skip(byteLength);
    return from < 0 ? Buffer.alloc(0) : Buffer.from(this.buffer.subarray(from, from + byteLength));
  }

  bytes(): Buffer {
    return this.raw(this.u32());
  }

  byteString(): string {
    const byteLength = this.u32();
    const from = this.skip(byteLength);
    return from < 0 ? "" : this.buffer.latin1Slice(from, from + byteLength);
  }

  text(): string {
    return this.bytes().toString("utf8");
  }
}
