/** Randomness as an argument, so that one seed gives one history. */
export interface Random {
  /** An integer from 0 to 2^32 - 1, uniformly. */
  uint32(): number;
  /** `length` random bytes. In production these come from the operating system and may serve as secrets. */
  bytes(length: number): Uint8Array;
}

/** A float from 0 (included) to 1 (excluded), with 32 bits of randomness. */
export function randomFloat(random: Random): number {
  return random.uint32() / 0x1_0000_0000;
}

/** An integer from `min` to `max`, both included. `max - min` is below 2^32; the bias is below 2^-21 for ranges under 2^11. */
export function randomInteger(random: Random, range: { readonly min: number; readonly max: number }): number {
  return range.min + Math.floor(randomFloat(random) * (range.max - range.min + 1));
}
