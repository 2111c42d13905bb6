/**
 * What happens before a log may be used (docs/decisions/log-format.md, "Recovery"):
 *
 * 1. The headers give the segments and where each ends. Where the last one ends is what this is about: the highest sync mark
 *    in it separates what was proven durable from the tail.
 * 2. All batches are read in order. Bad bytes below the mark are damage, of the groups that the batch's header names; if
 *    the header is bad too, of all groups for which nothing later vouches. Bad bytes at or above the mark are a torn
 *    tail: it ends there, whatever stands behind.
 * 3. The whole batches of the tail may be in the page cache only. They are written again into a new segment, which is synced
 *    and gets its name by a rename. Its header says that the old segment ends at the mark, so that no later start sees the
 *    old tail, and nothing is ever appended to it.
 */
import { type Disk, DiskError, type Logger, mark } from "../platform/index.ts";
import type { BatchHeader } from "./batch-header.ts";
import type { LogIdentity, LogPosition } from "./format.ts";
import { LogFormatError, LogLostError, LogNewerError, LogUnreadableError } from "./log-errors.ts";
import { Replay } from "./replay.ts";
import { type ChainedSegment, findChain, type SegmentChain, withSegment } from "./segment-chain.ts";
import type { SegmentScanner, StoredBatch } from "./segment-scanner.ts";
import { parseSnapshotName } from "./snapshot-file.ts";

export interface RecoverySource {
  readonly disk: Disk;
  readonly directory: string;
  readonly identity: LogIdentity;
  readonly logger: Logger;
  /** The starts of this node, this one included; undefined: not counted. */
  readonly bootCounter: number | undefined;
  /** The highest disk epoch that anything else remembers of this node; undefined: nothing does. */
  readonly diskEpochSeen: number | undefined;
}

/** Bad bytes where acknowledged records stood. */
export interface DamagedRange {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  /** Undefined: the header is lost too, nobody can say. */
  readonly groups: readonly number[] | undefined;
}

/** A whole batch of the tail, to be written again. */
export interface TailBatch {
  readonly header: BatchHeader;
  readonly body: Uint8Array;
  /** As it stood in the old segment; position, mark and checksums are renewed. */
  readonly headerBytes: Uint8Array;
}

export interface ReadLog {
  /** All that is proven; the tail is not in it yet. */
  readonly replay: Replay;
  readonly chain: SegmentChain;
  /** All names in the directory. */
  readonly names: readonly string[];
  /** Where the proven part ends; undefined in a new log. */
  readonly provenEnd: LogPosition | undefined;
  readonly tail: readonly TailBatch[];
  readonly tornBytes: number;
  readonly damage: readonly DamagedRange[];
  /** Bytes of the log in each segment that stays in use, headers included. */
  readonly usedBytes: ReadonlyMap<number, number>;
}

/**
 * Reads the whole log; changes nothing.
 *
 * @throws LogLostError (LOG_LOST), LogFormatError (LOG_FORMAT_UNSUPPORTED), LogForeignError (LOG_FOREIGN), LogNewerError
 *   (LOG_NEWER_THAN_NODE), LogUnreadableError (LOG_UNREADABLE), DiskError
 */
export async function readLog(source: RecoverySource): Promise<ReadLog> {
  const names = await listOrEmpty(source);
  const chain = await findChain(source, names);
  checkAgainstMemory(source, chain);
  if (chain.segments.length === 0 && names.some((name) => parseSnapshotName(name) !== undefined)) {
    throw new LogLostError(source.directory, "it holds snapshots, and no log");
  }
  const reading = new LogReading(source, chain);
  for (const segment of chain.segments) await reading.read(segment);
  return { ...reading.result(), names };
}

async function listOrEmpty({ disk, directory }: RecoverySource): Promise<readonly string[]> {
  try {
    return await disk.list(directory);
  } catch (error) {
    if (error instanceof DiskError && error.code === "ENOENT") return [];
    throw error;
  }
}

/** Whether the log is as new as what others remember of it, and no newer than the node's own files. */
function checkAgainstMemory({ directory, bootCounter, diskEpochSeen }: RecoverySource, chain: SegmentChain): void {
  const newest = chain.segments.at(-1)?.segment ?? 0;
  if (diskEpochSeen !== undefined && newest < diskEpochSeen) {
    throw new LogLostError(directory, `segment ${diskEpochSeen} was begun, and the newest one found is ${newest}`);
  }
  const inLog = chain.segments.reduce((highest, { header }) => Math.max(highest, header?.bootCounter ?? 0), 0);
  if (bootCounter !== undefined && bootCounter <= inLog) {
    throw new LogNewerError(directory, { given: bootCounter, inLog });
  }
}

class LogReading {
  constructor(source: RecoverySource, chain: SegmentChain) {
    this.#source = source;
    this.#chain = chain;
  }

  async read(segment: ChainedSegment): Promise<void> {
    const { header } = segment;
    if (segment.isAfterLoss) this.#loseUnknown({ segment: segment.segment, offset: 0, bytes: 0 });
    if (header !== undefined && segment.isAfterReclaimed) this.#replay.startAfterReclaimed(header);
    else if (header !== undefined) this.#replay.startSegment(header);
    await withSegment(this.#source, segment.segment, (scanner) => this.#readBatches(segment, scanner));
  }

  result(): Omit<ReadLog, "names"> {
    return {
      replay: this.#replay,
      chain: this.#chain,
      provenEnd: this.#provenEnd,
      tail: this.#tail,
      tornBytes: this.#tornBytes,
      damage: this.#damage,
      usedBytes: this.#usedBytes,
    };
  }

  readonly #source: RecoverySource;
  readonly #chain: SegmentChain;
  readonly #replay = new Replay();
  readonly #tail: TailBatch[] = [];
  readonly #damage: DamagedRange[] = [];
  readonly #usedBytes: Map<number, number> = new Map();
  #provenEnd: LogPosition | undefined;
  #tornBytes = 0;

  async #readBatches(segment: ChainedSegment, scanner: SegmentScanner): Promise<void> {
    const isLast = segment === this.#chain.segments.at(-1);
    const proof = segment.end === undefined ? await scanner.proof(segment.batchesStart) : undefined;
    const provenEnd = segment.end ?? proof?.syncedUpTo ?? segment.batchesStart;
    const cut = await this.#readProven(segment, scanner, provenEnd);
    this.#usedBytes.set(segment.segment, cut);
    if (!isLast) return;
    this.#provenEnd = { segment: segment.segment, offset: provenEnd };
    const tailEnd = await this.#readTail(segment, scanner, provenEnd);
    this.#tornBytes = Math.max(0, (proof?.lastEnd ?? 0) - tailEnd);
    if (this.#tornBytes > 0) mark("a torn tail is cut");
  }

  /** Everything below the mark counts, and what is bad there is damage. */
  async #readProven(segment: ChainedSegment, scanner: SegmentScanner, end: number): Promise<number> {
    let at = segment.batchesStart;
    while (at < end) {
      const batch = await scanner.batchAt(at);
      if (batch === undefined) {
        const next = Math.min((await scanner.findHeader(at)) ?? end, end);
        this.#loseUnknown({ segment: segment.segment, offset: at, bytes: next - at });
        at = next;
        continue;
      }
      const { header, body } = batch;
      const place = { segment: segment.segment, offset: at, bytes: header.totalBytes };
      if (body === undefined) {
        mark("a damaged record is found at start");
        this.#replay.loseBatch(header);
        this.#damage.push({ ...place, groups: header.groups.map((listed) => listed.group) });
      } else if (!this.#replay.applyBatch(header, body, place)) {
        throw unknownRecord(segment, at);
      }
      at += header.totalBytes;
    }
    return at;
  }

  /** Whole batches that follow the mark without a gap. Gives where they end. */
  async #readTail(segment: ChainedSegment, scanner: SegmentScanner, start: number): Promise<number> {
    let at = start;
    for (let batch = await scanner.batchAt(at); batch?.body !== undefined; batch = await scanner.batchAt(at)) {
      this.#tail.push(await copyBatch(scanner, batch, batch.body));
      at += batch.header.totalBytes;
    }
    // A torn tail can be read, it only is not whole. What cannot be read may have been acknowledged.
    const unreadable = scanner.reader.unreadable.find((offset) => offset >= start);
    if (unreadable !== undefined) throw new LogUnreadableError(segment.path, unreadable);
    return at;
  }

  #loseUnknown(range: Omit<DamagedRange, "groups">): void {
    mark("a damaged record is found at start");
    this.#replay.loseUnknown();
    this.#damage.push({ ...range, groups: undefined });
  }
}

async function copyBatch(scanner: SegmentScanner, batch: StoredBatch, body: Uint8Array): Promise<TailBatch> {
  const { header, position } = batch;
  const copiedBody = body.slice();
  const headerBytes = (await scanner.reader.get(position, header.headerBytes)).slice();
  return { header, body: copiedBody, headerBytes };
}

function unknownRecord(segment: ChainedSegment, offset: number): LogFormatError {
  return new LogFormatError(segment.path, `the batch at ${offset} holds records of a kind not known here`);
}
