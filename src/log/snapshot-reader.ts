import { assert, type Disk, DiskError, type DiskFile } from "../platform/index.ts";
import { SnapshotDamagedError } from "./log-errors.ts";
import type { SnapshotReader, StoredSnapshot } from "./snapshot.ts";
import {
  openSnapshotBlock,
  snapshotBlockBytes,
  snapshotBlockDataBytes,
  snapshotBlockHeaderBytes,
  snapshotHeaderBytes,
} from "./snapshot-file.ts";

export interface SnapshotReaderHost {
  readonly disk: Disk;
  /** The system had no file to spare, or the like; resolves when it may be tried again. */
  troubled(error: DiskError): Promise<void>;
  /** This reader needs the file no longer. */
  closed(reader: SnapshotReader): Promise<void>;
}

export interface SnapshotSourceFile {
  readonly group: number;
  readonly snapshot: StoredSnapshot;
  readonly path: string;
  readonly seed: number;
}

/** Read at once, whatever was asked for: a promise for memory. */
const readBytesMax = 4 * 1_048_576;
/** Further tries tell a passing fault of the disk from bytes that are lost. */
const readTriesMax = 3;
const lossCodes: ReadonlySet<string> = new Set(["EIO", "ENOENT"]);

/** Reads a snapshot's file. Every block is verified, each time it is read. */
export class SnapshotFileReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;

  constructor(host: SnapshotReaderHost, source: SnapshotSourceFile) {
    this.#host = host;
    this.#source = source;
    this.snapshot = source.snapshot;
    this.#dataStart = snapshotHeaderBytes(source.snapshot);
  }

  async read(offset: number, bytesMax: number): Promise<Uint8Array> {
    assert(!this.#isClosed, "a snapshot is read before its reader is closed");
    assert(offset >= 0 && bytesMax > 0, "a read goes forward, by some bytes");
    const end = Math.min(offset + Math.min(bytesMax, readBytesMax), this.snapshot.sizeBytes);
    if (offset >= end) return new Uint8Array(0);
    for (let tries = 1; ; ) {
      const result = await this.#readBlocks(offset, end);
      if (result instanceof Uint8Array) return result;
      if (result instanceof SnapshotDamagedError) {
        if (tries === readTriesMax) throw result;
        tries++;
      } else {
        await this.#host.troubled(result);
        if (this.#isClosed) throw result;
      }
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await (await this.#file)?.close();
    } catch {
      // Whoever reads hears of a failed open; nothing was written through the file.
    }
    await this.#host.closed(this);
  }

  readonly #host: SnapshotReaderHost;
  readonly #source: SnapshotSourceFile;
  readonly #dataStart: number;
  #file: Promise<DiskFile> | undefined;
  #isClosed = false;

  async #readBlocks(offset: number, end: number): Promise<Uint8Array | SnapshotDamagedError | DiskError> {
    const first = Math.floor(offset / snapshotBlockDataBytes);
    const last = Math.floor((end - 1) / snapshotBlockDataBytes);
    const lastDataBytes = Math.min(snapshotBlockDataBytes, this.snapshot.sizeBytes - last * snapshotBlockDataBytes);
    const length = (last - first) * snapshotBlockBytes + snapshotBlockHeaderBytes + lastDataBytes;
    const position = this.#dataStart + first * snapshotBlockBytes;
    let bytes: Uint8Array;
    try {
      bytes = await (await this.#open()).read(position, length);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return lossCodes.has(error.code) ? this.#damage(position, "the disk does not give it back", error) : error;
    }
    const result = new Uint8Array(end - offset);
    for (let block = first; block <= last; block++) {
      const at = (block - first) * snapshotBlockBytes;
      const stored = bytes.subarray(at, Math.min(at + snapshotBlockBytes, length));
      const data = openSnapshotBlock(stored, block, this.#source.seed);
      if (data === undefined) return this.#damage(position + at, "a block fails its checksum");
      const dataOffset = block * snapshotBlockDataBytes;
      const from = Math.max(offset, dataOffset);
      result.set(data.subarray(from - dataOffset, end - dataOffset), from - offset);
    }
    return result;
  }

  #open(): Promise<DiskFile> {
    this.#file ??= this.#openAnew();
    return this.#file;
  }

  async #openAnew(): Promise<DiskFile> {
    try {
      return await this.#host.disk.open(this.#source.path, "read");
    } catch (error) {
      this.#file = undefined;
      throw error;
    }
  }

  #damage(offset: number, what: string, cause?: DiskError): SnapshotDamagedError {
    return new SnapshotDamagedError({ group: this.#source.group, path: this.#source.path, offset }, what, { cause });
  }
}
