import { assert, type Disk, type DiskFile } from "../platform/index.ts";
import { BlockReader } from "./block-reader.ts";
import { blockBytes, type LogIdentity } from "./format.ts";
import { LogLostError } from "./log-errors.ts";
import { parseSegmentName, type SegmentName, segmentPath } from "./segment-files.ts";
import {
  checkSegmentOwner,
  decodeSegmentHeader,
  decodeSegmentOwner,
  headerBytesMax,
  headerCopies,
  type SegmentHeader,
} from "./segment-header.ts";
import { SegmentScanner } from "./segment-scanner.ts";

/** A segment that the log consists of. */
export interface ChainedSegment {
  readonly segment: number;
  readonly path: string;
  /** Undefined: both copies are damaged. */
  readonly header: SegmentHeader | undefined;
  /** Where its batches begin; 0 where the header does not say. */
  readonly batchesStart: number;
  /** Where the log ends in it; undefined in the last segment, and before a segment that is lost. */
  readonly end: number | undefined;
  /** A segment before this one is lost. */
  readonly isAfterLoss: boolean;
  /** The segments before this one were given up: nothing in them is needed any more. */
  readonly isAfterReclaimed: boolean;
}

export interface SegmentChain {
  /** In the order of the log; empty in a new directory. */
  readonly segments: readonly ChainedSegment[];
  /** Files that are no part of the log: prepared or begun without effect. */
  readonly leftovers: readonly string[];
  /** The highest number in any name; 0 if there is none. */
  readonly highestNumber: number;
}

interface Place {
  readonly disk: Disk;
  readonly directory: string;
  readonly identity: LogIdentity;
}

/** A header as it was read, if it could be. */
interface FoundHeader {
  readonly header: SegmentHeader | undefined;
  readonly batchesStart: number;
}

/**
 * Finds the segments of a log and their order, by their headers alone. Each header names the segment before it and where the
 * log ended there; the newest segment that was surely begun is where the chain starts.
 *
 * @throws LogLostError (LOG_LOST), LogFormatError (LOG_FORMAT_UNSUPPORTED), LogForeignError (LOG_FOREIGN), DiskError
 */
export async function findChain(place: Place, names: readonly string[]): Promise<SegmentChain> {
  const files = names.map(parseSegmentName).filter((name) => name !== undefined);
  const numbers = files.filter((name) => name.kind === "segment").map((name) => name.segment);
  const headers = new Map<number, FoundHeader>();
  for (const segment of numbers) headers.set(segment, await readHeader(place, segment));
  const newest = await newestBegun(place, { files, headers });
  const segments = newest === undefined ? [] : link(place, headers, newest);
  const kept = new Set(segments.map((segment) => segment.path));
  const paths = files.map((name) => segmentPath(place.directory, name));
  return {
    segments,
    leftovers: paths.filter((path) => !kept.has(path)),
    highestNumber: files.reduce((highest, name) => Math.max(highest, name.segment), 0),
  };
}

/** Opens a segment for reading, and closes it when `use` is done. */
export async function withSegment<T>(
  place: Place,
  segment: number,
  use: (scanner: SegmentScanner) => Promise<T>,
): Promise<T> {
  const file: DiskFile = await place.disk.open(segmentPath(place.directory, { segment, kind: "segment" }), "read");
  try {
    return await use(new SegmentScanner(segment, new BlockReader(file, await file.sizeBytes()), place.identity));
  } finally {
    await file.close();
  }
}

/** The first copy that is whole; they stand side by side at the start of the file. */
async function readHeader(place: Place, segment: number): Promise<FoundHeader> {
  const path = segmentPath(place.directory, { segment, kind: "segment" });
  return withSegment(place, segment, async ({ reader, seed }) => {
    const searchEnd = Math.min(reader.sizeBytes, headerCopies * headerBytesMax);
    for (let at = 0; at < searchEnd; at += blockBytes) {
      const owner = decodeSegmentOwner(await reader.get(at, blockBytes));
      if (owner === undefined) continue;
      checkSegmentOwner(owner, { identity: place.identity, path, segment });
      const { copyBytes } = owner;
      if (copyBytes > headerBytesMax || copyBytes % blockBytes !== 0 || (at !== 0 && at !== copyBytes)) continue;
      const header = decodeSegmentHeader(await reader.get(at, copyBytes), seed);
      if (header !== undefined) return { header, batchesStart: headerCopies * copyBytes };
    }
    return { header: undefined, batchesStart: 0 };
  });
}

/**
 * The newest segment that was begun for good: its header is whole, or something proves that it once was. A running node
 * prepares a segment only when the one before it has been synced; a sync mark proves all before it.
 */
async function newestBegun(
  place: Place,
  found: { readonly files: readonly SegmentName[]; readonly headers: ReadonlyMap<number, FoundHeader> },
): Promise<number | undefined> {
  const numbers = [...found.headers.keys()].sort((a, b) => b - a);
  const newestWhole = numbers.find((segment) => found.headers.get(segment)?.header !== undefined) ?? 0;
  for (const segment of numbers.filter((number) => number > newestWhole)) {
    const proof = await withSegment(place, segment, (scanner) => scanner.proof(0));
    if (proof.syncedUpTo !== undefined) return segment;
  }
  const prepared = found.files.filter((name) => name.kind !== "opening" && name.segment > newestWhole);
  for (const { segment } of prepared.sort((a, b) => b.segment - a.segment)) {
    const before = segment - 1;
    if (before <= newestWhole) continue;
    if (found.headers.has(before)) return before;
    throw new LogLostError(place.directory, `segment ${before} was begun, and its file is gone`);
  }
  if (newestWhole > 0) return newestWhole;
  if (numbers.length === 0) return undefined;
  throw new LogLostError(place.directory, "none of its segments has a header that can be read");
}

/** Follows the headers from the newest segment back to the oldest that any of them still needs. */
function link(place: Place, headers: ReadonlyMap<number, FoundHeader>, newest: number): readonly ChainedSegment[] {
  const numbers = [...headers.keys()].sort((a, b) => b - a);
  const segments: ChainedSegment[] = [];
  let oldest = 1;
  let end: number | undefined;
  for (let segment: number | undefined = newest; segment !== undefined; ) {
    const found = headers.get(segment);
    assert(found !== undefined, "a chained segment was read");
    const { header, batchesStart } = found;
    oldest = Math.max(oldest, header?.oldestSegment ?? 0);
    const previous = header?.previousEnd;
    const isAfterReclaimed = previous !== undefined && previous.segment < oldest;
    const isLost =
      header === undefined || (previous !== undefined && !isAfterReclaimed && !headers.has(previous.segment));
    const path = segmentPath(place.directory, { segment, kind: "segment" });
    segments.push({ segment, path, header, batchesStart, end, isAfterLoss: isLost, isAfterReclaimed });
    if (isAfterReclaimed) break;
    // Behind a gap the next older segment with a whole header goes on; the groups' numbers will say what is missing.
    const current: number = segment;
    const from = oldest;
    segment = isLost
      ? numbers.find((one) => one < current && one >= from && headers.get(one)?.header !== undefined)
      : previous?.segment;
    end = isLost ? undefined : previous?.offset;
  }
  return segments.reverse();
}
