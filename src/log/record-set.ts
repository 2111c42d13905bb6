import type { Entry, HardState } from "../raft/index.ts";
import type { BatchPlace } from "./position-index.ts";
import { encodeConfigurationChange, entryOverheadBytes, hardStateRecordBytes } from "./record.ts";
import type { StoredGroup } from "./stored-group.ts";

/** Entries with more data than this are logged in pieces of this size, so that others need not wait behind them. */
export const pieceBytesMax = 262_144;

/** The bytes of an entry as the log keeps them. */
export function entryData(entry: Entry): Uint8Array {
  return entry.kind === "normal" ? entry.data : encodeConfigurationChange(entry.change);
}

/** What one `append` brought: it is logged as a whole or not at all, in one batch or, if it is large, over several. */
export class RecordSet {
  readonly group: StoredGroup;
  readonly entries: readonly Entry[];
  /** Of sets that bring only a new commit index the newest takes the others' place. */
  hardState: HardState | undefined;
  /** Called in order once the set is durable. */
  readonly dones: (() => void)[];
  /** Nobody relies on it: it goes along with the next batch. */
  readonly isHint: boolean;
  /** Bytes of its records. */
  readonly bytes: number;

  /** How far it has been encoded: whole entries, and bytes of the next one. */
  nextEntry = 0;
  nextByte = 0;
  isComplete = false;
  /** Batches on the disk that hold its beginning. */
  readonly earlierPlaces: BatchPlace[] = [];

  constructor(
    group: StoredGroup,
    content: { readonly entries: readonly Entry[]; readonly hardState: HardState | undefined },
    options: { readonly isHint: boolean; readonly dones: (() => void)[] },
  ) {
    this.group = group;
    this.entries = content.entries;
    this.hardState = content.hardState;
    this.dones = options.dones;
    this.isHint = options.isHint;
    let bytes = content.hardState === undefined ? 0 : hardStateRecordBytes;
    for (const entry of content.entries) bytes += entryOverheadBytes + entryData(entry).length;
    this.bytes = bytes;
  }

  get isLarge(): boolean {
    return this.bytes > pieceBytesMax;
  }

  /** Remembers the progress at the start of a batch, for {@link restore} when that batch could not be written. */
  save(batchStamp: number): void {
    if (batchStamp === this.#savedStamp) return;
    this.#savedStamp = batchStamp;
    this.#saved = { nextEntry: this.nextEntry, nextByte: this.nextByte };
  }

  restore(): void {
    this.nextEntry = this.#saved.nextEntry;
    this.nextByte = this.#saved.nextByte;
    this.isComplete = false;
  }

  #savedStamp = 0;
  #saved: { readonly nextEntry: number; readonly nextByte: number } = { nextEntry: 0, nextByte: 0 };
}
