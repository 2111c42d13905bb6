/** Bytes of every key. */
export const keyBytes = 16;

const alphabet = Buffer.from("0123456789abcdefghijklmnopqrstuv", "latin1");

/**
 * Writes key number `index` of the run: 16 printable characters without visible order, different for different
 * indexes (the first seven carry all bits of a one-to-one mixing of the index).
 */
export function writeKey(target: Buffer, at: number, index: number, seed: number): void {
  const first = mix(index ^ mix(seed));
  const second = mix(first + 0x9e3779b9);
  const third = mix(second + 0x9e3779b9);
  for (let digit = 0; digit < 7; digit++) target[at + digit] = alphabet[(first >>> (digit * 5)) & 31]!;
  for (let digit = 0; digit < 6; digit++) target[at + 7 + digit] = alphabet[(second >>> (digit * 5)) & 31]!;
  for (let digit = 0; digit < 3; digit++) target[at + 13 + digit] = alphabet[(third >>> (digit * 5)) & 31]!;
}

/** Writes a value of `length` printable characters that belongs to key number `index`. */
export function writeValue(target: Buffer, at: number, length: number, index: number, seed: number): void {
  let state = mix(index + 0x51ed270b) ^ seed;
  for (let place = 0; place < length; place++) {
    state = mix(state + 0x9e3779b9);
    target[at + place] = alphabet[state & 31]!;
  }
}

/** A one-to-one mixing of 32 bits (the finalizer of MurmurHash3). */
export function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
