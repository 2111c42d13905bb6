import {
  batchFixedBytes,
  batchGroupBytes,
  batchHeaderBytes,
  decodeBatchSizes,
  isBatchBody,
  isBatchHeader,
} from "./batch-header.ts";
import { getUint53, viewOf } from "./format.ts";

/**
 * A batch that was read back, whose checksums were found right. It tells whose records are in it without an object for each:
 * a batch of many shards lists dozens of groups, and whoever reads entries back looks for some of them.
 */
export class VerifiedBatch {
  /** A view of the bytes it was made from. */
  readonly body: Uint8Array;
  /** Groups that the batch lists; its records name them by their places in that list. */
  readonly groupCount: number;

  /** @param bytes begin with the batch; undefined if they are no whole batch that was written for `position`, with `seed` */
  static of(bytes: Uint8Array, seed: number, position: number): VerifiedBatch | undefined {
    const headerBytes = batchHeaderBytes(viewOf(bytes), 0);
    if (headerBytes === 0 || headerBytes > bytes.length) return undefined;
    const header = bytes.subarray(0, headerBytes);
    if (!isBatchHeader(header, seed, position)) return undefined;
    const sizes = decodeBatchSizes(header);
    const body = bytes.subarray(headerBytes, headerBytes + sizes.bodyBytes);
    return isBatchBody(sizes, body, seed) ? new VerifiedBatch(header, body, sizes.groupCount) : undefined;
  }

  private constructor(header: Uint8Array, body: Uint8Array, groupCount: number) {
    this.#header = viewOf(header);
    this.body = body;
    this.groupCount = groupCount;
  }

  groupAt(slot: number): number {
    return getUint53(this.#header, batchFixedBytes + slot * batchGroupBytes);
  }

  /** The group's place in the list; -1: the batch holds nothing of it. */
  slotOf(group: number): number {
    for (let slot = 0; slot < this.groupCount; slot++) if (this.groupAt(slot) === group) return slot;
    return -1;
  }

  readonly #header: DataView;
}
