import { crc32 } from "node:zlib";
import { batchMagic, blocksUp, getUint53, type LogPosition, viewOf } from "./format.ts";

/** What one batch holds of one group. */
export interface BatchGroup {
  readonly group: number;
  /** Number of this batch among those of the group, from 1. */
  readonly batchNumber: number;
  /** Entries that this batch makes part of the group's log; `firstIndex` 0: none. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly holdsHardState: boolean;
  /** Holds a part of a record set that ends in a later batch. */
  readonly holdsUnfinished: boolean;
  /** Ends a record set that names a snapshot. */
  readonly holdsSnapshot: boolean;
  /** The group begins anew in it, as another replica. */
  readonly holdsBeginning: boolean;
}

export interface BatchHeader {
  readonly headerBytes: number;
  readonly bodyBytes: number;
  /** Header, body and the zeros up to the next block. */
  readonly totalBytes: number;
  readonly bodyChecksum: number;
  readonly syncMark: LogPosition;
  readonly groups: readonly BatchGroup[];
}

export const batchFixedBytes = 64;
export const batchGroupBytes = 48;
export const batchGroupsMax = 4_096;
export const flagHardState = 1;
export const flagUnfinished = 2;
export const flagSnapshot = 4;
export const flagBeginning = 8;

export const batchHeaderBytesMax: number = batchFixedBytes + batchGroupsMax * batchGroupBytes;

/** Bounds what is read at a word of a header, before its body has been checked. */
export const batchBodyBytesMax: number = 64 * 1_048_576;

/** How long the header at `offset` of `bytes` is; 0 if none can begin there. Only looks at the first 24 bytes. */
export function batchHeaderBytes(view: DataView, offset: number): number {
  if (offset + batchFixedBytes > view.byteLength || view.getUint32(offset, true) !== batchMagic) return 0;
  const headerBytes = view.getUint32(offset + 8, true);
  const groupCount = view.getUint32(offset + 20, true);
  if (headerBytes > batchHeaderBytesMax || headerBytes < batchFixedBytes + groupCount * batchGroupBytes) return 0;
  return view.getUint32(offset + 12, true) > batchBodyBytesMax ? 0 : headerBytes;
}

/** Whether `bytes` are a header, exactly, that is whole and was written for this place. */
export function isBatchHeader(bytes: Uint8Array, seed: number, position: number): boolean {
  const view = viewOf(bytes);
  return view.getUint32(4, true) === crc32(bytes.subarray(8), seed) && getUint53(view, 24) === position;
}

/** What a header says of the bytes behind it. */
export interface BatchSizes {
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
  readonly groupCount: number;
}

/** Of a header for which {@link isBatchHeader} holds. */
export function decodeBatchSizes(bytes: Uint8Array): BatchSizes {
  const view = viewOf(bytes);
  return {
    bodyBytes: view.getUint32(12, true),
    bodyChecksum: view.getUint32(16, true),
    groupCount: view.getUint32(20, true),
  };
}

/** The header in `bytes` (exactly its own), if it is whole and was written for this place. */
export function decodeBatchHeader(bytes: Uint8Array, seed: number, position: number): BatchHeader | undefined {
  if (!isBatchHeader(bytes, seed, position)) return undefined;
  const view = viewOf(bytes);
  const { bodyBytes, bodyChecksum, groupCount } = decodeBatchSizes(bytes);
  const groups: BatchGroup[] = [];
  for (let place = 0; place < groupCount; place++) {
    groups.push(decodeBatchGroup(view, batchFixedBytes + place * batchGroupBytes));
  }
  return {
    headerBytes: bytes.length,
    bodyBytes,
    totalBytes: blocksUp(bytes.length + bodyBytes),
    bodyChecksum,
    syncMark: { segment: getUint53(view, 32), offset: getUint53(view, 40) },
    groups,
  };
}

export function isBatchBody(
  header: Pick<BatchSizes, "bodyBytes" | "bodyChecksum">,
  body: Uint8Array,
  seed: number,
): boolean {
  return body.length === header.bodyBytes && crc32(body, seed) === header.bodyChecksum;
}

function decodeBatchGroup(view: DataView, at: number): BatchGroup {
  const flags = view.getUint32(at + 40, true);
  return {
    group: getUint53(view, at),
    batchNumber: getUint53(view, at + 8),
    firstIndex: getUint53(view, at + 16),
    lastIndex: getUint53(view, at + 24),
    lastTerm: getUint53(view, at + 32),
    holdsHardState: (flags & flagHardState) !== 0,
    holdsUnfinished: (flags & flagUnfinished) !== 0,
    holdsSnapshot: (flags & flagSnapshot) !== 0,
    holdsBeginning: (flags & flagBeginning) !== 0,
  };
}
