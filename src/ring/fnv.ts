const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

/**
 * FNV-1a, 32 bits (Fowler, Noll, Vo; draft-eastlake-fnv §2). Quick and well known, but short keys that differ in their
 * last byte only come out close together: fit for finding a key's place on a ring, unfit for spreading the nodes' own.
 *
 * @param bytes a string stands for its bytes in UTF-8
 */
export function fnv1a32(bytes: Uint8Array | string): number {
  let hash = offsetBasis;
  for (const byte of typeof bytes === "string" ? Buffer.from(bytes) : bytes) hash = Math.imul(hash ^ byte, prime);
  return hash >>> 0;
}
