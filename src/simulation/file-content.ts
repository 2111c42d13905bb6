import type { SeededRandom } from "./seeded-random.ts";

/**
 * The bytes of one file, as the page cache has them and as the disk has them.
 *
 * Each 4 KiB page has a current content, a durable one, and the contents that it had in between. A sync makes the
 * current content durable. A power cut leaves of every page any of these contents, or a mixture by sectors of 512
 * bytes, each page for itself; that covers lost, reordered and torn writes. Contents are never changed in place, so
 * that versions may be shared.
 */
export class FileContent {
  #sizeBytes = 0;
  #durableSizeBytes = 0;
  readonly #pages = new Map<number, Page>();
  /** Pages that the next sync writes. */
  readonly #dirty = new Set<number>();
  /** Where the bytes end that are no zeros from preparing the file; up to where they were synced, and before the last sync. */
  #writtenEnd = 0;
  #syncedEnd = 0;
  #settledEnd = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Bytes before this were synced before something that follows them was synced as well. Of what comes last a log
   * cannot know whether it was ever acknowledged; of these bytes it can.
   */
  get settledBytes(): number {
    return this.#settledEnd;
  }

  /** Pages that are no holes. */
  get pageCount(): number {
    let count = 0;
    for (const page of this.#pages.values()) if (page.current !== undefined) count++;
    return count;
  }

  /** How many pages a write there would add. */
  newPages(position: number, length: number): number {
    let count = 0;
    for (let index = pageOf(position); index * pageBytes < position + length; index++) {
      if (this.#pages.get(index)?.current === undefined) count++;
    }
    return count;
  }

  read(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.#sizeBytes - position)));
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const within = at % pageBytes;
      const count = Math.min(pageBytes - within, bytes.length - done);
      const current = this.#pages.get(pageOf(at))?.current;
      if (current !== undefined && current !== zeroPage) bytes.set(current.subarray(within, within + count), done);
      done += count;
    }
    return bytes;
  }

  write(bytes: Uint8Array, position: number): void {
    // As POSIX has it: writing nothing makes no file longer.
    if (bytes.length === 0) return;
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const within = at % pageBytes;
      const count = Math.min(pageBytes - within, bytes.length - done);
      const piece = count === bytes.length ? bytes : bytes.subarray(done, done + count);
      const page = this.#page(pageOf(at));
      const next = written(page.current, piece, within);
      if (next !== zeroPage) this.#writtenEnd = Math.max(this.#writtenEnd, at + count);
      this.#put(page, pageOf(at), next);
      done += count;
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, position + bytes.length);
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) {
      const whole = Math.ceil(sizeBytes / pageBytes);
      for (const [index, page] of this.#pages) if (index >= whole) this.#put(page, index, undefined);
      if (sizeBytes % pageBytes > 0) {
        const page = this.#page(pageOf(sizeBytes));
        const { current } = page;
        const kept = current === undefined ? undefined : copyOf(current).fill(0, sizeBytes % pageBytes);
        this.#put(page, pageOf(sizeBytes), kept);
      }
    }
    this.#sizeBytes = sizeBytes;
    this.#writtenEnd = Math.min(this.#writtenEnd, sizeBytes);
    this.#syncedEnd = Math.min(this.#syncedEnd, sizeBytes);
    this.#settledEnd = Math.min(this.#settledEnd, sizeBytes);
  }

  /** What a sync that begins now will make durable when it ends. */
  beginSync(): PendingSync {
    const pages: (readonly [number, Content])[] = [];
    for (const index of this.#dirty) pages.push([index, this.#pages.get(index)?.current]);
    return { sizeBytes: this.#sizeBytes, writtenEnd: this.#writtenEnd, pages };
  }

  endSync(sync: PendingSync): void {
    this.#durableSizeBytes = sync.sizeBytes;
    if (sync.writtenEnd > this.#syncedEnd) {
      this.#settledEnd = this.#syncedEnd;
      this.#syncedEnd = sync.writtenEnd;
    }
    for (const [index, content] of sync.pages) {
      const page = this.#pages.get(index);
      if (page === undefined) continue;
      page.durable = content;
      page.between.length = 0;
      if (page.current !== content) page.between.push(content);
      else this.#dirty.delete(index);
    }
  }

  /**
   * A sync that failed: some pages are on the disk, and the others count as clean though they are not. Nothing will
   * write them again; they read well until the power goes.
   */
  failSync(sync: PendingSync, random: SeededRandom): void {
    for (const [index, content] of sync.pages) {
      const page = this.#pages.get(index);
      if (page === undefined || page.current !== content) continue;
      if (random.chance(0.5)) page.durable = content;
      page.between.length = 0;
      page.isForgotten = page.durable !== content;
      this.#dirty.delete(index);
    }
  }

  cutPower(loss: DiskLoss, random: SeededRandom): void {
    for (const [index, page] of this.#pages) {
      if (page.current !== page.durable) {
        const kept = page.isForgotten ? page.durable : surviving(page, loss, random);
        page.current = kept;
        page.durable = kept;
      }
      page.between.length = 0;
      page.isForgotten = false;
      if (page.current === undefined) this.#pages.delete(index);
    }
    this.#dirty.clear();
    const keepsSize = loss === "nothing" || (loss === "random" && random.chance(0.5));
    if (!keepsSize) this.#sizeBytes = this.#durableSizeBytes;
    this.#durableSizeBytes = this.#sizeBytes;
  }

  /** Damages one byte, in the page cache and on the disk alike. */
  flipBit(position: number, bit: number): void {
    const page = this.#pages.get(pageOf(position));
    if (page === undefined || position >= this.#sizeBytes) return;
    const flipped = (content: Content): Content => {
      const next = copyOf(content);
      next[position % pageBytes] = (next[position % pageBytes] ?? 0) ^ (1 << bit);
      return next;
    };
    const isClean = page.current === page.durable;
    page.current = flipped(page.current);
    page.durable = isClean ? page.current : flipped(page.durable);
  }

  /**
   * The end of what was synced last is not on the disk, and reads as zeros: from a sector on, or all of it. Says where; undefined
   * if nothing was synced.
   */
  tearTail(random: SeededRandom): number | undefined {
    if (this.#syncedEnd <= this.#settledEnd) return undefined;
    const firstSector = Math.ceil(this.#settledEnd / sectorBytes);
    const sectorCount = Math.ceil(this.#syncedEnd / sectorBytes) - firstSector;
    const isWhole = sectorCount === 0 || random.chance(0.3);
    const from = isWhole ? this.#settledEnd : (firstSector + random.integer(0, sectorCount - 1)) * sectorBytes;
    for (let at = from; at < this.#writtenEnd; at = (pageOf(at) + 1) * pageBytes) {
      const page = this.#pages.get(pageOf(at));
      if (page === undefined) continue;
      const cut = (content: Content): Content => copyOf(content).fill(0, at % pageBytes);
      page.current = cut(page.current);
      page.durable = cut(page.durable);
      page.between.length = 0;
    }
    this.#writtenEnd = from;
    this.#syncedEnd = from;
    return from;
  }

  /** What was meant for the page of `from` stands on that of `to`: a write that went astray. */
  misdirect(from: number, to: number): void {
    const source = this.#pages.get(pageOf(from));
    const target = this.#pages.get(pageOf(to));
    if (source === undefined || target === undefined || target.current !== target.durable) return;
    target.current = source.durable;
    target.durable = source.durable;
  }

  /** A copy of all states, as a copy of the whole disk holds it. */
  clone(): FileContent {
    const copy = new FileContent();
    copy.#sizeBytes = this.#sizeBytes;
    copy.#durableSizeBytes = this.#durableSizeBytes;
    for (const [index, page] of this.#pages) copy.#pages.set(index, { ...page, between: [...page.between] });
    for (const index of this.#dirty) copy.#dirty.add(index);
    copy.#writtenEnd = this.#writtenEnd;
    copy.#syncedEnd = this.#syncedEnd;
    copy.#settledEnd = this.#settledEnd;
    return copy;
  }

  #page(index: number): Page {
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = { current: undefined, durable: undefined, between: [], isForgotten: false };
      this.#pages.set(index, page);
    }
    return page;
  }

  #put(page: Page, index: number, next: Content): void {
    if (page.current !== page.durable && page.between.length < versionsMax) page.between.push(page.current);
    page.current = next;
    // A page that a failed sync forgot is written again once it is changed again.
    page.isForgotten = false;
    this.#dirty.add(index);
  }
}

/**
 * What a power cut takes of what was not synced: everything, a random part (each page and each name for itself), or
 * nothing (it had all been written just in time).
 */
export type DiskLoss = "everything" | "random" | "nothing";

export interface PendingSync {
  readonly sizeBytes: number;
  readonly writtenEnd: number;
  readonly pages: readonly (readonly [number, Content])[];
}

/** Undefined is a hole and reads as zeros. */
type Content = Uint8Array | undefined;

interface Page {
  current: Content;
  durable: Content;
  /** Contents after `durable` and before `current`, at most {@link versionsMax}. */
  readonly between: Content[];
  /** Differs from the disk, and no sync will mend it. */
  isForgotten: boolean;
}

export const pageBytes = 4096;
const sectorBytes = 512;
const versionsMax = 8;
const zeroPage = new Uint8Array(pageBytes);

function pageOf(position: number): number {
  return Math.floor(position / pageBytes);
}

/** Pages come from slabs: the allocation of each by itself would cost more than all that is done with it. */
const slabBytes = 256 * pageBytes;
let slab = new Uint8Array(0);
let slabUsedBytes = 0;

/** Zeros. */
function newPage(): Uint8Array {
  if (slabUsedBytes === slab.length) {
    slab = new Uint8Array(slabBytes);
    slabUsedBytes = 0;
  }
  slabUsedBytes += pageBytes;
  return slab.subarray(slabUsedBytes - pageBytes, slabUsedBytes);
}

function copyOf(content: Content): Uint8Array {
  const copy = newPage();
  if (content !== undefined && content !== zeroPage) copy.set(content);
  return copy;
}

/** What is on a page after `piece` was written to it. */
function written(content: Content, piece: Uint8Array, within: number): Uint8Array {
  const isWhole = piece.length === pageBytes;
  if ((isWhole || content === undefined || content === zeroPage) && isZero(piece)) return zeroPage;
  const next = isWhole ? newPage() : copyOf(content);
  next.set(piece, within);
  return !isWhole && isZero(next) ? zeroPage : next;
}

function isZero(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0) return false;
  const zeros = bytes.length === pageBytes ? zeroPage : zeroPage.subarray(0, bytes.length);
  return Buffer.compare(bytes, zeros) === 0;
}

function surviving(page: Page, loss: DiskLoss, random: SeededRandom): Content {
  if (loss === "everything") return page.durable;
  if (loss === "nothing") return page.current;
  const versions = [page.durable, ...page.between, page.current];
  if (!random.chance(0.3)) return random.pick(versions);
  const torn = new Uint8Array(pageBytes);
  for (let at = 0; at < pageBytes; at += sectorBytes) {
    const version = random.pick(versions);
    if (version !== undefined) torn.set(version.subarray(at, at + sectorBytes), at);
  }
  return torn;
}
