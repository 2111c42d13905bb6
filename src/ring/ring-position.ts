/**
 * Where names and keys stand on a {@link HashRing}: a 64-bit FNV-1a of the bytes, then the finaliser of MurmurHash3
 * (Appleby, public domain) over both halves.
 *
 * FNV-1a alone will not do. Its last step multiplies by a prime of few bits, so that names that differ in their last
 * byte only ("n1/0", "n1/1", …) come out at multiples of one distance: a node's points stand in regular rows instead of
 * anywhere, and shares come out far from even. The finaliser makes every bit of the position depend on every bit of the
 * hash. 64 bits, because two names with one 32-bit hash would share all their points.
 */

/** Positions run from 0 to this minus 1: the ring has 2^32 of them. */
export const ringPositions = 0x1_0000_0000;

const offsetBasisHigh = 0xcbf2_9ce4;
const offsetBasisLow = 0x8422_2325;
/** The prime is 2^40 + this. */
const primeLow = 0x1b3;

/**
 * The position of a key, a node's point or a shard: a whole number from 0 to 2^32 - 1.
 *
 * @param bytes a string stands for its bytes in UTF-8
 */
export function ringPosition(bytes: Uint8Array | string): number {
  let high = offsetBasisHigh;
  let low = offsetBasisLow;
  for (const byte of typeof bytes === "string" ? Buffer.from(bytes) : bytes) {
    low = (low ^ byte) >>> 0;
    const product = low * primeLow;
    high = (Math.imul(high, primeLow) + Math.floor(product / ringPositions) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  return finalise(low ^ finalise(high));
}

/** FNV-1a, 64 bits, in hexadecimal, for those who want to check it against another implementation. */
export function fnv1a64(bytes: Uint8Array | string): string {
  let hash = (BigInt(offsetBasisHigh) << 32n) | BigInt(offsetBasisLow);
  for (const byte of typeof bytes === "string" ? Buffer.from(bytes) : bytes) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * ((1n << 40n) | BigInt(primeLow)));
  }
  return hash.toString(16).padStart(16, "0");
}

/** MurmurHash3's 32-bit finaliser: a permutation in which each bit that goes in turns half of those that come out. */
export function finalise(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
