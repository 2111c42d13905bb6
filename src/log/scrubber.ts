/**
 * Reads back all that the log still needs, entries and snapshots, from time to time, so that bytes which rot are noticed while the
 * peers still have them, and not when the last good copy is gone (CONSENSUS D-8). Each checksum is verified as it is
 * whenever something is read, and damage goes the same way. Pieces are small and far enough apart to leave the disk to others.
 *
 * A start reads everything too: the first round comes an interval later. What the system still holds in its memory is
 * read from there, which says nothing of the disk; of files that nobody has touched for a week little is.
 */
import { assert, type Clock, DiskError, type Logger, mark, type Timer } from "../platform/index.ts";
import type { LogIndex } from "../raft/index.ts";
import { SnapshotDamagedError } from "./log-errors.ts";
import { bulkPieceBytes } from "./pauses.ts";
import type { SnapshotReader } from "./snapshot.ts";
import type { StoredGroup, Verified } from "./stored-group.ts";

export interface ScrubSettings {
  /** From the beginning of one round to that of the next; 0: never. Default 7 days, at most 24. */
  readonly scrubIntervalMs: number;
  /** How much is read a second, at most. Default 4 MiB. */
  readonly scrubBytesPerSecond: number;
}

const dayMs = 86_400_000;
/** A longer timer than this comes at once, in Node. */
const intervalMsMax = 24 * dayMs;

export const scrubDefaults: ScrubSettings = { scrubIntervalMs: 7 * dayMs, scrubBytesPerSecond: 4 * 1_048_576 };

/** What the scrubbing of this run has come to; plain values. */
export interface ScrubStatus {
  readonly isRunning: boolean;
  /** Rounds that were finished. */
  readonly roundCount: number;
  /** When the last one was, in milliseconds since the Unix epoch; null before that. */
  readonly lastRoundWallMs: number | null;
  /** Bytes read back in all rounds. */
  readonly readBytes: number;
  /** Groups of which something was found damaged, each time that it was. */
  readonly damageCount: number;
}

export interface ScrubberHost {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Spreads the first rounds of nodes that were started together. */
  readonly nodeId: number;
  groups(): Iterable<StoredGroup>;
  openSnapshot(group: number): SnapshotReader | undefined;
  /** Entries up to `index` are damaged, and a durable snapshot holds them: they are not needed. */
  cut(group: number, index: LogIndex): void;
  snapshotDamaged(error: SnapshotDamagedError): void;
}

export class Scrubber {
  constructor(host: ScrubberHost, settings: ScrubSettings) {
    const { scrubIntervalMs, scrubBytesPerSecond } = settings;
    assert(scrubIntervalMs >= 0 && scrubIntervalMs <= intervalMsMax, "a round of scrubbing comes within 24 days");
    assert(scrubBytesPerSecond > 0, "scrubbing reads something");
    this.#host = host;
    this.#settings = settings;
    // Between half an interval and a whole one.
    if (scrubIntervalMs > 0) this.#arm(scrubIntervalMs * (1 - (host.nodeId % 8) / 16));
  }

  get status(): ScrubStatus {
    return {
      isRunning: this.#running !== undefined,
      roundCount: this.#roundCount,
      lastRoundWallMs: this.#lastRoundWallMs,
      readBytes: this.#readBytes,
      damageCount: this.#damageCount,
    };
  }

  /** Ends as soon as what is being read has been. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#endPause?.();
    await this.#reader?.close();
    await this.#running;
  }

  readonly #host: ScrubberHost;
  readonly #settings: ScrubSettings;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #endPause: (() => void) | undefined;
  #reader: SnapshotReader | undefined;
  #isClosed = false;
  #roundCount = 0;
  #lastRoundWallMs: number | null = null;
  #readBytes = 0;
  #damageCount = 0;

  #arm(delayMs: number): void {
    this.#timer = this.#host.clock.setTimer(delayMs, () => {
      const startedMs = this.#host.clock.nowMs();
      this.#running = this.#round().finally(() => {
        this.#running = undefined;
        const tookMs = this.#host.clock.nowMs() - startedMs;
        if (!this.#isClosed) this.#arm(Math.max(0, this.#settings.scrubIntervalMs - tookMs));
      });
    });
  }

  async #round(): Promise<void> {
    const { clock, logger } = this.#host;
    const before = { bytes: this.#readBytes, damageCount: this.#damageCount, ms: clock.nowMs() };
    for (const group of [...this.#host.groups()].sort((one, other) => one.group - other.group)) {
      await this.#readEntries(group);
      await this.#readSnapshot(group);
    }
    if (this.#isClosed) return;
    this.#roundCount++;
    this.#lastRoundWallMs = clock.wallMs();
    mark("all that is stored was read back");
    logger.log("info", "all that is stored was read back", {
      bytes: this.#readBytes - before.bytes,
      damaged: this.#damageCount - before.damageCount,
      durationMs: Math.round(clock.nowMs() - before.ms),
    });
  }

  async #readEntries(group: StoredGroup): Promise<void> {
    for (let index = group.firstIndex; !this.#isClosed; ) {
      const startedMs = this.#host.clock.nowMs();
      const read: Verified = await group.verifyStored(index, bulkPieceBytes);
      if (read.kind === "damaged" || read.kind === "spare") this.#damageCount++;
      if (read.kind === "damaged" || read.kind === "end") return;
      if (read.kind === "spare") this.#host.cut(group.group, read.lastIndex);
      index = read.kind === "spare" ? read.lastIndex + 1 : read.nextIndex;
      await this.#rest(read.kind === "spare" ? bulkPieceBytes : read.bytes, startedMs);
    }
  }

  /** Another one that takes its place meanwhile was written just now, and will be read the next time. */
  async #readSnapshot(group: StoredGroup): Promise<void> {
    if (this.#isClosed || group.isDamaged) return;
    const reader = this.#host.openSnapshot(group.group);
    if (reader === undefined) return;
    this.#reader = reader;
    try {
      for (let at = 0; !this.#isClosed && group.snapshot === reader.snapshot; ) {
        const startedMs = this.#host.clock.nowMs();
        const { length }: Uint8Array = await reader.read(at, bulkPieceBytes);
        if (length === 0) break;
        at += length;
        await this.#rest(length, startedMs);
      }
    } catch (error) {
      if (this.#isClosed && error instanceof DiskError) return;
      if (!(error instanceof SnapshotDamagedError)) throw error;
      if (group.snapshot !== reader.snapshot) return;
      this.#damageCount++;
      this.#host.snapshotDamaged(error);
    } finally {
      this.#reader = undefined;
      await reader.close();
    }
  }

  /** Until the next piece may be read. */
  async #rest(bytes: number, startedMs: number): Promise<void> {
    this.#readBytes += bytes;
    if (this.#isClosed) return;
    const spentMs = this.#host.clock.nowMs() - startedMs;
    const delayMs = Math.max(1, (bytes * 1_000) / this.#settings.scrubBytesPerSecond - spentMs);
    await new Promise<void>((resolve) => {
      const timer = this.#host.clock.setTimer(delayMs, resolve);
      this.#endPause = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#endPause = undefined;
  }
}
