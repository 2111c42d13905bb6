import type { Disk, DiskFile } from "../platform/index.ts";

const namePattern = /^(\d{12})\.(segment|preparing|opening)$/;

/** What stands in the name of a file of the log. */
export interface SegmentName {
  readonly segment: number;
  readonly kind: "segment" | "preparing" | "opening";
}

export function segmentPath(directory: string, name: SegmentName): string {
  return `${directory}/${String(name.segment).padStart(12, "0")}.${name.kind}`;
}

/** Undefined for a name that the log does not give. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = namePattern.exec(name);
  if (match === null) return undefined;
  const [, digits, kind] = match;
  if (kind !== "segment" && kind !== "preparing" && kind !== "opening") return undefined;
  return { segment: Number(digits), kind };
}

const openFilesMax = 4;

/** Reads from segments, keeping the last few open. */
export class SegmentReads {
  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  path(segment: number): string {
    return segmentPath(this.#directory, { segment, kind: "segment" });
  }

  /** Fewer bytes only at the end of the file. Rejects with DiskError. */
  async read(segment: number, offset: number, length: number): Promise<Uint8Array> {
    const file = await this.#open(segment);
    return file.read(offset, length);
  }

  /** The segment's file is about to be removed: it is not kept open. */
  async forget(segment: number): Promise<void> {
    const file = this.#files.get(segment);
    this.#files.delete(segment);
    if (file !== undefined) await closeQuietly(file);
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(files.map(closeQuietly));
  }

  readonly #disk: Disk;
  readonly #directory: string;
  /** The last used comes last. */
  readonly #files: Map<number, Promise<DiskFile>> = new Map();

  #open(segment: number): Promise<DiskFile> {
    const opened = this.#files.get(segment) ?? this.#openAnew(segment);
    this.#files.delete(segment);
    this.#files.set(segment, opened);
    for (const [oldest, file] of this.#files) {
      if (this.#files.size <= openFilesMax) break;
      this.#files.delete(oldest);
      void closeQuietly(file);
    }
    return opened;
  }

  async #openAnew(segment: number): Promise<DiskFile> {
    try {
      return await this.#disk.open(this.path(segment), "read");
    } catch (error) {
      this.#files.delete(segment);
      throw error;
    }
  }
}

/** Nothing was written through these files, so that an error on closing them means nothing. */
async function closeQuietly(opening: Promise<DiskFile>): Promise<void> {
  try {
    await (await opening).close();
  } catch {
    // Whoever waits for the file hears of a failed open.
  }
}
