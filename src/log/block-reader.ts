import { DiskError, type DiskFile } from "../platform/index.ts";
import { blockBytes } from "./format.ts";

/** How much is read at once. Large, so that a start reads at the disk's own speed. */
const chunkBytes = 4 * 1_048_576;

/**
 * Reads a file from front to back in large chunks. What lies behind the end, and blocks that the disk does not give back
 * (EIO, twice), read as zeros; the latter are remembered.
 */
export class BlockReader {
  readonly sizeBytes: number;
  /** Start of each block that could not be read. */
  readonly unreadable: number[] = [];

  constructor(file: DiskFile, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  /** The bytes, if they are in the chunk at hand: a view, valid until the next {@link load}. */
  view(position: number, length: number): Uint8Array | undefined {
    const start = position - this.#start;
    if (start < 0 || start + length > this.#chunk.length) return undefined;
    return this.#chunk.subarray(start, start + length);
  }

  /** Reads a chunk that begins at `position`, a block's start, and holds `length` bytes or more. */
  async load(position: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(length, chunkBytes);
    const stored = Math.max(0, Math.min(wanted, this.sizeBytes - position));
    let chunk = await this.#read(position, stored);
    if (chunk.length < length) {
      const filled = new Uint8Array(length);
      filled.set(chunk);
      chunk = filled;
    }
    this.#chunk = chunk;
    this.#start = position;
    return chunk.subarray(0, length);
  }

  /** A view of the bytes, loaded if need be. */
  async get(position: number, length: number): Promise<Uint8Array> {
    return this.view(position, length) ?? (await this.load(position, length));
  }

  readonly #file: DiskFile;
  #chunk: Uint8Array = new Uint8Array(0);
  #start = 0;

  async #read(position: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    for (let tries = 1; tries <= 2; tries++) {
      try {
        return await this.#file.read(position, length);
      } catch (error) {
        if (!(error instanceof DiskError) || error.code !== "EIO") throw error;
      }
    }
    if (length <= blockBytes) {
      this.unreadable.push(position);
      return new Uint8Array(length);
    }
    const half = Math.ceil(length / 2 / blockBytes) * blockBytes;
    const [first, second] = [await this.#read(position, half), await this.#read(position + half, length - half)];
    const whole = new Uint8Array(length);
    whole.set(first);
    whole.set(second, half);
    return whole;
  }
}
