import { crc32 } from "node:zlib";
import { assert, DiskError } from "../platform/index.ts";
import type { BatchHeader } from "./batch-header.ts";
import { isOutOfSpace, sync, write } from "./disk-steps.ts";
import { blocksUp, checksumSeed, type LogPosition, putUint53, viewOf } from "./format.ts";
import { LogDiskFullError } from "./log-errors.ts";
import type { ReadLog, RecoverySource, TailBatch } from "./recovery.ts";
import { segmentPath } from "./segment-files.ts";
import { encodeSegmentHeader, headersBytes } from "./segment-header.ts";

/** The first segment of a run is small, so that a start is quick and a store at rest takes little space. */
const openingBytesMax = 2 * 1_048_576;

/** On a full disk it is smaller by this. */
const scarceFactor = 8;

/** The segment that a run of the node begins with. */
export interface OpenedSegment {
  readonly segment: number;
  readonly path: string;
  readonly allocatedBytes: number;
  /** Where the next batch goes. */
  readonly end: number;
  /** Bytes used in each segment before it that is still needed. */
  readonly usedBytes: ReadonlyMap<number, number>;
  readonly rewrittenBytes: number;
}

/**
 * Writes what lies past the last proven mark into a new segment, durably, then drops what the log no longer needs. When it
 * resolves, all that the replay holds is durable, and stands where its positions say.
 *
 * @throws LogDiskFullError (LOG_DISK_FULL), DiskError
 */
export async function openSegment(source: RecoverySource, log: ReadLog, segmentBytes: number): Promise<OpenedSegment> {
  const plan = await writeSegment(source, log, Math.min(segmentBytes, openingBytesMax));
  for (const { header, body, place } of plan.batches) {
    assert(log.replay.applyBatch(header, body, place), "records that were read can be read again");
  }
  await removeAll(source, [...log.chain.leftovers, ...plan.unneededSegments]);
  await releaseOldTail(source, plan);
  return {
    segment: plan.segment,
    path: segmentPath(source.directory, { segment: plan.segment, kind: "segment" }),
    allocatedBytes: plan.image.length,
    end: plan.end,
    usedBytes: new Map([...log.usedBytes].filter(([segment]) => plan.keptSegments.has(segment))),
    rewrittenBytes: plan.end - plan.batchesStart,
  };
}

/** On a full disk what is left over from the last run makes room, and less is allocated beforehand. */
async function writeSegment(source: RecoverySource, log: ReadLog, roomBytes: number): Promise<SegmentPlan> {
  const plan = planSegment(source, log, roomBytes);
  try {
    await writeDurably(source, plan);
    return plan;
  } catch (error) {
    if (!isOutOfSpace(error)) throw error;
  }
  await removeAll(source, [...log.chain.leftovers, openingPath(source, plan.segment)]);
  const smallPlan = planSegment(source, log, roomBytes / scarceFactor);
  try {
    await writeDurably(source, smallPlan);
    return smallPlan;
  } catch (error) {
    throw isOutOfSpace(error) ? new LogDiskFullError(source.directory, { cause: error }) : error;
  }
}

interface SegmentPlan {
  readonly segment: number;
  /** There was no log before. */
  readonly isFirst: boolean;
  readonly image: Uint8Array;
  readonly batchesStart: number;
  readonly end: number;
  readonly previousEnd: LogPosition | undefined;
  readonly oldestSegment: number;
  /** Paths of the segments that the new one makes superfluous. */
  readonly unneededSegments: readonly string[];
  readonly keptSegments: ReadonlySet<number>;
  readonly batches: readonly {
    readonly header: BatchHeader;
    readonly body: Uint8Array;
    readonly place: { readonly segment: number; readonly offset: number; readonly bytes: number };
  }[];
}

function planSegment({ identity, bootCounter }: RecoverySource, log: ReadLog, roomBytes: number): SegmentPlan {
  const segment = log.chain.highestNumber + 1;
  const { previousEnd, emptySegment } = predecessor(log);
  const oldestSegment = oldestNeeded(log, { emptySegment, newSegment: segment });
  const unneeded = log.chain.segments.filter((old) => old.segment < oldestSegment || old.segment === emptySegment);
  const groups = log.replay.table();
  const batchesStart = headersBytes(groups.length);
  const end = log.tail.reduce((at, batch) => at + batch.header.totalBytes, batchesStart);
  const image = new Uint8Array(blocksUp(end + roomBytes));
  encodeSegmentHeader(
    image,
    {
      segment,
      bootCounter: bootCounter ?? 0,
      allocatedBytes: image.length,
      previousEnd,
      oldestSegment,
      mayMissGroups: log.replay.mayMissGroups,
      groups,
    },
    identity,
  );
  const seed = checksumSeed(identity, segment);
  const syncMark = log.provenEnd ?? { segment: 0, offset: 0 };
  let at = batchesStart;
  const batches = log.tail.map((batch) => {
    putTailBatch(image.subarray(at, at + batch.header.totalBytes), batch, { position: at, seed, syncMark });
    const place = { segment, offset: at, bytes: batch.header.totalBytes };
    at += batch.header.totalBytes;
    return { header: batch.header, body: batch.body, place };
  });
  const isFirst = log.chain.segments.length === 0;
  const unneededSegments = unneeded.map((old) => old.path);
  const keptSegments = new Set(log.chain.segments.filter((old) => !unneeded.includes(old)).map((old) => old.segment));
  const removal = { oldestSegment, unneededSegments, keptSegments };
  return { segment, isFirst, image, batchesStart, end, previousEnd, batches, ...removal };
}

/**
 * Where the log ends before the new segment. A last segment in which nothing is proven holds nothing but its headers, once
 * its tail stands in the new one: the new one takes its place, so that a node that crashes at every start does not fill
 * its directory.
 */
function predecessor(log: ReadLog): {
  readonly previousEnd: LogPosition | undefined;
  readonly emptySegment: number | undefined;
} {
  const last = log.chain.segments.at(-1);
  const isEmpty = last?.header !== undefined && log.provenEnd?.offset === last.batchesStart && !last.isAfterLoss;
  if (!isEmpty) return { previousEnd: log.provenEnd, emptySegment: undefined };
  return { previousEnd: last.header.previousEnd, emptySegment: last.segment };
}

/** The first segment that holds what is still needed. Where there is damage all are kept, for people to look at. */
function oldestNeeded(
  log: ReadLog,
  around: { readonly emptySegment: number | undefined; readonly newSegment: number },
): number {
  const isDamaged = log.damage.length > 0 || log.replay.table().some((group) => group.isDamaged);
  const first = log.chain.segments.find((old) => old.segment !== around.emptySegment)?.segment ?? around.newSegment;
  if (isDamaged) return first;
  return Math.max(first, log.replay.oldestSegment() ?? around.newSegment);
}

/** The same records under a new header: other place, other mark, other checksums. */
function putTailBatch(
  target: Uint8Array,
  { header, headerBytes, body }: TailBatch,
  start: { readonly position: number; readonly seed: number; readonly syncMark: LogPosition },
): void {
  target.set(headerBytes, 0);
  target.set(body, header.headerBytes);
  const view = viewOf(target);
  view.setUint32(16, crc32(body, start.seed), true);
  putUint53(view, 24, start.position);
  putUint53(view, 32, start.syncMark.segment);
  putUint53(view, 40, start.syncMark.offset);
  view.setUint32(4, crc32(target.subarray(8, header.headerBytes), start.seed), true);
}

function openingPath({ directory }: RecoverySource, segment: number): string {
  return segmentPath(directory, { segment, kind: "opening" });
}

/** Beside, synced, renamed, the directory synced: a crash leaves the whole segment or none of it. */
async function writeDurably(source: RecoverySource, plan: SegmentPlan): Promise<void> {
  const { disk, directory } = source;
  const path = openingPath(source, plan.segment);
  if (plan.isFirst) await makeDirectory(source);
  const file = await disk.open(path, "create");
  try {
    await write(file, plan.image, 0);
    await sync(file);
  } finally {
    await file.close();
  }
  await disk.rename(path, segmentPath(directory, { segment: plan.segment, kind: "segment" }));
  await disk.syncDirectory(directory);
}

async function makeDirectory({ disk, directory }: RecoverySource): Promise<void> {
  await disk.makeDirectory(directory);
  const parentEnd = directory.lastIndexOf("/");
  if (parentEnd > 0) await disk.syncDirectory(directory.slice(0, parentEnd));
}

/** A file that cannot be removed is in nobody's way: the next start tries again. */
export async function removeAll({ disk, logger }: RecoverySource, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await disk.remove(path);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      if (error.code !== "ENOENT") logger.log("warn", "log file not removed", { path, code: error.code });
    }
  }
}

/** What was allocated in the old segment and not used. Nothing of it is part of the log any more. */
async function releaseOldTail({ disk, directory, logger }: RecoverySource, plan: SegmentPlan): Promise<void> {
  if (plan.previousEnd === undefined || plan.previousEnd.segment < plan.oldestSegment) return;
  const path = segmentPath(directory, { segment: plan.previousEnd.segment, kind: "segment" });
  try {
    const file = await disk.open(path, "write");
    try {
      await file.truncate(plan.previousEnd.offset);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    logger.log("warn", "log space not released", { path, code: error.code });
  }
}
