import { type BatchHeader, batchFixedBytes, batchHeaderBytes, decodeBatchHeader, isBatchBody } from "./batch-header.ts";
import type { BlockReader } from "./block-reader.ts";
import { batchMagic, blockBytes, checksumSeed, type LogIdentity, viewOf } from "./format.ts";

/** A batch as it stands in a file. */
export interface StoredBatch {
  readonly position: number;
  readonly header: BatchHeader;
  /** Undefined if it fails its checksum. A view, valid until the scanner goes on. */
  readonly body: Uint8Array | undefined;
}

/** Finds batches in one segment. */
export class SegmentScanner {
  readonly segment: number;
  readonly reader: BlockReader;
  readonly seed: number;

  constructor(segment: number, reader: BlockReader, identity: LogIdentity) {
    this.segment = segment;
    this.reader = reader;
    this.seed = checksumSeed(identity, segment);
  }

  /** The batch that begins at `position`; undefined where no header stands that is whole. */
  async batchAt(position: number): Promise<StoredBatch | undefined> {
    const header = await this.headerAt(position);
    if (header === undefined) return undefined;
    const { headerBytes, bodyBytes } = header;
    const whole = await this.reader.get(position, headerBytes + bodyBytes);
    const body = whole.subarray(headerBytes);
    return { position, header, body: isBatchBody(header, body, this.seed) ? body : undefined };
  }

  async headerAt(position: number): Promise<BatchHeader | undefined> {
    if (position >= this.reader.sizeBytes) return undefined;
    const fixed = this.reader.view(position, batchFixedBytes) ?? (await this.reader.load(position, batchFixedBytes));
    const headerBytes = batchHeaderBytes(viewOf(fixed), 0);
    if (headerBytes === 0) return undefined;
    return decodeBatchHeader(await this.reader.get(position, headerBytes), this.seed, position);
  }

  /** Where the next header stands that is whole, from `position` on; undefined if there is none in the file. */
  async findHeader(position: number): Promise<number | undefined> {
    for (let at = position; at < this.reader.sizeBytes; at += blockBytes) {
      const magic = this.reader.view(at, 4) ?? (await this.reader.load(at, 4));
      if (viewOf(magic).getUint32(0, true) !== batchMagic) continue;
      if ((await this.headerAt(at)) !== undefined) return at;
    }
    return undefined;
  }

  /**
   * How far this segment itself proves that it was synced: the highest sync mark for it in any header that is whole, be
   * its body torn or not and whatever lies between; undefined if there is none. Also where the last batch ends.
   */
  async proof(start: number): Promise<{ readonly syncedUpTo: number | undefined; readonly lastEnd: number }> {
    let syncedUpTo: number | undefined;
    let lastEnd = start;
    for (let at = await this.findHeader(start); at !== undefined; at = await this.findHeader(lastEnd)) {
      const header = await this.headerAt(at);
      if (header === undefined) break;
      const { segment, offset } = header.syncMark;
      if (segment === this.segment && offset <= at) syncedUpTo = Math.max(syncedUpTo ?? 0, offset);
      lastEnd = at + header.totalBytes;
    }
    return { syncedUpTo, lastEnd };
  }
}
