/**
 * The format of a snapshot's file, version 1. Numbers are as in format.ts.
 *
 *     name           000000000003-000000004711.snapshot     group and index
 *                    000000000003-000000004711.2.writing    not complete yet; 2 tells several in one run apart
 *
 *     file           +--------+---------------+---------------+---------------+
 *                    | header | block         | block         | block         |
 *                    +--------+---------------+---------------+---------------+
 *                    0        H               H + 64 KiB ...  the last one ends with its data
 *
 * Header, written when the stream is complete. The first 64 bytes look the same in every version to come:
 *
 *       0  8 bytes    "COTERSNP"
 *       8  u16        format version: 1
 *      10  u8         checksum kind: 1 = CRC-32
 *      11  u8         reserved
 *      12  u32        H, bytes of the header, a multiple of 4096
 *      16  16 bytes   cluster id
 *      32  u53        node id
 *      40  u53        group id
 *      48  u53        index
 *      56  4 bytes    reserved
 *      60  u32        CRC-32 of bytes 0 to 59, unseeded
 *      64  u53        term of the entry at the index
 *      72  u53        bytes of the stream
 *      80  u32        CRC-32 of the stream, unseeded
 *      84  u32        bytes of one block: 65536
 *      88  u32        flags: 1 = the configuration's `autoLeave`
 *      92  16 bytes   u32 each: number of voters, outgoing voters, learners, next learners
 *     108  u53        the configuration's `highestReplica`: the highest replica id that the group ever gave, or 0
 *     116  8 bytes    reserved
 *     124  u32        CRC-32 of bytes 0 to 123 and of all that follows up to H, seeded
 *     128  u53 each   the replica ids, in that order
 *
 * Block:
 *
 *       0  u32        CRC-32 of what follows, seeded
 *       4  u32        bytes of data
 *       8  u53        number of the block, from 0
 *      16  data       65,520 bytes, in the last block what is left
 *
 * The seed is the CRC-32 of cluster id, node id, group id, index and term: a block of another file never passes.
 */
import { crc32 } from "node:zlib";
import { assert } from "../platform/index.ts";
import type { Configuration } from "../raft/index.ts";
import {
  blocksUp,
  checksumKindCrc32,
  formatVersion,
  getUint53,
  type LogIdentity,
  putUint53,
  viewOf,
} from "./format.ts";
import type { SnapshotMeta, StoredSnapshot } from "./snapshot.ts";

export const snapshotBlockBytes = 65_536;
export const snapshotBlockHeaderBytes = 16;
export const snapshotBlockDataBytes: number = snapshotBlockBytes - snapshotBlockHeaderBytes;

const magic = "COTERSNP";
const fixedBytes = 128;
const ownerBytes = 64;
const checksumOffset = 124;
const flagAutoLeave = 1;
/** A header that claims more is not believed. */
const headerBytesMax = 1_048_576;

/** Of which group, and at which index. */
export interface SnapshotPlace {
  readonly group: number;
  readonly index: number;
}

const namePattern = /^(\d{12,16})-(\d{12,16})\.(snapshot|\d+\.writing)$/;

/** @param serial of one that is being written */
export function snapshotName({ group, index }: SnapshotPlace, serial?: number): string {
  const suffix = serial === undefined ? "snapshot" : `${serial}.writing`;
  return `${String(group).padStart(12, "0")}-${String(index).padStart(12, "0")}.${suffix}`;
}

/** Undefined for a name that is no snapshot's. */
export function parseSnapshotName(name: string): (SnapshotPlace & { readonly isComplete: boolean }) | undefined {
  const match = namePattern.exec(name);
  if (match === null) return undefined;
  return { group: Number(match[1]), index: Number(match[2]), isComplete: match[3] === "snapshot" };
}

export function snapshotSeed(identity: LogIdentity, place: SnapshotPlace & { readonly term: number }): number {
  const bytes = new Uint8Array(48);
  const view = viewOf(bytes);
  bytes.set(identity.clusterId, 0);
  putUint53(view, 16, identity.nodeId);
  putUint53(view, 24, place.group);
  putUint53(view, 32, place.index);
  putUint53(view, 40, place.term);
  return crc32(bytes);
}

export function snapshotHeaderBytes({ configuration }: SnapshotMeta): number {
  const ids = replicaLists(configuration).reduce((sum, list) => sum + list.length, 0);
  return blocksUp(fixedBytes + 8 * ids);
}

/** Bytes of the file of a stream of `sizeBytes`. */
export function snapshotFileBytes(headerBytes: number, sizeBytes: number): number {
  return headerBytes + sizeBytes + snapshotBlockHeaderBytes * Math.ceil(sizeBytes / snapshotBlockDataBytes);
}

export function encodeSnapshotHeader(identity: LogIdentity, group: number, snapshot: StoredSnapshot): Uint8Array {
  const { index, term, configuration } = snapshot;
  const bytes = new Uint8Array(snapshotHeaderBytes(snapshot));
  assert(bytes.length <= headerBytesMax, "a configuration fits a snapshot's header");
  const view = viewOf(bytes);
  bytes.set(Buffer.from(magic, "latin1"));
  view.setUint16(8, formatVersion, true);
  view.setUint8(10, checksumKindCrc32);
  view.setUint32(12, bytes.length, true);
  bytes.set(identity.clusterId, 16);
  putUint53(view, 32, identity.nodeId);
  putUint53(view, 40, group);
  putUint53(view, 48, index);
  view.setUint32(60, crc32(bytes.subarray(0, 60)), true);
  putUint53(view, 64, term);
  putUint53(view, 72, snapshot.sizeBytes);
  view.setUint32(80, snapshot.checksum, true);
  view.setUint32(84, snapshotBlockBytes, true);
  view.setUint32(88, configuration.autoLeave ? flagAutoLeave : 0, true);
  putUint53(view, 108, configuration.highestReplica);
  let at = fixedBytes;
  for (const [place, list] of replicaLists(configuration).entries()) {
    view.setUint32(92 + 4 * place, list.length, true);
    for (const replica of list) {
      putUint53(view, at, replica);
      at += 8;
    }
  }
  const seed = snapshotSeed(identity, { group, index, term });
  view.setUint32(checksumOffset, headerChecksum(bytes, seed), true);
  return bytes;
}

/** The length of the header that begins with `bytes` (64 or more of them); undefined if none of this version does. */
export function decodeSnapshotHeaderBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length < ownerBytes) return undefined;
  const view = viewOf(bytes);
  if (Buffer.from(bytes.subarray(0, 8)).toString("latin1") !== magic) return undefined;
  if (view.getUint32(60, true) !== crc32(bytes.subarray(0, 60))) return undefined;
  if (view.getUint16(8, true) !== formatVersion || view.getUint8(10) !== checksumKindCrc32) return undefined;
  const headerBytes = view.getUint32(12, true);
  return headerBytes >= fixedBytes && headerBytes <= headerBytesMax ? headerBytes : undefined;
}

/** A whole header, if it is undamaged and was written by this node for this place. */
export function decodeSnapshotHeader(
  bytes: Uint8Array,
  identity: LogIdentity,
  { group, index }: SnapshotPlace,
): StoredSnapshot | undefined {
  if (decodeSnapshotHeaderBytes(bytes) !== bytes.length) return undefined;
  const view = viewOf(bytes);
  const term = getUint53(view, 64);
  // The seed holds all that says whose it is.
  if (view.getUint32(checksumOffset, true) !== headerChecksum(bytes, snapshotSeed(identity, { group, index, term }))) {
    return undefined;
  }
  if (view.getUint32(84, true) !== snapshotBlockBytes || getUint53(view, 48) !== index) return undefined;
  const counts = [0, 1, 2, 3].map((place) => view.getUint32(92 + 4 * place, true));
  if (fixedBytes + 8 * counts.reduce((sum, count) => sum + count, 0) > bytes.length) return undefined;
  let at = fixedBytes;
  const lists = counts.map((count) =>
    Array.from({ length: count }, () => {
      at += 8;
      return getUint53(view, at - 8);
    }),
  );
  const [voters = [], votersOutgoing = [], learners = [], learnersNext = []] = lists;
  const autoLeave = (view.getUint32(88, true) & flagAutoLeave) !== 0;
  const highestReplica = getUint53(view, 108);
  const configuration = { voters, votersOutgoing, learners, learnersNext, autoLeave, highestReplica };
  return { index, term, configuration, sizeBytes: getUint53(view, 72), checksum: view.getUint32(80, true) };
}

/** Completes a block whose data stands behind room for its header. `block` holds exactly both. */
export function sealSnapshotBlock(block: Uint8Array, number: number, seed: number): void {
  const view = viewOf(block);
  view.setUint32(4, block.length - snapshotBlockHeaderBytes, true);
  putUint53(view, 8, number);
  view.setUint32(0, crc32(block.subarray(4), seed), true);
}

/** The data of a block, as a view; undefined if it is not the one that was written there. */
export function openSnapshotBlock(block: Uint8Array, number: number, seed: number): Uint8Array | undefined {
  if (block.length < snapshotBlockHeaderBytes) return undefined;
  const view = viewOf(block);
  if (view.getUint32(4, true) !== block.length - snapshotBlockHeaderBytes || getUint53(view, 8) !== number) {
    return undefined;
  }
  if (view.getUint32(0, true) !== crc32(block.subarray(4), seed)) return undefined;
  return block.subarray(snapshotBlockHeaderBytes);
}

function replicaLists({
  voters,
  votersOutgoing,
  learners,
  learnersNext,
}: Configuration): readonly (readonly number[])[] {
  return [voters, votersOutgoing, learners, learnersNext];
}

function headerChecksum(bytes: Uint8Array, seed: number): number {
  return crc32(bytes.subarray(fixedBytes), crc32(bytes.subarray(0, checksumOffset), seed));
}
