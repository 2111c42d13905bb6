import { RingError } from "./exact-ring.ts";
import { slotCount } from "./hash-slot.ts";

/** More shards than this would cost every node more than they bring. */
export const shardsMax = 1_024;

/** Slots from `first` up to and including `last`. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The slots divided over a fixed number of shards, numbered from 0: ranges in order, whose sizes differ by one at most. A
 * pure function of the number, so that all nodes and all versions agree.
 */
export class SlotRanges {
  readonly shardCount: number;

  /** @throws RingError (RING) when `shardCount` is not a whole number from 1 to {@link shardsMax} */
  constructor(shardCount: number) {
    if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > shardsMax) {
      throw new RingError(`slots are divided over 1 to ${shardsMax} shards, not ${shardCount}`);
    }
    this.shardCount = shardCount;
    for (let shard = 0; shard < shardCount; shard++) {
      const { first, last } = this.rangeOf(shard);
      this.#shards.fill(shard, first, last + 1);
    }
  }

  /** The shard that keeps the keys of `slot`. */
  shardOf(slot: number): number {
    return this.#shards[slot] as number;
  }

  /** The slots of `shard`. */
  rangeOf(shard: number): SlotRange {
    return { first: this.#firstOf(shard), last: this.#firstOf(shard + 1) - 1 };
  }

  readonly #shards: Uint16Array = new Uint16Array(slotCount);

  #firstOf(shard: number): number {
    return Math.floor((shard * slotCount) / this.shardCount);
  }
}
