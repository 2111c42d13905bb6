import { CoterieError } from "../platform/index.ts";
import { fnv1a32 } from "./fnv.ts";

/** A ring that cannot be: no nodes, two nodes at one position, a position outside the ring. */
export class RingError extends CoterieError {
  readonly code = "RING";
}

export interface ExactRingOptions {
  /** Positions run from 0 to `size - 1`; a key's is its hash modulo `size`. A whole number from 1 to 2^32; default 256. */
  readonly size?: number;
}

/**
 * Consistent hashing in its plainest form: nodes and keys stand on one ring, and the first node at or after a key, going
 * round past the end to the beginning, is responsible for it (Karger et al. 1997). A node that comes takes over only keys
 * of the node after it; one that goes leaves its keys to that node; no other key moves.
 */
export class ExactRing {
  readonly size: number;
  /** In the order of the ring. */
  readonly positions: readonly number[];

  /** @throws RingError (RING) */
  constructor(positions: Iterable<number>, options: ExactRingOptions = {}) {
    const size = options.size ?? 256;
    if (!Number.isInteger(size) || size < 1 || size > 2 ** 32) {
      throw new RingError(`a ring has from 1 to 2^32 positions, not ${size}`);
    }
    this.size = size;
    this.positions = [...positions].sort((a, b) => a - b);
    if (this.positions.length === 0) throw new RingError("a ring without nodes is responsible for nothing");
    for (const [at, position] of this.positions.entries()) {
      if (!Number.isInteger(position) || position < 0 || position >= size) {
        throw new RingError(`position ${position} is not on a ring of ${size}`);
      }
      if (position === this.positions[at - 1]) throw new RingError(`two nodes stand at position ${position}`);
    }
  }

  /** Where `key` stands: its FNV-1a hash modulo the ring's size. */
  positionOf(key: Uint8Array | string): number {
    return fnv1a32(key) % this.size;
  }

  /** The position of the node that is responsible for `key`. */
  ownerOf(key: Uint8Array | string): number {
    return this.successor(this.positionOf(key));
  }

  /** The position of the first node at or after `position`, going round. */
  successor(position: number): number {
    let low = 0;
    let high = this.positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.positions[middle] as number) < position) low = middle + 1;
      else high = middle;
    }
    return this.positions[low === this.positions.length ? 0 : low] as number;
  }

  /** The ring with one node more. @throws RingError (RING) */
  with(position: number): ExactRing {
    return new ExactRing([...this.positions, position], { size: this.size });
  }

  /** The ring with one node less. @throws RingError (RING) when no node stands there, or it is the last. */
  without(position: number): ExactRing {
    if (!this.positions.includes(position)) throw new RingError(`no node stands at position ${position}`);
    return new ExactRing(
      this.positions.filter((other) => other !== position),
      { size: this.size },
    );
  }
}
