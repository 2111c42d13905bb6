import type { BatchBuilder } from "./batch-builder.ts";
import { batchGroupsMax } from "./batch-header.ts";
import { pieceBytesMax, type RecordSet } from "./record-set.ts";
import type { StoredGroup } from "./stored-group.ts";

export interface FillOptions {
  /** The disk is full: what is not vital stays. */
  readonly holdsEntries: boolean;
  /** Save so much of it as stands before something vital. */
  readonly releasedBytesMax: number;
  /** Save so much of it as only frees space, and stands before that. */
  readonly freeingBytesMax: number;
}

const noSets: ReadonlySet<RecordSet> = new Set();

/**
 * Record sets that wait for the disk. A batch takes them in the order in which they came, with two exceptions: large sets
 * get one piece after the other, in turn, so that the small sets of other groups pass them; and while the disk is full, sets
 * with entries wait, save those that are vital or only free space, or stand before such a set of their group. Sets of one group
 * never pass each other.
 */

export class RecordQueue {
  /** @param frees whether an entry's data only free space */
  constructor(frees: (data: Uint8Array) => boolean) {
    this.#frees = frees;
  }

  /** Sets that wait, hints included. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Sets that somebody relies on. */
  get urgentCount(): number {
    return this.#urgentCount;
  }

  push(set: RecordSet): void {
    this.#waiting.push(set);
    if (!set.isHint) this.#urgentCount++;
  }

  /** The oldest segment that holds the beginning of a set that waits; undefined: none has begun. */
  oldestSegment(): number | undefined {
    let oldest: number | undefined;
    for (const { earlierPlaces } of this.#waiting) {
      const segment = earlierPlaces[0]?.segment;
      if (segment !== undefined && (oldest === undefined || segment < oldest)) oldest = segment;
    }
    return oldest;
  }

  /** Groups of which something waits, as far as one batch can list them. */
  countGroups(): number {
    const stamp = ++this.#stamp;
    let count = 0;
    for (const { group } of this.#waiting) {
      if (group.queueStamp === stamp) continue;
      group.queueStamp = stamp;
      count++;
    }
    return Math.min(count, batchGroupsMax);
  }

  /** Bytes of what a full disk holds back. */
  get holdableBytes(): number {
    let bytes = 0;
    for (const set of this.#waiting) if (set.isHoldable) bytes += set.remainingBytes;
    return bytes;
  }

  /** Whether the batch last filled holds entries that are not vital themselves, though it was to hold them back. */
  hasReleased = false;

  /** Fills a batch. {@link taken} and {@link begun} then say what is in it, until {@link forget} or {@link putBack}. */
  fill(builder: BatchBuilder, options: FillOptions): void {
    const released = options.holdsEntries ? this.#release(options) : noSets;
    this.hasReleased = released.size > 0;
    const kept: RecordSet[] = [];
    const large: RecordSet[] = [];
    const heldStamp = ++this.#stamp;
    // What small sets leave to the large ones, so that neither starves the other.
    const keptRoomBytes = this.#waiting.some((set) => set.isLarge) ? 2 * pieceBytesMax : 0;
    for (const set of this.#waiting) {
      const { group } = set;
      const isHeld = group.queueStamp === heldStamp || (options.holdsEntries && set.isHoldable && !released.has(set));
      if (!isHeld && !set.isLarge && this.#fits(set, builder, keptRoomBytes)) {
        builder.add(set);
        this.#taken.push(set);
        if (!set.isHint) this.#urgentCount--;
        continue;
      }
      if (!isHeld && set.isLarge && builder.hasRoomFor(group)) large.push(set);
      group.queueStamp = heldStamp;
      kept.push(set);
    }
    this.#waiting = large.length === 0 ? kept : this.#takeParts(builder, large, kept);
  }

  /** Complete in the batch last filled, in order within each group. */
  get taken(): readonly RecordSet[] {
    return this.#taken;
  }

  /** Large sets of which the batch last filled holds a part that does not end them. */
  get begun(): readonly RecordSet[] {
    return this.#begun;
  }

  /** The batch has been written. */
  forget(): void {
    this.#taken = [];
    this.#begun = [];
  }

  /** Undoes {@link fill}: the batch could not be written. */
  putBack(): void {
    for (const set of this.#taken) {
      set.restore();
      if (!set.isHint) this.#urgentCount++;
    }
    for (const set of this.#begun) set.restore();
    this.#waiting = [...this.#taken, ...this.#waiting];
    this.forget();
  }

  readonly #frees: (data: Uint8Array) => boolean;
  #waiting: RecordSet[] = [];
  #taken: RecordSet[] = [];
  #begun: RecordSet[] = [];
  #urgentCount = 0;
  #stamp = 0;

  /**
   * What is held back, but stands before something vital of its group, or with it: whole stretches, of so many bytes together. The
   * same for what only frees space, within less.
   */
  #release({ releasedBytesMax, freeingBytesMax }: FillOptions): ReadonlySet<RecordSet> {
    const released = new Set<RecordSet>();
    const stretches = new Map<StoredGroup, RecordSet[]>();
    let bytes = 0;
    for (const set of releasedBytesMax > 0 ? this.#waiting : []) {
      const stretch = stretches.get(set.group) ?? [];
      if (set.isHoldable) {
        stretch.push(set);
        stretches.set(set.group, stretch);
      }
      if (!set.holdsVital && !set.endsFreeing(this.#frees)) continue;
      const bytesMax = set.holdsVital ? releasedBytesMax : freeingBytesMax;
      const stretchBytes = stretch.reduce((sum, each) => sum + each.remainingBytes, 0);
      // Otherwise it stays, and what follows in the group stays behind it.
      if (bytes + stretchBytes > bytesMax) continue;
      bytes += stretchBytes;
      for (const each of stretch) released.add(each);
      stretches.delete(set.group);
    }
    return released;
  }

  #fits(set: RecordSet, builder: BatchBuilder, keptRoomBytes: number): boolean {
    return set.bytes <= builder.roomBytes - keptRoomBytes && builder.hasRoomFor(set.group);
  }

  /** Pieces of the large sets, in turn, until the batch is full. What is not complete goes on waiting. */
  #takeParts(builder: BatchBuilder, large: readonly RecordSet[], kept: readonly RecordSet[]): RecordSet[] {
    const begun = new Set<RecordSet>();
    let unfinished = large;
    while (unfinished.length > 0) {
      const next: RecordSet[] = [];
      for (const set of unfinished) {
        if (!builder.hasRoomFor(set.group) || !builder.addPart(set, pieceBytesMax)) continue;
        begun.add(set);
        if (!set.isComplete) next.push(set);
      }
      unfinished = next;
    }
    for (const set of begun) {
      if (!set.isComplete) {
        this.#begun.push(set);
        continue;
      }
      this.#taken.push(set);
      this.#urgentCount--;
    }
    return kept.filter((set) => !set.isComplete);
  }
}
