/** The offset of the first byte that is no part of well-formed UTF-8 (Unicode 15, table 3-7); undefined if all are. */
export function findInvalidUtf8(bytes: Uint8Array): number | undefined {
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return undefined;
}

/** Bytes of the character that begins at `at`; 0 if none does. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  // The second byte rules out what could be said in fewer bytes, surrogates, and what is above U+10FFFF.
  const [from, to] = secondByteRanges.get(first) ?? [0x80, 0xbf];
  for (let count = 1; count < length; count++) {
    const byte = bytes[at + count] ?? 0;
    const isGood = count === 1 ? byte >= from && byte <= to : byte >= 0x80 && byte <= 0xbf;
    if (!isGood) return 0;
  }
  return length;
}

const secondByteRanges: ReadonlyMap<number, readonly [number, number]> = new Map([
  [0xe0, [0xa0, 0xbf]],
  [0xed, [0x80, 0x9f]],
  [0xf0, [0x90, 0xbf]],
  [0xf4, [0x80, 0x8f]],
]);
