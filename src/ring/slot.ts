/**
 * Hash slots, as every Redis Cluster client computes them: CRC-16/XMODEM (polynomial 0x1021, from 0, not reflected) of
 * the key, modulo 16384. If the key has a `{` and, behind it, a `}` that does not follow at once, only what stands
 * between the first such two counts, so that applications can put keys together.
 */

/** Slots are 0 to 16383. */
export const slotCount = 16_384;

const openingBrace = 0x7b;
const closingBrace = 0x7d;

/** What one byte does to the remainder. */
const table = crcTable();

function crcTable(): Uint16Array {
  const values = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte << 8;
    for (let bit = 0; bit < 8; bit++)
      remainder = (remainder & 0x8000) === 0 ? remainder << 1 : (remainder << 1) ^ 0x1021;
    values[byte] = remainder;
  }
  return values;
}

/** CRC-16/XMODEM of `bytes[start]` up to, not including, `bytes[end]`. */
export function crc16(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let remainder = 0;
  for (let at = start; at < end; at++)
    remainder = ((remainder << 8) & 0xffff) ^ (table[(remainder >>> 8) ^ (bytes[at] as number)] as number);
  return remainder;
}

/** The slot of the key that is `bytes[start]` up to, not including, `bytes[end]`. */
export function slotOfBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let open = start;
  while (open < end && bytes[open] !== openingBrace) open++;
  if (open < end) {
    let close = open + 1;
    while (close < end && bytes[close] !== closingBrace) close++;
    if (close < end && close > open + 1) return crc16(bytes, open + 1, close) & (slotCount - 1);
  }
  return crc16(bytes, start, end) & (slotCount - 1);
}

/** The slot of a key that is a byte string: one character, 0 to 255, a byte. */
export function slotOf(key: string): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf("{");
  if (open >= 0) {
    const close = key.indexOf("}", open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let remainder = 0;
  for (let at = start; at < end; at++)
    remainder = ((remainder << 8) & 0xffff) ^ (table[(remainder >>> 8) ^ (key.charCodeAt(at) & 0xff)] as number);
  return remainder & (slotCount - 1);
}
