import { DiskError, mark } from "../platform/index.ts";
import { checksumSeed, type LogIdentity } from "./format.ts";
import type { BatchPlace } from "./position-index.ts";
import type { SegmentReads } from "./segment-files.ts";
import { VerifiedBatch } from "./verified-batch.ts";

/** Further tries tell a passing fault of the disk from bytes that are lost. */
export const readTriesMax = 3;

/** The bytes cannot be read, or their file is gone. */
export const lossCodes: ReadonlySet<string> = new Set(["EIO", "ENOENT"]);

/** A batch that is to be read: whole, or what is wrong with it. */
export type ReadBatch = { readonly batch: VerifiedBatch } | { readonly loss: string };

export type BatchesRead =
  | { readonly batches: readonly ReadBatch[] }
  /** The system had no file to spare, or something else that says nothing of the bytes: to be tried again later. */
  | { readonly trouble: DiskError };

/** Reads whole batches back, whosever records they hold. Each one's checksum is verified (CONSENSUS D-8). */
export class BatchReads {
  constructor(reads: SegmentReads, identity: LogIdentity) {
    this.#reads = reads;
    this.#identity = identity;
  }

  /**
   * Batches of one segment, one at least, in the order in which they lie there: by one read, with what lies between them.
   * Those that prove bad are read again, each by itself.
   */
  async read(places: readonly BatchPlace[]): Promise<BatchesRead> {
    mark("an entry is fetched from the disk");
    const [first, last] = [places[0] as BatchPlace, places.at(-1) as BatchPlace];
    const { segment, offset } = first;
    const stretch = await this.#read({ segment, offset, bytes: last.offset + last.bytes - offset });
    if (stretch instanceof DiskError) return { trouble: stretch };
    const batches: ReadBatch[] = [];
    for (const place of places) {
      const start = place.offset - offset;
      let found = this.#verify(stretch?.subarray(start, start + place.bytes), place);
      for (let tries = 2; "loss" in found && tries <= readTriesMax; tries++) {
        const bytes = await this.#read(place);
        if (bytes instanceof DiskError) return { trouble: bytes };
        found = this.#verify(bytes, place);
      }
      batches.push(found);
    }
    return { batches };
  }

  path(segment: number): string {
    return this.#reads.path(segment);
  }

  readonly #reads: SegmentReads;
  readonly #identity: LogIdentity;

  /** Undefined: the disk does not give it back. */
  async #read({ segment, offset, bytes }: BatchPlace): Promise<Uint8Array | undefined | DiskError> {
    try {
      return await this.#reads.read(segment, offset, bytes);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return lossCodes.has(error.code) ? undefined : error;
    }
  }

  #verify(bytes: Uint8Array | undefined, place: BatchPlace): ReadBatch {
    if (bytes === undefined) return { loss: "the disk does not give it back" };
    const batch = VerifiedBatch.of(bytes, checksumSeed(this.#identity, place.segment), place.offset);
    return batch === undefined ? { loss: "a batch of entries fails its checksum" } : { batch };
  }
}
