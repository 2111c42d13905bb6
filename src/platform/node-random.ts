import { randomBytes, randomFillSync } from "node:crypto";
import type { Random } from "./random.ts";

const poolBytes = 4096;

/** The operating system's randomness, fetched 4 KiB at a time: one call to it serves a thousand numbers. */
export class NodeRandom implements Random {
  readonly #pool = Buffer.alloc(poolBytes);
  #position = poolBytes;

  uint32(): number {
    const at = this.#take(4);
    const value = this.#pool.readUInt32LE(at);
    this.#pool.writeUInt32LE(0, at);
    return value;
  }

  bytes(length: number): Uint8Array {
    if (length > poolBytes / 4) return randomBytes(length);
    const at = this.#take(length);
    const bytes = new Uint8Array(this.#pool.subarray(at, at + length));
    // What was handed out may become a secret and does not stay here.
    this.#pool.fill(0, at, at + length);
    return bytes;
  }

  #take(length: number): number {
    if (this.#position + length > poolBytes) {
      randomFillSync(this.#pool);
      this.#position = 0;
    }
    const at = this.#position;
    this.#position += length;
    return at;
  }
}
