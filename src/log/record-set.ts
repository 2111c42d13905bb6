import type { Entry, HardState, LogIndex, ReplicaId, Term } from "../raft/index.ts";
import type { BatchPlace } from "./position-index.ts";
import {
  compactedRecordBytes,
  encodeConfigurationChange,
  entryOverheadBytes,
  hardStateRecordBytes,
  replicaRecordBytes,
  snapshotRecordBytes,
} from "./record.ts";
import type { StoredGroup } from "./stored-group.ts";

/** Entries with more data than this are logged in pieces of this size, so that others need not wait behind them. */
export const pieceBytesMax = 262_144;

/** Entries that are written again do so on a full disk as well, if they are no more than this. */
const restatedFreeingBytesMax = 65_536;

/** The bytes of an entry as the log keeps them. */
export function entryData(entry: Entry): Uint8Array {
  return entry.kind === "normal" ? entry.data : encodeConfigurationChange(entry.change);
}

/** The bytes that an entry takes in the log. */
export function entryLogBytes(entry: Entry): number {
  return entryOverheadBytes + entryData(entry).length;
}

/** Names a durable snapshot file of the group. */
export interface SnapshotRecord {
  readonly index: LogIndex;
  readonly term: Term;
  /** The log begins anew behind it; otherwise it stays as it is. */
  readonly isReset: boolean;
}

/** Whose the group is from here on, with nothing. */
export interface ReplicaRecord {
  readonly replica: ReplicaId;
  /** Nobody's: this replica and all before it are gone, until a higher one begins. */
  readonly isEnd: boolean;
}

/** What a replica has that begins with a snapshot. */
export interface ReplicaState {
  readonly snapshot: Pick<SnapshotRecord, "index" | "term">;
  readonly hardState: HardState;
}

/** What the records of one set are. */
export interface RecordSetContent {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  readonly snapshot?: SnapshotRecord;
  /** The log begins behind it from now on. Such a set holds nothing else. */
  readonly compacted?: { readonly index: LogIndex; readonly term: Term };
  /**
   * The group begins anew, or ends. Such a set holds nothing else, save the snapshot with which it begins and a hard state that
   * goes with it: it always fits one batch, which counts as a whole.
   */
  readonly replica?: ReplicaRecord;
}

export interface RecordSetOptions {
  readonly isHint: boolean;
  readonly dones: (() => void)[];
  /** The entries are in the log already, and are written again elsewhere: nothing is discarded. */
  readonly isRestated?: boolean;
  /** Whatever the entries are. */
  readonly isVital?: boolean;
}

/**
 * True for entries that a full disk takes as it takes votes, from the space that is kept in reserve: without the empty one
 * by which a new leader begins its term nothing could be read after an election, and members must be able to change. What
 * stands before them comes along, see {@link Reserve}.
 */
export function isVital(entry: Entry): boolean {
  return entry.kind === "configuration" || entry.data.length === 0;
}

/** What one `append` brought: it is logged as a whole or not at all, in one batch or, if it is large, over several. */
export class RecordSet {
  readonly group: StoredGroup;
  /** The first record of the set, but for the replica's that begins with it. */
  readonly snapshot: SnapshotRecord | undefined;
  readonly compacted: RecordSetContent["compacted"];
  readonly replica: RecordSetContent["replica"];
  readonly entries: readonly Entry[];
  /** Of sets that bring only a new commit index the newest takes the others' place. */
  hardState: HardState | undefined;
  /** Called in order once the set is durable. */
  readonly dones: (() => void)[];
  /** Nobody relies on it: it goes along with the next batch. */
  readonly isHint: boolean;
  readonly isRestated: boolean;
  /** It has to wait while the disk is full, unless it holds something vital, or that waits behind it in its group. */
  readonly isHoldable: boolean;
  /** Somebody relies on it, and must not wait for space. */
  readonly holdsVital: boolean;
  /** Bytes of its records. */
  readonly bytes: number;

  /** How far it has been encoded: the snapshot, whole entries, and bytes of the next one. */
  isSnapshotPut = false;
  nextEntry = 0;
  nextByte = 0;
  isComplete = false;
  /** Batches on the disk that hold its beginning. */
  readonly earlierPlaces: BatchPlace[] = [];

  constructor(group: StoredGroup, content: RecordSetContent, options: RecordSetOptions) {
    this.group = group;
    this.snapshot = content.snapshot;
    this.compacted = content.compacted;
    this.replica = content.replica;
    this.entries = content.entries;
    this.hardState = content.hardState;
    this.dones = options.dones;
    this.isHint = options.isHint;
    this.isRestated = options.isRestated === true;
    this.isHoldable = this.isRestated || !content.entries.every(isVital);
    const isVitalItself = options.isVital === true || !this.isHoldable || content.entries.some(isVital);
    this.holdsVital = isVitalItself && !this.isHint && !this.isRestated;
    let bytes = content.hardState === undefined ? 0 : hardStateRecordBytes;
    if (content.snapshot !== undefined) bytes += snapshotRecordBytes;
    if (content.compacted !== undefined) bytes += compactedRecordBytes;
    if (content.replica !== undefined) bytes += replicaRecordBytes;
    for (const entry of content.entries) bytes += entryLogBytes(entry);
    this.bytes = bytes;
  }

  /** Bytes of those of its records that are in no batch yet, about. */
  get remainingBytes(): number {
    let putBytes = this.nextByte;
    for (let place = 0; place < this.nextEntry; place++) {
      putBytes += entryLogBytes(this.entries[place] as Entry);
    }
    return this.bytes - putBytes;
  }

  /**
   * Whether the last of its entries only frees space, as `frees` says of its data, which is asked once. So do a few entries that are
   * written again, which are all that keeps a segment.
   */
  endsFreeing(frees: (data: Uint8Array) => boolean): boolean {
    if (this.isRestated) return this.bytes <= restatedFreeingBytesMax;
    const last = this.entries.at(-1);
    this.#endsFreeing ??= last?.kind === "normal" && frees(last.data);
    return this.#endsFreeing;
  }

  get isLarge(): boolean {
    return this.bytes > pieceBytesMax;
  }

  /** Remembers the progress at the start of a batch, for {@link restore} when that batch could not be written. */
  save(batchStamp: number): void {
    if (batchStamp === this.#savedStamp) return;
    this.#savedStamp = batchStamp;
    this.#saved = { isSnapshotPut: this.isSnapshotPut, nextEntry: this.nextEntry, nextByte: this.nextByte };
  }

  restore(): void {
    this.isSnapshotPut = this.#saved.isSnapshotPut;
    this.nextEntry = this.#saved.nextEntry;
    this.nextByte = this.#saved.nextByte;
    this.isComplete = false;
  }

  #endsFreeing: boolean | undefined;
  #savedStamp = 0;
  #saved: Pick<RecordSet, "isSnapshotPut" | "nextEntry" | "nextByte"> = {
    isSnapshotPut: false,
    nextEntry: 0,
    nextByte: 0,
  };
}
