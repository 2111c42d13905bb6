import { crc32 } from "node:zlib";

/** A running hash of what happened, in order: equal hashes of two runs mean equal runs. */
export class EventHash {
  #low = 0x9e37_79b9;
  #high = 0x85eb_ca6b;
  #count = 0;

  /** How many numbers went in. */
  get count(): number {
    return this.#count;
  }

  /** Any finite number; both halves of its bits up to 2^53 count, and 2^-10 below the point. */
  add(value: number): void {
    const scaled = value * 1024;
    const folded = (scaled | 0) ^ Math.imul(Math.floor(scaled / 0x1_0000_0000) | 0, 0x27d4_eb2f);
    this.#count++;
    this.#low = Math.imul(this.#low ^ folded, 0x85eb_ca77) ^ (this.#low >>> 15);
    this.#high = Math.imul(this.#high ^ this.#low, 0xc2b2_ae3d) ^ (this.#high >>> 13);
  }

  addBytes(bytes: Uint8Array): void {
    this.add(crc32(bytes));
  }

  addText(text: string): void {
    this.add(crc32(text));
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return hex(this.#high) + hex(this.#low);
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
