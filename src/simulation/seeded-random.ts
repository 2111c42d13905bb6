import type { Random } from "../platform/index.ts";

/**
 * Chris Doty-Humphrey's sfc32 ("small fast counting", PractRand): 128 bits of state, passes the usual batteries. Not
 * for secrets. One seed gives one sequence, on every machine and version.
 */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed` is any safe integer; all of its bits count. */
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 0x1_0000_0000) | 0;
    this.#c = 0x2545_f491;
    for (let round = 0; round < 15; round++) this.uint32();
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = this.uint32();
    return bytes;
  }

  /** From 0 (included) to 1 (excluded). */
  float(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** From `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.float() * (max - min + 1));
  }

  /** From `min` (included) to `max` (excluded). */
  between(min: number, max: number): number {
    return min + this.float() * (max - min);
  }

  /** True once in 1 / `probability` calls. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** Exponentially distributed; never more than 20 times the mean. */
  exponential(mean: number): number {
    return Math.min(-Math.log(1 - this.float()), 20) * mean;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("nothing to pick from");
    return items[this.integer(0, items.length - 1)] as T;
  }

  /** In place (Fisher and Yates). */
  shuffle<T>(items: T[]): T[] {
    for (let index = items.length - 1; index > 0; index--) {
      const other = this.integer(0, index);
      [items[index], items[other]] = [items[other] as T, items[index] as T];
    }
    return items;
  }

  /** A sequence of its own, so that what one part draws does not shift what another one draws. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32() * 0x20_0000 + (this.uint32() & 0x1f_ffff));
  }
}
