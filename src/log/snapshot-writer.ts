import { crc32 } from "node:zlib";
import { assert, type Clock, type Disk, DiskError, type DiskFile } from "../platform/index.ts";
import { isOutOfSpace, sync, write } from "./disk-steps.ts";
import type { LogIdentity } from "./format.ts";
import { SnapshotNotWrittenError } from "./log-errors.ts";
import { bulkPieceBytes, Pauses } from "./pauses.ts";
import type { SnapshotMeta, SnapshotWriter, StoredSnapshot } from "./snapshot.ts";
import {
  encodeSnapshotHeader,
  sealSnapshotBlock,
  snapshotBlockBytes,
  snapshotBlockHeaderBytes,
  snapshotHeaderBytes,
  snapshotName,
  snapshotSeed,
} from "./snapshot-file.ts";
import type { Turns } from "./turns.ts";

/** What a writer needs of the log around it. */
export interface SnapshotWriterHost {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly directory: string;
  readonly identity: LogIdentity;
  /** Of all snapshots that are being written: the disk gets one piece after the other. */
  readonly turns: Turns;
  /** The disk failed for good: the process ends (CONSENSUS D-4). */
  fail(what: string, error: DiskError): void;
  /** The file is durable under its own name. */
  written(file: WrittenSnapshot): Promise<void>;
  /** It was aborted when its file had its name. False: the file is in use, and stays. */
  release(snapshot: StoredSnapshot): boolean;
  closed(writer: SnapshotFileWriter): void;
}

export interface WrittenSnapshot {
  readonly group: number;
  readonly snapshot: StoredSnapshot;
  readonly path: string;
}

export interface SnapshotTarget {
  readonly group: number;
  readonly meta: SnapshotMeta;
  /** Tells the files apart that one run writes for the same place. */
  readonly serial: number;
}

/**
 * Writes a snapshot's file beside: pieces of some blocks, each synced and followed by a pause, then the header. Only when all
 * of it is synced does it get its name, and the directory is synced (CONSENSUS N-1).
 */
export class SnapshotFileWriter implements SnapshotWriter {
  readonly meta: SnapshotMeta;
  readonly group: number;

  constructor(host: SnapshotWriterHost, target: SnapshotTarget) {
    const { group, meta, serial } = target;
    const { index, term } = meta;
    this.#host = host;
    this.group = group;
    this.meta = meta;
    this.#path = `${host.directory}/${snapshotName({ group, index }, serial)}`;
    this.#finalPath = `${host.directory}/${snapshotName({ group, index })}`;
    this.#seed = snapshotSeed(host.identity, { group, index, term });
    this.#position = snapshotHeaderBytes(meta);
    this.#pauses = new Pauses(host.clock);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  write(chunk: Uint8Array): Promise<void> {
    assert(this.#state !== "committing", "a snapshot is written before it is committed");
    return this.#busy(() => this.#take(chunk));
  }

  commit(): Promise<void> {
    assert(this.#state !== "committing", "a snapshot is committed once");
    if (this.#state === "open") this.#state = "committing";
    return this.#busy(() => this.#commit());
  }

  async abort(): Promise<void> {
    if (this.#state === "aborted") return this.#aborted;
    this.#state = "aborted";
    this.#pauses.skip();
    this.#aborted = this.#abort();
    return this.#aborted;
  }

  readonly #host: SnapshotWriterHost;
  readonly #path: string;
  readonly #finalPath: string;
  readonly #seed: number;
  readonly #pauses: Pauses;
  readonly #piece: Uint8Array = new Uint8Array(bulkPieceBytes);
  /** Bytes of the piece that are filled, room for the header of the block under way included. */
  #filled = snapshotBlockHeaderBytes;
  #blockNumber = 0;
  /** Where the piece goes. */
  #position: number;
  #sizeBytes = 0;
  #checksum = 0;
  #file: DiskFile | undefined;
  #snapshot: StoredSnapshot | undefined;
  #state: "open" | "committing" | "aborted" = "open";
  #isFailed = false;
  #isRenamed = false;
  /** The file is the store's: a record that names it is on its way, or will be. */
  #isHandedOver = false;
  #isCommitted = false;
  #underWay: Promise<void> | undefined;
  #aborted: Promise<void> = Promise.resolve();

  #busy(work: () => Promise<void>): Promise<void> {
    assert(this.#underWay === undefined, "one call of a snapshot's writer at a time");
    assert(!this.#isFailed, "a snapshot that could not be written is only aborted");
    const running = this.#guarded(work).finally(() => {
      this.#underWay = undefined;
    });
    this.#underWay = running;
    return running;
  }

  /** A full disk is no failed disk; what cannot be written or synced otherwise is (CONSENSUS D-4). */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      if (!this.#isAborted()) await work();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#isFailed = true;
      const isFatal = error.operation === "sync" || (error.operation === "write" && !isOutOfSpace(error));
      if (isFatal) this.#host.fail("a snapshot could not be written", error);
      else await this.#removeFile();
      throw new SnapshotNotWrittenError(this.#path, { group: this.group, cause: error });
    }
    if (this.#isAborted() && !this.#isHandedOver) throw new SnapshotNotWrittenError(this.#path, { group: this.group });
  }

  async #take(chunk: Uint8Array): Promise<void> {
    this.#checksum = crc32(chunk, this.#checksum);
    this.#sizeBytes += chunk.length;
    for (let at = 0; at < chunk.length && !this.#isAborted(); ) {
      const blockEnd = Math.ceil(this.#filled / snapshotBlockBytes) * snapshotBlockBytes;
      const count = Math.min(chunk.length - at, blockEnd - this.#filled);
      this.#piece.set(chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === blockEnd) await this.#endBlock();
    }
  }

  async #endBlock(): Promise<void> {
    this.#seal();
    if (this.#filled === bulkPieceBytes) await this.#putPiece();
    this.#filled += snapshotBlockHeaderBytes;
  }

  #seal(): void {
    const start = Math.floor((this.#filled - 1) / snapshotBlockBytes) * snapshotBlockBytes;
    sealSnapshotBlock(this.#piece.subarray(start, this.#filled), this.#blockNumber, this.#seed);
    this.#blockNumber++;
  }

  async #putPiece(): Promise<void> {
    const file = await this.#open();
    const startMs = this.#host.clock.nowMs();
    const bytes = this.#piece.subarray(0, this.#filled);
    await this.#host.turns.take(async () => {
      await write(file, bytes, this.#position);
      await sync(file);
    });
    this.#position += bytes.length;
    this.#filled = 0;
    if (this.#state === "open") await this.#pauses.rest(this.#host.clock.nowMs() - startMs);
  }

  async #open(): Promise<DiskFile> {
    this.#file ??= await this.#host.disk.open(this.#path, "create");
    return this.#file;
  }

  async #commit(): Promise<void> {
    const { disk, directory, identity } = this.#host;
    const blockBytes = ((this.#filled - 1) % snapshotBlockBytes) + 1;
    if (blockBytes > snapshotBlockHeaderBytes) this.#seal();
    else this.#filled -= snapshotBlockHeaderBytes;
    if (this.#filled > 0) await this.#putPiece();
    const snapshot = { ...this.meta, sizeBytes: this.#sizeBytes, checksum: this.#checksum };
    this.#snapshot = snapshot;
    const file = await this.#open();
    await write(file, encodeSnapshotHeader(identity, this.group, snapshot), 0);
    await sync(file);
    await file.close();
    if (this.#isAborted()) return;
    await disk.rename(this.#path, this.#finalPath);
    this.#isRenamed = true;
    await disk.syncDirectory(directory);
    if (this.#isAborted()) return;
    this.#isHandedOver = true;
    await this.#host.written({ group: this.group, snapshot, path: this.#finalPath });
    this.#isCommitted = true;
    this.#host.closed(this);
  }

  #isAborted(): boolean {
    return this.#state === "aborted";
  }

  async #abort(): Promise<void> {
    // Its name may stand in the log any moment.
    if (this.#isHandedOver && !this.#isCommitted) return;
    try {
      await this.#underWay;
    } catch (error) {
      if (!(error instanceof SnapshotNotWrittenError)) throw error;
    }
    await this.#removeFile();
    this.#host.closed(this);
  }

  /** A file that cannot be removed is in nobody's way: the next start tries again. */
  async #removeFile(): Promise<void> {
    if (this.#file === undefined) return;
    if (this.#isRenamed && this.#snapshot !== undefined && !this.#host.release(this.#snapshot)) return;
    try {
      await this.#file.close();
      await this.#host.disk.remove(this.#isRenamed ? this.#finalPath : this.#path);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }
}
