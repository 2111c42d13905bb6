import type { Clock, Disk, DiskFile } from "../platform/index.ts";
import { isOutOfSpace, sync, write } from "./disk-steps.ts";
import { blockBytes } from "./format.ts";
import { bulkPieceBytes, Pauses } from "./pauses.ts";
import { segmentPath } from "./segment-files.ts";

/** A segment full of zeros, synced, under its own name. */
export interface PreparedSegment {
  readonly segment: number;
  readonly file: DiskFile;
  readonly allocatedBytes: number;
}

export interface PreparerOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly directory: string;
  /** Space that is left to others: with less free the disk counts as full. */
  readonly freeBytesMin: number;
}

export type Preparation =
  | { readonly kind: "ready"; readonly segment: PreparedSegment }
  | { readonly kind: "full" }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly error: unknown };

/** A full disk may still have room for a smaller segment, as long as its reserve is worth something. */
const segmentBytesMin = 16 * 1_048_576;
const scarceBytesMin = 262_144;

export interface WantedSegment {
  readonly bytes: number;
  /** Its header frees space: it may be smaller, and take what is left to others. */
  readonly isScarce: boolean;
}

/**
 * Makes the next segment in the background: zeros, written piece by piece, each synced and followed by a pause. It gets its
 * name only when it is whole.
 */
export class SegmentPreparer {
  constructor(options: PreparerOptions) {
    this.#options = options;
    this.#pauses = new Pauses(options.clock);
  }

  get isPreparing(): boolean {
    return this.#running !== undefined;
  }

  /** `done` is called once, later. Only one preparation at a time. */
  start(segment: number, wanted: WantedSegment, done: (result: Preparation) => void): void {
    this.#pauses.restore();
    const running = this.#prepare(segment, wanted).then((result) => {
      this.#running = undefined;
      done(result);
    });
    this.#running = running;
  }

  /** Leaves out the pauses from now on: the log needs the segment soon. */
  hurry(): void {
    this.#pauses.skip();
  }

  /** Stops, and waits until it has. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#pauses.skip();
    await this.#running;
  }

  readonly #options: PreparerOptions;
  #running: Promise<void> | undefined;
  readonly #pauses: Pauses;
  #isStopped = false;

  async #prepare(segment: number, wanted: WantedSegment): Promise<Preparation> {
    const { disk, directory } = this.#options;
    const path = segmentPath(directory, { segment, kind: "preparing" });
    let isCreated = false;
    try {
      const allocatedBytes = await this.#affordableBytes(wanted);
      if (allocatedBytes === 0) return { kind: "full" };
      const file = await disk.open(path, "create");
      isCreated = true;
      const isWhole = await this.#fill(file, allocatedBytes);
      await file.close();
      if (!isWhole) return await this.#abandon(path, { kind: "stopped" });
      const finalPath = segmentPath(directory, { segment, kind: "segment" });
      await disk.rename(path, finalPath);
      await disk.syncDirectory(directory);
      return { kind: "ready", segment: { segment, file: await disk.open(finalPath, "write"), allocatedBytes } };
    } catch (error) {
      if (!isOutOfSpace(error)) return { kind: "failed", error };
      return isCreated ? await this.#abandon(path, { kind: "full" }) : { kind: "full" };
    }
  }

  /** 0: not even a small segment would leave enough. */
  async #affordableBytes({ bytes: wantedBytes, isScarce }: WantedSegment): Promise<number> {
    const { disk, directory, freeBytesMin } = this.#options;
    const freeBytes = (await disk.freeBytes(directory)) - (isScarce ? 0 : freeBytesMin);
    const leastBytes = Math.min(wantedBytes, isScarce ? scarceBytesMin : segmentBytesMin);
    for (let bytes = wantedBytes; bytes >= leastBytes; bytes = Math.floor(bytes / 2 / blockBytes) * blockBytes) {
      if (bytes <= freeBytes) return bytes;
    }
    return 0;
  }

  /** False if it was stopped. Closes the file on an error. */
  async #fill(file: DiskFile, bytes: number): Promise<boolean> {
    const zeros = new Uint8Array(bulkPieceBytes);
    try {
      for (let at = 0; at < bytes; at += bulkPieceBytes) {
        if (this.#isStopped) return false;
        const startMs = this.#options.clock.nowMs();
        await write(file, zeros.subarray(0, Math.min(bulkPieceBytes, bytes - at)), at);
        await sync(file);
        await this.#pauses.rest(this.#options.clock.nowMs() - startMs);
      }
      return true;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #abandon(path: string, result: Preparation): Promise<Preparation> {
    try {
      await this.#options.disk.remove(path);
    } catch (error) {
      return { kind: "failed", error };
    }
    return result;
  }
}
