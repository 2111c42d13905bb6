/**
 * The one place that writes the log while the node runs: one write and one sync at a time, for everything that waits
 * (group commit). While they are under way the next batch collects, and it starts as soon as they have ended.
 */
import {
  assert,
  type Clock,
  type Disk,
  DiskError,
  type DiskFile,
  type Logger,
  mark,
  type Timer,
} from "../platform/index.ts";
import { BatchBuilder } from "./batch-builder.ts";
import { isOutOfSpace } from "./disk-steps.ts";
import { blockBytes, checksumSeed, type LogIdentity, type LogPosition } from "./format.ts";
import { LogDiskError } from "./log-errors.ts";
import { type FillOptions, RecordQueue } from "./record-queue.ts";
import { Reserve } from "./reserve.ts";
import { encodeSegmentHeader, type GroupAtStart, headersBytes } from "./segment-header.ts";
import { type Preparation, type PreparedSegment, SegmentPreparer } from "./segment-preparer.ts";
import { SyncTimes } from "./sync-times.ts";

export interface WriterSettings {
  /** Size of a segment; those at the beginning of a run are smaller. */
  readonly segmentBytes: number;
  /** Most bytes of records in one batch. */
  readonly batchBytesMax: number;
  /** An idle log writes one more sync mark after this time. */
  readonly idleMarkMs: number;
  /** How often a full disk is tried again. */
  readonly fullRetryMs: number;
  /** Free space that is left to others: with less the disk counts as full. */
  readonly freeBytesMin: number;
}

export interface WriterPlace {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: string;
  readonly identity: LogIdentity;
  readonly bootCounter: number;
  /** Whether an entry's data only free space. */
  readonly frees: (data: Uint8Array) => boolean;
}

/** The segment that is being written. Everything before `end` is synced. */
export interface CurrentSegment {
  readonly segment: number;
  readonly file: DiskFile;
  readonly allocatedBytes: number;
  readonly end: number;
}

/** What the headers of later segments repeat. */
export interface LogState {
  readonly mayMissGroups: boolean;
  /** All groups as they are durable now, sorted. */
  groups(): readonly GroupAtStart[];
  /** The oldest segment that holds what is still needed; the current one if none before it does. */
  oldestSegment(): number;
  /** Whether the header of a new segment would free space. */
  hasGarbage(): boolean;
  /** A segment is complete, and the next one's header durable, which names the oldest that is needed. */
  left(filled: { readonly segment: number; readonly bytes: number }, oldestNeeded: number): void;
}

/** The write that is under way. */
interface WriteUnderWay {
  readonly segment: CurrentSegment;
  /** Where the batch begins, behind the headers of a new segment. */
  readonly batchStart: number;
  readonly bytes: number;
  /** Sets with entries were left out: there is no space for them. */
  readonly holdsEntries: boolean;
}

const growthFactor = 4;
const nothingReleased = { releasedBytesMax: 0, freeingBytesMax: 0 };

export class LogWriter {
  readonly queue: RecordQueue;
  /** Of what is written here. */
  readonly syncTimes: SyncTimes = new SyncTimes();
  /** Callbacks of what needs no durability and waits for nothing: run by {@link runFreeDones}, or after the next batch's. */
  readonly freeDones: (() => void)[] = [];

  constructor(place: WriterPlace, settings: WriterSettings, state: LogState, current: CurrentSegment) {
    assert(settings.segmentBytes > 0 && settings.segmentBytes % blockBytes === 0, "segmentBytes is a multiple of 4096");
    this.queue = new RecordQueue(place.frees);
    this.#place = place;
    this.#settings = settings;
    this.#state = state;
    this.#current = current;
    this.#seed = checksumSeed(place.identity, current.segment);
    this.#builder = new BatchBuilder(settings.batchBytesMax);
    this.#preparer = new SegmentPreparer({ ...place, freeBytesMin: settings.freeBytesMin });
  }

  get current(): CurrentSegment {
    return this.#current;
  }

  /**
   * No next segment can be made and little is left of this one, or less than what waits; or a write found no space. What was appended is kept;
   * votes and terms are still written as long as any space is left.
   */
  get isFull(): boolean {
    if (this.#isWriteRefused || this.#isHolding) return true;
    return this.#isNextRefused && this.#current.end > this.#reserve.fullFrom;
  }

  /** While it is full: bytes of entries that it would still write if something vital of their group stood behind them. */
  get roomBeforeVitalBytes(): number {
    return this.#roomBytes(this.#reserve.takenEnd);
  }

  /** While it is full: bytes of entries that it would still write if the last of them only frees space. */
  get roomForFreeingBytes(): number {
    return this.#roomBytes(this.#reserve.freeingEnd);
  }

  /** Called once, at once if it has happened: the disk failed, nothing will be written any more. */
  onFailure(handler: (error: LogDiskError) => void): void {
    this.#onFailure = handler;
    if (this.#failure !== undefined) handler(this.#failure);
  }

  /** Starts to write what waits, unless a write is under way. */
  flush(): void {
    if (this.queue.urgentCount > 0) this.#start();
    else if (this.queue.length > 0) this.#armIdleMark();
  }

  /** Not while the callbacks of a batch run: those that they free come after them. */
  runFreeDones(): void {
    if (this.#isRunningDones) return;
    this.#isRunningDones = true;
    for (let done = this.freeDones.shift(); done !== undefined; done = this.freeDones.shift()) done();
    this.#isRunningDones = false;
  }

  /** The disk failed: nothing is written or called back any more, and the process must end (CONSENSUS D-4). */
  fail(what: string, cause: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const code = cause instanceof DiskError ? cause.code : undefined;
    this.#place.logger.log("error", "log failed", { directory: this.#place.directory, what, code });
    this.#cancelTimers();
    this.#failure = new LogDiskError(`${this.#place.directory}: ${what}`, { cause });
    this.#onFailure?.(this.#failure);
  }

  /** Writes what waits and a last mark, as far as the disk lets it. */
  async close(): Promise<void> {
    if (this.#isClosing) return this.#closed;
    this.#isClosing = true;
    this.#closed = this.#close();
    return this.#closed;
  }

  readonly #place: WriterPlace;
  readonly #settings: WriterSettings;
  readonly #state: LogState;
  readonly #builder: BatchBuilder;
  readonly #preparer: SegmentPreparer;
  #current: CurrentSegment;
  #next: PreparedSegment | undefined;
  /**
   * The header of the next segment has been handed to the disk. It says where this one ends: should that write fail, the
   * header may stand there all the same, and nothing is ever written here again.
   */
  #isLeaving = false;
  #seed: number;
  /** What the header of the next segment says, which is being written. */
  #oldestNeeded = 0;
  #underWay: WriteUnderWay | undefined;
  /** There is no space for a next segment. */
  #isNextRefused = false;
  /** A write found no space, and none with entries has succeeded since. */
  #isWriteRefused = false;
  /** Entries wait that do not fit into what is left, and there is no next segment. */
  #isHolding = false;
  /** What waits for the next retry; everything, once not even a vote could be written. */
  #held: "nothing" | "entries" | "everything" = "nothing";
  #isFullReported = false;
  #retryTimer: Timer | undefined;
  #idleTimer: Timer | undefined;
  /** Records have been synced for which no mark stands on the disk yet. */
  #isMarkMissing = false;
  #lastWriteMs = 0;
  #hasFailed = false;
  #isRunningDones = false;
  #isClosing = false;
  #closed: Promise<void> | undefined;
  #failure: LogDiskError | undefined;
  #onFailure: ((error: LogDiskError) => void) | undefined;
  #onStill: (() => void) | undefined;
  readonly #closings: Set<Promise<void>> = new Set();

  get #reserve(): Reserve {
    return new Reserve(this.#current.allocatedBytes);
  }

  /** Up to that place in the segment, behind all that is under way or held back. */
  #roomBytes(end: number): number {
    if (this.#isLeaving || this.#held === "everything") return 0;
    const underWayBytes = this.#underWay?.bytes ?? 0;
    // The headers of two batches.
    const takenBytes = underWayBytes + this.queue.holdableBytes + 2 * blockBytes;
    return Math.max(0, end - this.#current.end - takenBytes);
  }

  /** True if a write is under way afterwards. */
  #start(): boolean {
    if (this.#underWay !== undefined) return true;
    if (this.#hasFailed || this.#held === "everything") return false;
    const holdsEntries = this.#held === "entries";
    if (!this.#isLeaving && this.#build(holdsEntries)) this.#write(this.#current, { prefixBytes: 0, holdsEntries });
    else if (this.#next !== undefined) this.#beginSegment(this.#next, holdsEntries);
    else if (!holdsEntries) {
      this.#isHolding ||= this.#isNextRefused;
      if (this.#build(true)) this.#write(this.#current, { prefixBytes: 0, holdsEntries: true });
    }
    return this.#underWay !== undefined;
  }

  /** Builds the next batch for the current segment. False, and nothing is changed, if none may be written there. */
  #build(holdsEntries: boolean): boolean {
    const { allocatedBytes, end } = this.#current;
    const { freeingEnd, start, vitalStart } = this.#reserve;
    this.#fill(0, { holdsEntries, releasedBytesMax: vitalStart - end, freeingBytesMax: freeingEnd - end });
    if (this.queue.hasReleased && end + this.#builder.totalBytes > vitalStart) {
      this.queue.putBack();
      this.#fill(0, { holdsEntries, ...nothingReleased });
    }
    // While the next segment is being made the file grows, which is slower; on a full disk votes try that way too.
    const mayGrow = this.#next === undefined && (!this.#isNextRefused || holdsEntries);
    const limit = this.#isNextRefused && !holdsEntries ? start : allocatedBytes;
    // With entries held back an empty batch is no sync mark that anyone asked for.
    const isWanted = !this.#builder.isEmpty || !holdsEntries;
    if (isWanted && (mayGrow || end + this.#builder.totalBytes <= limit)) return true;
    this.queue.putBack();
    return false;
  }

  #fill(prefixBytes: number, options: FillOptions): void {
    this.#builder.begin(this.queue.countGroups(), prefixBytes);
    this.queue.fill(this.#builder, options);
  }

  /** The header and the first batch are one write: the segment's name and its zeros are durable already. */
  #beginSegment(next: PreparedSegment, holdsEntries: boolean): void {
    const groups = this.#state.groups();
    const oldestSegment = this.#state.oldestSegment();
    this.#fill(headersBytes(groups.length), { holdsEntries, ...nothingReleased });
    // Alone the header is worth it where it frees space for what is held back.
    if (this.#builder.isEmpty && holdsEntries && !this.#state.hasGarbage()) {
      this.queue.putBack();
      return;
    }
    encodeSegmentHeader(
      this.#builder.prefix(),
      {
        segment: next.segment,
        bootCounter: this.#place.bootCounter,
        allocatedBytes: next.allocatedBytes,
        previousEnd: this.#position(),
        oldestSegment,
        mayMissGroups: this.#state.mayMissGroups,
        groups,
      },
      this.#place.identity,
    );
    this.#seed = checksumSeed(this.#place.identity, next.segment);
    this.#isLeaving = true;
    this.#oldestNeeded = oldestSegment;
    this.#write({ ...next, end: 0 }, { prefixBytes: headersBytes(groups.length), holdsEntries });
  }

  #position(): LogPosition {
    return { segment: this.#current.segment, offset: this.#current.end };
  }

  #write(segment: CurrentSegment, batch: { readonly prefixBytes: number; readonly holdsEntries: boolean }): void {
    const batchStart = segment.end + batch.prefixBytes;
    const bytes = this.#builder.finish({ position: batchStart, seed: this.#seed, syncMark: this.#position() });
    this.#underWay = { segment, batchStart, bytes: bytes.length, holdsEntries: batch.holdsEntries };
    this.syncTimes.begin(this.#place.clock.nowMs());
    segment.file.writeAndSync(bytes, segment.end, this.#onWritten);
    mark("a batch is being written");
  }

  readonly #onWritten = (error: DiskError | undefined): void => {
    const underWay = this.#underWay as WriteUnderWay;
    this.syncTimes.end(this.#place.clock.nowMs());
    this.#underWay = undefined;
    if (error === undefined) this.#succeeded(underWay);
    else if (isOutOfSpace(error)) this.#refused(underWay, error);
    else this.fail("the log could not be written", error);
    this.#noteStill();
  };

  #succeeded(written: WriteUnderWay): void {
    mark("a batch is durable");
    const { segment, batchStart, bytes } = written;
    const end = segment.end + bytes;
    if (segment.segment !== this.#current.segment) this.#leaveSegment(segment.segment);
    this.#current = { ...segment, end };
    const place = { segment: segment.segment, offset: batchStart, bytes: end - batchStart };
    const { taken, begun } = this.queue;
    for (let slot = 0; slot < this.#builder.slotCount; slot++) this.#builder.slot(slot).group.durable.batchCount++;
    for (const set of taken) set.group.written(set, place);
    for (const set of begun) set.earlierPlaces.push(place);
    this.queue.forget();
    if (!written.holdsEntries) {
      this.#isWriteRefused = false;
      this.#isHolding = false;
      this.#noteSpace();
    } else if (this.#isWriteRefused) {
      this.#armRetry();
    }
    this.#isMarkMissing = taken.some((set) => !set.isHint) || begun.length > 0;
    this.#lastWriteMs = this.#place.clock.nowMs();
    this.#prepareNext();
    if (this.queue.urgentCount === 0 || !this.#start()) this.#armIdleMark();
    // Those that were free before this batch was durable came before it.
    this.runFreeDones();
    this.#isRunningDones = true;
    for (const set of taken) for (const done of set.dones) done();
    this.#isRunningDones = false;
    this.runFreeDones();
  }

  /** The old segment is complete and synced; reading goes by files of its own. */
  #leaveSegment(segment: number): void {
    this.#state.left({ segment: this.#current.segment, bytes: this.#current.end }, this.#oldestNeeded);
    const closing: Promise<void> = closeFile(this.#current.file).finally(() => this.#closings.delete(closing));
    this.#closings.add(closing);
    this.#next = undefined;
    this.#isLeaving = false;
    mark("a segment is begun");
    this.#place.logger.log("info", "log segment begun", { segment });
  }

  /** Nothing of the batch has been acknowledged, and no sync has failed: it is written again when there is space. */
  #refused(write: WriteUnderWay, error: DiskError): void {
    this.queue.putBack();
    this.#isWriteRefused = true;
    mark("entries are held back by a full disk");
    this.#held = write.holdsEntries ? "everything" : "entries";
    this.#noteFull(error.code);
    if (this.queue.urgentCount > 0) this.#start();
  }

  #noteFull(code: string): void {
    if (!this.#isFullReported) {
      this.#place.logger.log("warn", "disk full", { directory: this.#place.directory, code });
    }
    this.#isFullReported = true;
    this.#armRetry();
  }

  #armRetry(): void {
    if (this.#isClosing || this.#hasFailed) return;
    this.#retryTimer ??= this.#place.clock.setTimer(this.#settings.fullRetryMs, this.#onRetry);
  }

  #noteSpace(): void {
    if (!this.#isFullReported || this.#isNextRefused || this.#isWriteRefused) return;
    this.#isFullReported = false;
    this.#place.logger.log("info", "disk has space again", { directory: this.#place.directory });
  }

  readonly #onRetry = (): void => {
    this.#retryTimer = undefined;
    if (this.#isNextRefused) this.#prepare();
    this.#tryAgain();
  };

  #tryAgain(): void {
    this.#held = "nothing";
    // With nothing to write a mark tells whether there is space.
    if (this.#isWriteRefused || this.queue.urgentCount > 0) this.#start();
  }

  #isNextDue(): boolean {
    return this.#current.end > this.#current.allocatedBytes / 4;
  }

  /** Only ever after a sync in the current segment: that a segment is being prepared proves that the one before was begun. */
  #prepareNext(): void {
    if (this.#next !== undefined || !this.#isNextDue()) return;
    if (this.#preparer.isPreparing) {
      if (this.#current.end > (this.#current.allocatedBytes / 4) * 3) this.#preparer.hurry();
    } else if (!this.#isNextRefused) {
      this.#prepare();
    }
  }

  #prepare(): void {
    if (this.#isClosing || this.#hasFailed || this.#preparer.isPreparing) return;
    const bytes = Math.min(this.#settings.segmentBytes, this.#current.allocatedBytes * growthFactor);
    // What is kept for others may be used where it frees more.
    const isScarce = this.#isNextRefused && this.#state.hasGarbage();
    this.#preparer.start(this.#current.segment + 1, { bytes, isScarce }, this.#onPrepared);
  }

  readonly #onPrepared = (result: Preparation): void => {
    if (result.kind === "failed") {
      this.fail("the log's next segment could not be prepared", result.error);
    } else if (result.kind === "full") {
      this.#isNextRefused = true;
      this.#noteFull("ENOSPC");
    } else if (result.kind === "ready") {
      this.#next = result.segment;
      this.#isNextRefused = false;
      this.#isHolding = false;
      this.#noteSpace();
      this.#tryAgain();
    }
  };

  /** Not a timer a batch: one that is armed looks, when it fires, whether the log has been idle long enough. */
  #armIdleMark(): void {
    if (this.#idleTimer !== undefined || this.#isClosing || this.#hasFailed) return;
    if (!this.#isMarkMissing && this.queue.length === 0) return;
    const idleMs = this.#place.clock.nowMs() - this.#lastWriteMs;
    const delayMs = Math.max(0, this.#settings.idleMarkMs - idleMs);
    this.#idleTimer = this.#place.clock.setTimer(delayMs, this.#onIdle);
  }

  readonly #onIdle = (): void => {
    this.#idleTimer = undefined;
    if (this.#underWay !== undefined || this.#isFullReported) return;
    const idleMs = this.#place.clock.nowMs() - this.#lastWriteMs;
    if (idleMs < this.#settings.idleMarkMs) this.#armIdleMark();
    else if (this.#isMarkMissing || this.queue.length > 0) this.#start();
  };

  #cancelTimers(): void {
    this.#idleTimer?.cancel();
    this.#retryTimer?.cancel();
    this.#idleTimer = undefined;
    this.#retryTimer = undefined;
  }

  async #close(): Promise<void> {
    this.#cancelTimers();
    await this.#preparer.stop();
    if (this.queue.urgentCount > 0) this.#start();
    await this.#still();
    if (this.#isMarkMissing || this.queue.length > 0) this.#start();
    await this.#still();
    this.#hasFailed = true;
    await Promise.all([...this.#closings, closeFile(this.#current.file)]);
    if (this.#next !== undefined) await closeFile(this.#next.file);
  }

  /** Resolves when no write is under way and none starts by itself. */
  async #still(): Promise<void> {
    if (this.#underWay === undefined) return;
    await new Promise<void>((resolve) => {
      this.#onStill = resolve;
    });
  }

  #noteStill(): void {
    if (this.#underWay !== undefined) return;
    this.#onStill?.();
    this.#onStill = undefined;
  }
}

/** All that matters has been synced before. */
async function closeFile(file: DiskFile): Promise<void> {
  try {
    await file.close();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}
