import { crc32 } from "node:zlib";
import { assert } from "../platform/index.ts";
import {
  blocksUp,
  checksumKindCrc32,
  checksumSeed,
  formatVersion,
  getUint53,
  type LogIdentity,
  type LogPosition,
  putUint53,
  viewOf,
} from "./format.ts";
import { LogForeignError, LogFormatError } from "./log-errors.ts";

/** A group as it stood when a segment began: enough to notice whether anything of it got lost before. */
export interface GroupAtStart {
  readonly group: number;
  /** 0: not given. */
  readonly replica: number;
  /** That replica is gone, too: there is nobody here. */
  readonly isEnded: boolean;
  readonly term: number;
  /** 0: none. */
  readonly vote: number;
  readonly commit: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Batches of this group so far. */
  readonly batchCount: number;
  /** Of the durable snapshot; 0: none. */
  readonly snapshotIndex: number;
  readonly snapshotTerm: number;
  readonly isDamaged: boolean;
}

export interface SegmentHeader {
  readonly segment: number;
  readonly bootCounter: number;
  readonly allocatedBytes: number;
  /** Where the log ends in the segment before this one; undefined in the first segment. */
  readonly previousEnd: LogPosition | undefined;
  readonly oldestSegment: number;
  /** Groups may have been lost that no header lists. */
  readonly mayMissGroups: boolean;
  /** Sorted by group. */
  readonly groups: readonly GroupAtStart[];
}

/** Each header stands twice, so that one bad block does not cost every group its trust. */
export const headerCopies = 2;

const identityBytes = 64;
const tableOffset = 128;
const tableEntryBytes = 96;
const checksumOffset = 124;
const magic = "COTERLOG";
const flagMayMissGroups = 1;
const flagDamaged = 1;
const flagEnded = 2;

/** A header that names more groups is not believed. */
export const headerBytesMax: number = blocksUp(tableOffset + 65_536 * tableEntryBytes);

/** Bytes of both copies: where the first batch of the segment begins. */
export function headersBytes(groupCount: number): number {
  return headerCopies * blocksUp(tableOffset + groupCount * tableEntryBytes);
}

/** Writes both copies at the start of `target`, which holds at least {@link headersBytes}. */
export function encodeSegmentHeader(target: Uint8Array, header: SegmentHeader, identity: LogIdentity): void {
  const copyBytes = headersBytes(header.groups.length) / headerCopies;
  assert(copyBytes <= headerBytesMax, "too many groups for a segment header");
  assert(identity.clusterId.length === 16, "a cluster id has 16 bytes");
  const copy = target.subarray(0, copyBytes).fill(0);
  const view = viewOf(copy);
  copy.set(Buffer.from(magic, "latin1"));
  view.setUint16(8, formatVersion, true);
  view.setUint8(10, checksumKindCrc32);
  view.setUint8(11, headerCopies);
  view.setUint32(12, copyBytes, true);
  copy.set(identity.clusterId, 16);
  putUint53(view, 32, identity.nodeId);
  putUint53(view, 40, header.segment);
  view.setUint32(60, crc32(copy.subarray(0, 60)), true);
  putUint53(view, 64, header.bootCounter);
  putUint53(view, 72, header.allocatedBytes);
  putUint53(view, 80, header.previousEnd?.segment ?? 0);
  putUint53(view, 88, header.previousEnd?.offset ?? 0);
  putUint53(view, 96, header.oldestSegment);
  view.setUint32(104, header.groups.length, true);
  view.setUint32(108, header.mayMissGroups ? flagMayMissGroups : 0, true);
  header.groups.forEach((group, place) => {
    encodeGroup(view, tableOffset + place * tableEntryBytes, group);
  });
  view.setUint32(
    checksumOffset,
    headerChecksum(copy, header.groups.length, checksumSeed(identity, header.segment)),
    true,
  );
  target.set(copy, copyBytes);
}

/** What the first 64 bytes of a file say, if they are whole: they look the same in every version of the format. */
export interface SegmentOwner {
  readonly version: number;
  readonly checksumKind: number;
  readonly copyBytes: number;
  readonly clusterId: Uint8Array;
  readonly nodeId: number;
  readonly segment: number;
}

/** Undefined where no copy of a header begins in `bytes`. */
export function decodeSegmentOwner(bytes: Uint8Array): SegmentOwner | undefined {
  if (bytes.length < identityBytes) return undefined;
  const view = viewOf(bytes);
  if (Buffer.from(bytes.subarray(0, 8)).toString("latin1") !== magic) return undefined;
  if (view.getUint32(60, true) !== crc32(bytes.subarray(0, 60))) return undefined;
  return {
    version: view.getUint16(8, true),
    checksumKind: view.getUint8(10),
    copyBytes: view.getUint32(12, true),
    clusterId: bytes.slice(16, 32),
    nodeId: getUint53(view, 32),
    segment: getUint53(view, 40),
  };
}

/**
 * Refuses what is not this node's, or not of this format.
 *
 * @throws LogFormatError (LOG_FORMAT_UNSUPPORTED), LogForeignError (LOG_FOREIGN)
 */
export function checkSegmentOwner(
  owner: SegmentOwner,
  expected: { readonly identity: LogIdentity; readonly path: string; readonly segment: number },
): void {
  const { identity, path, segment } = expected;
  if (owner.version !== formatVersion) {
    throw new LogFormatError(path, `format version ${owner.version}; this software knows ${formatVersion}`);
  }
  if (owner.checksumKind !== checksumKindCrc32) {
    throw new LogFormatError(path, `checksum kind ${owner.checksumKind}; this software knows ${checksumKindCrc32}`);
  }
  if (Buffer.compare(owner.clusterId, identity.clusterId) !== 0) {
    const [found, own] = [owner.clusterId, identity.clusterId].map((id) => Buffer.from(id).toString("hex"));
    throw new LogForeignError(path, `written for cluster ${found}, and this is cluster ${own}`);
  }
  if (owner.nodeId !== identity.nodeId) {
    throw new LogForeignError(path, `written by node ${owner.nodeId}, and this is node ${identity.nodeId}`);
  }
  if (owner.segment !== segment) {
    throw new LogForeignError(path, `holds segment ${owner.segment}, and its name says ${segment}`);
  }
}

/** One copy of a header whose owner has been checked; undefined if it is damaged or torn. `bytes` holds `copyBytes`. */
export function decodeSegmentHeader(bytes: Uint8Array, seed: number): SegmentHeader | undefined {
  if (bytes.length < tableOffset) return undefined;
  const view = viewOf(bytes);
  const groupCount = view.getUint32(104, true);
  if (tableOffset + groupCount * tableEntryBytes > bytes.length) return undefined;
  if (view.getUint32(checksumOffset, true) !== headerChecksum(bytes, groupCount, seed)) return undefined;
  const previousSegment = getUint53(view, 80);
  return {
    segment: getUint53(view, 40),
    bootCounter: getUint53(view, 64),
    allocatedBytes: getUint53(view, 72),
    previousEnd: previousSegment === 0 ? undefined : { segment: previousSegment, offset: getUint53(view, 88) },
    oldestSegment: getUint53(view, 96),
    mayMissGroups: (view.getUint32(108, true) & flagMayMissGroups) !== 0,
    groups: Array.from({ length: groupCount }, (_, place) => decodeGroup(view, tableOffset + place * tableEntryBytes)),
  };
}

function headerChecksum(bytes: Uint8Array, groupCount: number, seed: number): number {
  const fixed = crc32(bytes.subarray(0, checksumOffset), seed);
  return crc32(bytes.subarray(tableOffset, tableOffset + groupCount * tableEntryBytes), fixed);
}

function encodeGroup(view: DataView, at: number, group: GroupAtStart): void {
  putUint53(view, at, group.group);
  putUint53(view, at + 8, group.replica);
  putUint53(view, at + 16, group.term);
  putUint53(view, at + 24, group.vote);
  putUint53(view, at + 32, group.commit);
  putUint53(view, at + 40, group.firstIndex);
  putUint53(view, at + 48, group.lastIndex);
  putUint53(view, at + 56, group.lastTerm);
  putUint53(view, at + 64, group.batchCount);
  putUint53(view, at + 72, group.snapshotIndex);
  putUint53(view, at + 80, group.snapshotTerm);
  view.setUint32(at + 88, (group.isDamaged ? flagDamaged : 0) | (group.isEnded ? flagEnded : 0), true);
}

function decodeGroup(view: DataView, at: number): GroupAtStart {
  return {
    group: getUint53(view, at),
    replica: getUint53(view, at + 8),
    term: getUint53(view, at + 16),
    vote: getUint53(view, at + 24),
    commit: getUint53(view, at + 32),
    firstIndex: getUint53(view, at + 40),
    lastIndex: getUint53(view, at + 48),
    lastTerm: getUint53(view, at + 56),
    batchCount: getUint53(view, at + 64),
    snapshotIndex: getUint53(view, at + 72),
    snapshotTerm: getUint53(view, at + 80),
    isDamaged: (view.getUint32(at + 88, true) & flagDamaged) !== 0,
    isEnded: (view.getUint32(at + 88, true) & flagEnded) !== 0,
  };
}
