/**
 * Gives up the oldest segments of the log (docs/decisions/log-format.md, "Reclaiming").
 *
 * A segment is needed as long as an entry in it is: hard states, snapshots' names and numbers of batches are repeated by
 * every later segment's header. What little is left of the oldest one is written again at the head, by records that
 * restate and never discard ({@link SegmentRestating}). If it is much, and the log larger than it should be, the groups that hold it are asked for
 * a snapshot. Files go only when a header that no longer needs them is durable.
 */
import { type RestatingHost, SegmentRestating } from "./segment-restating.ts";
import type { StoredGroup } from "./stored-group.ts";

export interface ReclaimerHost {
  /** All groups of the log. */
  groups(): Iterable<StoredGroup>;
  /** The segment that is being written. */
  currentSegment(): number;
  /** The oldest segment that holds a part of a record set that still waits; undefined: none does. */
  oldestWaiting(): number | undefined;
  snapshotBytes(): number;
  /** There is no space for more. */
  isFull(): boolean;
  readonly restating: Omit<RestatingHost, "isHurried">;
  /** Removes a segment's file. Does not reject; false: it is still there. */
  remove(segment: number): Promise<boolean>;
  wantSnapshot(group: number): void;
  /** What was left of a segment stands at the head, durably. */
  restated(segment: number, bytes: number): void;
  /** A damaged group keeps a segment. */
  keptByDamage(segment: number, group: number): void;
}

/** What is needed of one segment. */
interface Remains {
  readonly segment: number;
  readonly bytes: number;
  readonly parts: readonly Part[];
}

interface Part {
  readonly group: StoredGroup;
  readonly bytes: number;
}

/** Remains are written again if they are at most this part of what the segment holds … */
const restatedPart = 1 / 8;
/** … or, when the log has got more segments than this, at most so many bytes … */
const segmentsMany = 8;
const restatedBytesMin = 262_144;
/** … and this part. What is written again is packed densely: each time it shrinks by this much, or it would go round for ever. */
const restatedPartMany = 1 / 2;

/** What is left of segments is written again without pauses while the log is so many times as large as it should be. */
const hurryFactor = 2;

export class Reclaimer {
  /**
   * @param segments bytes used in each segment but the current one
   * @param reclaimBytes a log up to this size, or up to twice the size of all snapshots, is not asked to be smaller
   */
  constructor(host: ReclaimerHost, segments: ReadonlyMap<number, number>, reclaimBytes: number) {
    this.#host = host;
    this.#segments = new Map(segments);
    this.#reclaimBytes = reclaimBytes;
  }

  /** Bytes used in all segments but the current one. */
  get sizeBytes(): number {
    let bytes = 0;
    for (const used of this.#segments.values()) bytes += used;
    return bytes;
  }

  /** The oldest segment that holds what is still needed; the current one if none before it does. */
  oldestSegment(): number {
    let oldest = Math.min(this.#host.currentSegment(), this.#host.oldestWaiting() ?? Number.POSITIVE_INFINITY);
    for (const group of this.#host.groups()) oldest = Math.min(oldest, group.oldestSegment() ?? oldest);
    return oldest;
  }

  /** Whether the header of a new segment would free space. */
  get hasGarbage(): boolean {
    const oldest = this.oldestSegment();
    for (const segment of this.#segments.keys()) if (segment < oldest) return true;
    return false;
  }

  /** A segment was filled, and the durable header of the next one says which is the oldest that is needed. */
  left(filled: { readonly segment: number; readonly bytes: number }, oldestNeeded: number): void {
    this.#segments.set(filled.segment, filled.bytes);
    this.#removing = this.#removing.then(() => this.#remove(oldestNeeded));
    this.consider();
  }

  /** Something may have changed: looks whether the oldest segment can be given up, in a turn of its own. */
  consider(): void {
    this.#isWanted = true;
    this.#running ??= this.#run();
  }

  /** Ends as soon as what is being read or removed has been. What is being written belongs to the log. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#restating?.close();
    await this.#removing;
  }

  readonly #host: ReclaimerHost;
  readonly #segments: Map<number, number>;
  readonly #reclaimBytes: number;
  #isWanted = false;
  #isClosed = false;
  #running: Promise<void> | undefined;
  #restating: SegmentRestating | undefined;
  #removing: Promise<void> = Promise.resolve();

  async #remove(oldestNeeded: number): Promise<void> {
    for (const segment of [...this.#segments.keys()].sort((a, b) => a - b)) {
      if (segment >= oldestNeeded || this.#isClosed) return;
      if (await this.#host.remove(segment)) this.#segments.delete(segment);
    }
  }

  async #run(): Promise<void> {
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      // What is under way in this turn comes first.
      await undefined;
      let tried = 0;
      for (let remains = this.#remains(); remains !== undefined; remains = this.#remains()) {
        if (!this.#isSmall(remains)) {
          this.#askFor(remains);
          break;
        }
        // What is still there then has been replaced by something that is not durable yet: it goes by itself.
        if (remains.segment === tried || !(await this.#restate(remains))) break;
        tried = remains.segment;
      }
    }
    this.#running = undefined;
  }

  /** Of the oldest segment; undefined if there is nothing to be done about it. */
  #remains(): Remains | undefined {
    const segment = this.oldestSegment();
    if (this.#isClosed || segment >= this.#host.currentSegment() || segment === this.#host.oldestWaiting()) {
      return undefined;
    }
    const parts: Part[] = [];
    for (const group of this.#host.groups()) {
      const bytes = group.bytesIn(segment);
      if (bytes === undefined) continue;
      if (group.isDamaged) {
        this.#host.keptByDamage(segment, group.group);
        return undefined;
      }
      parts.push({ group, bytes });
    }
    return { segment, parts, bytes: parts.reduce((sum, part) => sum + part.bytes, 0) };
  }

  #isSmall({ segment, bytes }: Remains): boolean {
    const used = this.#segments.get(segment) ?? 0;
    if (bytes <= used * restatedPart) return true;
    return this.#segments.size > segmentsMany && bytes <= Math.min(restatedBytesMin, used * restatedPartMany);
  }

  /** The groups that hold most of it, until the others' part is small. */
  #askFor(remains: Remains): void {
    if (this.sizeBytes <= this.#sizeBytesWanted()) return;
    let { bytes } = remains;
    for (const part of remains.parts.toSorted((a, b) => b.bytes - a.bytes)) {
      if (this.#isSmall({ ...remains, bytes })) return;
      bytes -= part.bytes;
      this.#host.wantSnapshot(part.group.group);
    }
  }

  /** Resolves when all of it stands at the head, durably. False: some of it could not be read. */
  async #restate({ segment, parts, bytes }: Remains): Promise<boolean> {
    if (parts.length === 0) return !this.#isClosed;
    const left = { segment, end: this.#segments.get(segment) ?? 0, groups: parts.map(({ group }) => group) };
    const restating = new SegmentRestating({ ...this.#host.restating, isHurried: () => this.#isHurried() }, left);
    this.#restating = restating;
    const isDone = await restating.run();
    this.#restating = undefined;
    if (isDone) this.#host.restated(segment, bytes);
    return isDone;
  }

  /** Space is short, or the log grows faster than it is given up. */
  #isHurried(): boolean {
    return this.#host.isFull() || this.sizeBytes > hurryFactor * this.#sizeBytesWanted();
  }

  #sizeBytesWanted(): number {
    return Math.max(this.#reclaimBytes, 2 * this.#host.snapshotBytes());
  }
}
