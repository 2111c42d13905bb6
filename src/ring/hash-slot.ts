/**
 * The hash slot of a key, exactly as Redis Cluster and its clients compute it: CRC-16/XMODEM of the key modulo 16384,
 * or of its *hash tag*, the part between the first "{" and the next "}", if there is one and it is not empty
 * (Redis Cluster specification, "Hash tags").
 */

/** How many slots there are: 0 to 16383. */
export const slotCount = 16_384;

const polynomial = 0x1021;
const openBrace = 0x7b;
const closeBrace = 0x7d;

const remainders: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte << 8;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 0x8000 ? (remainder << 1) ^ polynomial : remainder << 1;
  return remainder;
});

/** CRC-16/XMODEM of `bytes[start]` up to, not including, `bytes[end]`. */
export function crc16(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let crc = 0;
  for (let at = start; at < end; at++) {
    crc = ((crc << 8) & 0xffff) ^ (remainders[(crc >> 8) ^ (bytes[at] as number)] as number);
  }
  return crc;
}

/** The slot of the key that lies in `bytes[start]` up to, not including, `bytes[end]`. */
export function hashSlot(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  for (let at = start; at < end; at++) {
    if (bytes[at] !== openBrace) continue;
    let close = at + 1;
    while (close < end && bytes[close] !== closeBrace) close++;
    if (close < end && close > at + 1) return crc16(bytes, at + 1, close) & (slotCount - 1);
    break;
  }
  return crc16(bytes, start, end) & (slotCount - 1);
}

/** The slot of a key given as a byte string (one character of code 0 to 255 a byte). */
export function hashSlotOfText(key: string): number {
  const open = key.indexOf("{");
  if (open !== -1) {
    const close = key.indexOf("}", open + 1);
    if (close > open + 1) return crc16OfText(key, open + 1, close) & (slotCount - 1);
  }
  return crc16OfText(key, 0, key.length) & (slotCount - 1);
}

function crc16OfText(text: string, start: number, end: number): number {
  let crc = 0;
  for (let at = start; at < end; at++) {
    crc = ((crc << 8) & 0xffff) ^ (remainders[(crc >> 8) ^ (text.charCodeAt(at) & 0xff)] as number);
  }
  return crc;
}
