/**
 * The logical order of keys: by slot, then by this hash, then by their bytes. It is part of the replicated state's
 * meaning (cursors of `SCAN`, the digest, snapshots) and never changes: FNV-1a in 32 bits, finished as MurmurHash3
 * does so that every bit counts, cut to 31 bits so that V8 keeps it without a box.
 */
import { slotCount } from "../ring/index.ts";

/** Hashes run from 0 up to, not including, this. */
export const keyHashCount = 0x8000_0000;

/** A place in the logical order: `slot * keyHashCount + hash`, a safe integer of 45 bits. */
export type KeyPosition = number;

/** Behind every key. */
export const keyPositionEnd: KeyPosition = slotCount * keyHashCount;

/** Where the keys of a slot begin. */
export function positionOfSlot(slot: number): KeyPosition {
  return slot * keyHashCount;
}

export function slotOfPosition(position: KeyPosition): number {
  return Math.floor(position / keyHashCount);
}

const offsetBasis = 0x811c_9dc5;
const prime = 0x0100_0193;

/** The hash of the key in `bytes[start]` up to, not including, `bytes[end]`. */
export function keyHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = offsetBasis;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), prime);
  return finish(hash);
}

/** The hash of a key given as a byte string. */
export function keyHashOfText(key: string): number {
  let hash = offsetBasis;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), prime);
  return finish(hash);
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 1;
}
