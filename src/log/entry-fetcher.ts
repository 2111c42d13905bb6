import { DiskError, mark } from "../platform/index.ts";
import type { Entry, LogIndex } from "../raft/index.ts";
import { lossCodes, readTriesMax } from "./batch-reads.ts";
import { EntryAssembler } from "./entry-assembler.ts";
import { checksumSeed, type LogIdentity } from "./format.ts";
import { LogDamagedError } from "./log-errors.ts";
import type { BatchPlace, PositionIndex, PositionRun } from "./position-index.ts";
import type { SegmentReads } from "./segment-files.ts";
import { VerifiedBatch } from "./verified-batch.ts";

/** The group whose entries are wanted, and how far the disk holds them. */
export interface FetchedGroup {
  readonly group: number;
  readonly durable: { readonly lastIndex: LogIndex };
}

export type FetchResult =
  | { readonly entries: readonly Entry[]; readonly readBytes: number }
  | { readonly damage: LogDamagedError }
  /** The system had no file to spare, or something else that says nothing of the bytes: to be tried again later. */
  | { readonly trouble: DiskError };

/** Reads stored entries back. Every batch's checksum is verified, each time it is read (CONSENSUS D-8). */
export class EntryFetcher {
  /** @param fetchBytes how much of the log is read at once; a single batch or a large entry may be more */
  constructor(reads: SegmentReads, identity: LogIdentity, fetchBytes: number) {
    this.#reads = reads;
    this.#identity = identity;
    this.#fetchBytes = fetchBytes;
  }

  /** The entry at `index`, its neighbours in the same batch, and those after it in about so many bytes. */
  async fetch(
    group: FetchedGroup,
    positions: PositionIndex,
    index: LogIndex,
    bytesWanted: number = this.#fetchBytes,
  ): Promise<FetchResult> {
    const runs = this.#plan(group, positions, index, bytesWanted);
    const entries: Entry[] = [];
    let readBytes = 0;
    for (let start = 0; start < runs.length; ) {
      const end = endOfStretch(runs, start);
      for (let tries = 1; ; tries++) {
        const result = await this.#readStretch(group, runs.slice(start, end));
        if ("entries" in result) {
          entries.push(...result.entries);
          readBytes += result.readBytes;
          break;
        }
        if ("trouble" in result || tries === readTriesMax) return entries.length > 0 ? { entries, readBytes } : result;
      }
      start = end;
    }
    return { entries, readBytes };
  }

  readonly #reads: SegmentReads;
  readonly #identity: LogIdentity;
  readonly #fetchBytes: number;

  /** Runs that follow each other from the one with `index`, as many as may be read at once. */
  #plan(group: FetchedGroup, positions: PositionIndex, index: LogIndex, bytesWanted: number): readonly PositionRun[] {
    const runs: PositionRun[] = [];
    const { lastIndex } = group.durable;
    let bytes = 0;
    for (let next = index; next <= lastIndex && bytes < bytesWanted; ) {
      const run = positions.find(next, lastIndex);
      if (run === undefined) break;
      runs.push(run);
      for (const place of [...run.earlierPlaces, ...(run.place === undefined ? [] : [run.place])]) bytes += place.bytes;
      next = run.lastIndex + 1;
    }
    return runs;
  }

  /** Runs whose batches lie side by side, by one read; a run that is spread over batches, by a read for each. */
  async #readStretch(group: FetchedGroup, runs: readonly PositionRun[]): Promise<FetchResult> {
    mark("an entry is fetched from the disk");
    const entries: Entry[] = [];
    const [first, last] = [runs[0]?.place, runs.at(-1)?.place];
    if (first === undefined || last === undefined)
      return { damage: this.#damage(group, undefined, "entries are lost") };
    const stretch = { segment: first.segment, offset: first.offset, bytes: last.offset + last.bytes - first.offset };
    const bytes = await this.#read(group, stretch);
    if (!(bytes instanceof Uint8Array)) return bytes;
    let readBytes = bytes.length;
    for (const run of runs) {
      const place = run.place as BatchPlace;
      const assembler = new EntryAssembler();
      for (const earlier of run.earlierPlaces) {
        const part = await this.#read(group, earlier);
        if (!(part instanceof Uint8Array)) return part;
        readBytes += part.length;
        if (!this.#feed(assembler, group, earlier, part)) {
          return { damage: this.#damage(group, earlier, "a batch of entries fails its checksum") };
        }
      }
      const batch = bytes.subarray(place.offset - stretch.offset, place.offset - stretch.offset + place.bytes);
      const found = this.#feed(assembler, group, place, batch)
        ? assembler.entries(run.firstIndex, run.lastIndex)
        : undefined;
      if (found === undefined) return { damage: this.#damage(group, place, "a batch of entries fails its checksum") };
      entries.push(...found);
    }
    return { entries, readBytes };
  }

  async #read(
    group: FetchedGroup,
    place: BatchPlace,
  ): Promise<Uint8Array | Exclude<FetchResult, { readonly entries: readonly Entry[] }>> {
    try {
      return await this.#reads.read(place.segment, place.offset, place.bytes);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      if (!lossCodes.has(error.code)) return { trouble: error };
      return { damage: this.#damage(group, place, "the disk does not give it back") };
    }
  }

  #feed(assembler: EntryAssembler, group: FetchedGroup, place: BatchPlace, batch: Uint8Array): boolean {
    const verified = VerifiedBatch.of(batch, checksumSeed(this.#identity, place.segment), place.offset);
    if (verified === undefined) return false;
    return assembler.feed(verified.body, verified.slotOf(group.group), verified.groupCount);
  }

  #damage(group: FetchedGroup, place: BatchPlace | undefined, what: string): LogDamagedError {
    const { segment, offset } = place ?? { segment: 0, offset: 0 };
    return new LogDamagedError({ group: group.group, path: this.#reads.path(segment), offset }, what);
  }
}

/** The end (excluded) of the runs from `start` on that lie side by side in one segment. */
function endOfStretch(runs: readonly PositionRun[], start: number): number {
  let end = start + 1;
  let last = runs[start] as PositionRun;
  for (; end < runs.length; end++) {
    const run = runs[end] as PositionRun;
    const isBeside =
      last.place !== undefined &&
      run.place !== undefined &&
      run.earlierPlaces.length === 0 &&
      run.place.segment === last.place.segment &&
      run.place.offset === last.place.offset + last.place.bytes;
    if (!isBeside) break;
    last = run;
  }
  return end;
}
