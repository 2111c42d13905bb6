/**
 * Encodes batches (format.ts draws them) into one buffer that is used again and again. This is the hot path of every write
 * of the node: numbers and bytes are put in place by hand, and nothing is allocated but two views a batch.
 */
import { crc32 } from "node:zlib";
import { assert } from "../platform/index.ts";
import type { Entry, HardState } from "../raft/index.ts";
import {
  batchBodyBytesMax,
  batchFixedBytes,
  batchGroupBytes,
  batchGroupsMax,
  batchHeaderBytesMax,
  flagBeginning,
  flagHardState,
  flagSnapshot,
  flagUnfinished,
} from "./batch-header.ts";
import { batchMagic, blocksUp, type LogPosition, putUint53 } from "./format.ts";
import {
  entryOverheadBytes,
  hardStateRecordBytes,
  pieceOverheadBytes,
  recordBegins,
  recordEnds,
  recordHeaderBytes,
  recordKind,
  replicaIsGone,
  snapshotRecordBytes,
  snapshotResets,
} from "./record.ts";
import { entryData, pieceBytesMax, type RecordSet, type ReplicaRecord, type SnapshotRecord } from "./record-set.ts";
import type { StoredGroup } from "./stored-group.ts";

/** What the batch under construction holds of one group. */
export interface BatchSlot {
  group: StoredGroup;
  firstIndex: number;
  lastIndex: number;
  lastTerm: number;
  flags: number;
  hardState: HardState | undefined;
}

/** Where a batch will stand, and what it says of the log before it. */
export interface BatchStart {
  readonly position: number;
  readonly seed: number;
  readonly syncMark: LogPosition;
}

/** A piece is made no smaller than this just to fill a batch. */
const pieceBytesMin = pieceBytesMax / 16;

/** Two pieces of large entries, and as much of small ones beside. */
export const batchBodyBytesMin: number = 4 * pieceBytesMax;

export class BatchBuilder {
  /** @param bodyBytesMax how much a batch may hold; at least one piece of a large entry */
  constructor(bodyBytesMax: number) {
    assert(bodyBytesMax >= batchBodyBytesMin, "a batch holds pieces of large entries, and small ones beside");
    assert(bodyBytesMax <= batchBodyBytesMax, "a batch is no larger than a reader believes");
    this.#bodyBytesMax = bodyBytesMax;
    this.#reserve(blocksUp(bodyBytesMax + 8_192));
  }

  /** Bytes that records may still take. */
  get roomBytes(): number {
    return this.#bodyEnd - this.#next;
  }

  get isEmpty(): boolean {
    return this.#slotCount === 0;
  }

  /** Groups in this batch, in the order in which they came. */
  get slotCount(): number {
    return this.#slotCount;
  }

  slot(place: number): BatchSlot {
    return this.#slots[place] as BatchSlot;
  }

  /** @param prefixBytes kept free before the batch, for a segment's headers: whole blocks, see {@link prefix} */
  begin(groupCountMax: number, prefixBytes: number): void {
    assert(groupCountMax <= batchGroupsMax, "a batch has a most of groups");
    this.#prefixBytes = prefixBytes;
    this.#headerBytes = batchFixedBytes + batchGroupBytes * groupCountMax;
    this.#groupCountMax = groupCountMax;
    this.#reserve(prefixBytes + blocksUp(batchHeaderBytesMax + this.#bodyBytesMax));
    this.#bodyStart = prefixBytes + this.#headerBytes;
    this.#next = this.#bodyStart;
    this.#bodyEnd = this.#bodyStart + this.#bodyBytesMax;
    this.#slotCount = 0;
    this.#stamp++;
  }

  /** Whether this batch can list the group. */
  hasRoomFor(group: StoredGroup): boolean {
    return group.slotStamp === this.#stamp || this.#slotCount < this.#groupCountMax;
  }

  /** The whole set; there must be room for it. */
  add(set: RecordSet): void {
    assert(set.bytes <= this.roomBytes, "a record set fits the batch");
    set.save(this.#stamp);
    const slot = this.#slotOf(set.group);
    const { entries, hardState } = set;
    // First, since it clears what the batch lists of the replica before.
    if (set.replica !== undefined) this.#putReplica(slot, set, set.replica);
    if (set.snapshot !== undefined) this.#putSnapshot(slot, set, set.snapshot);
    if (set.compacted !== undefined) {
      const at = this.#putRecord(slot, recordKind.compacted, recordBegins | recordEnds, 16);
      putUint53(this.#view, at, set.compacted.term);
      putUint53(this.#view, at + 8, set.compacted.index);
    }
    for (let place = 0; place < entries.length; place++) {
      this.#putEntry(slot, set, place, this.#flagsOf(set, place));
    }
    if (hardState !== undefined) this.#putHardState(slot, hardState, this.#flagsOf(set, entries.length));
    set.nextEntry = entries.length;
    this.#setEnds(set, slot);
  }

  /** As much of a large set as fits `bytesMax` and the batch: whole entries, or pieces of one. False: nothing fits. */
  addPart(set: RecordSet, bytesMax: number): boolean {
    if (this.#unitBytes(set, this.roomBytes) > this.roomBytes) return false;
    set.save(this.#stamp);
    const slot = this.#slotOf(set.group);
    const end = Math.min(this.#next + bytesMax, this.#bodyEnd);
    // The first unit may go somewhat beyond what was allotted: while the batch has room a part is never empty.
    let unitBytes = this.#unitBytes(set, end - this.#next);
    do {
      this.#putUnit(slot, set, unitBytes);
      if (set.isComplete) {
        slot.flags &= ~flagUnfinished;
        return true;
      }
      unitBytes = this.#unitBytes(set, end - this.#next);
    } while (this.#next + unitBytes <= end);
    slot.flags |= flagUnfinished;
    return true;
  }

  /** Of the buffer, the bytes kept free before the batch. Valid until the next `begin`. */
  prefix(): Uint8Array {
    return this.#bytes.subarray(0, this.#prefixBytes);
  }

  /** Completes the batch and gives prefix, batch and the zeros up to the block's end. Valid until the next `begin`. */
  finish(start: BatchStart): Uint8Array {
    const view = this.#view;
    const at = this.#prefixBytes;
    this.#putGroups(at + batchFixedBytes);
    view.setUint32(at, batchMagic, true);
    view.setUint32(at + 8, this.#headerBytes, true);
    view.setUint32(at + 12, this.#next - this.#bodyStart, true);
    view.setUint32(at + 16, crc32(this.#bytes.subarray(this.#bodyStart, this.#next), start.seed), true);
    view.setUint32(at + 20, this.#slotCount, true);
    putUint53(view, at + 24, start.position);
    putUint53(view, at + 32, start.syncMark.segment);
    putUint53(view, at + 40, start.syncMark.offset);
    putUint53(view, at + 48, 0);
    putUint53(view, at + 56, 0);
    view.setUint32(at + 4, crc32(this.#bytes.subarray(at + 8, this.#bodyStart), start.seed), true);
    const end = blocksUp(this.#next);
    this.#bytes.fill(0, this.#next, end);
    return this.#bytes.subarray(0, end);
  }

  /** Bytes that {@link finish} will give. */
  get totalBytes(): number {
    return blocksUp(this.#next);
  }

  readonly #bodyBytesMax: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #prefixBytes = 0;
  #headerBytes = 0;
  #groupCountMax = 0;
  #bodyStart = 0;
  #bodyEnd = 0;
  #next = 0;
  #stamp = 0;
  #slotCount = 0;
  readonly #slots: BatchSlot[] = [];

  #reserve(bytes: number): void {
    if (this.#bytes.length >= bytes) return;
    this.#bytes = new Uint8Array(bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #slotOf(group: StoredGroup): BatchSlot {
    if (group.slotStamp === this.#stamp) return this.#slots[group.slotPlace] as BatchSlot;
    assert(this.#slotCount < this.#groupCountMax, "the batch has room for the group");
    group.slotStamp = this.#stamp;
    group.slotPlace = this.#slotCount;
    let slot = this.#slots[this.#slotCount];
    if (slot === undefined) {
      slot = { group, firstIndex: 0, lastIndex: 0, lastTerm: 0, flags: 0, hardState: undefined };
      this.#slots.push(slot);
    }
    slot.group = group;
    slot.firstIndex = 0;
    slot.lastIndex = 0;
    slot.lastTerm = 0;
    slot.flags = 0;
    slot.hardState = undefined;
    this.#slotCount++;
    return slot;
  }

  /** Of the entry at `place`, or, behind them all, of the hard state. */
  #flagsOf(set: RecordSet, place: number): number {
    const isFirst = place === 0 && set.snapshot === undefined;
    const isLast = place === set.entries.length - (set.hardState === undefined ? 1 : 0);
    return (isFirst ? recordBegins : 0) | (isLast ? recordEnds : 0);
  }

  #setEnds(set: RecordSet, slot: BatchSlot): void {
    set.isComplete = true;
    if (set.snapshot !== undefined) slot.flags |= flagSnapshot;
    // The header lists what is new in the log; a restated entry that is lost is missed where it stood before.
    if (set.isRestated) return;
    const first = set.entries[0];
    const last = set.entries.at(-1);
    if (first === undefined || last === undefined) return;
    slot.firstIndex = slot.firstIndex === 0 ? first.index : Math.min(slot.firstIndex, first.index);
    slot.lastIndex = last.index;
    slot.lastTerm = last.term;
  }

  #putRecord(slot: BatchSlot, kind: number, flags: number, bodyBytes: number): number {
    const at = this.#next;
    const view = this.#view;
    view.setUint8(at, kind);
    view.setUint8(at + 1, flags);
    view.setUint16(at + 2, slot.group.slotPlace, true);
    view.setUint32(at + 4, bodyBytes, true);
    this.#next = at + recordHeaderBytes + bodyBytes;
    return at + recordHeaderBytes;
  }

  #putSnapshot(slot: BatchSlot, set: RecordSet, snapshot: SnapshotRecord): void {
    const isAll = set.entries.length === 0 && set.hardState === undefined;
    const flags = (set.replica === undefined ? recordBegins : 0) | (isAll ? recordEnds : 0);
    const at = this.#putRecord(slot, recordKind.snapshot, flags, 24);
    putUint53(this.#view, at, snapshot.term);
    putUint53(this.#view, at + 8, snapshot.index);
    this.#view.setUint32(at + 16, snapshot.isReset ? snapshotResets : 0, true);
    this.#view.setUint32(at + 20, 0, true);
    set.isSnapshotPut = true;
  }

  /** What the batch lists of the group from here on is of the new replica, if there is one. */
  #putReplica(slot: BatchSlot, set: RecordSet, { replica, isEnd }: ReplicaRecord): void {
    const flags = recordBegins | (set.snapshot === undefined ? recordEnds : 0);
    const at = this.#putRecord(slot, recordKind.replica, flags, 16);
    putUint53(this.#view, at, replica);
    putUint53(this.#view, at + 8, isEnd ? replicaIsGone : 0);
    slot.firstIndex = 0;
    slot.lastIndex = 0;
    slot.lastTerm = 0;
    slot.flags = flagBeginning;
    slot.hardState = undefined;
  }

  #putEntry(slot: BatchSlot, set: RecordSet, place: number, flags: number): void {
    const entry = set.entries[place] as Entry;
    const data = entryData(entry);
    const kind =
      entry.kind === "normal"
        ? set.isRestated
          ? recordKind.restatedEntry
          : recordKind.entry
        : set.isRestated
          ? recordKind.restatedConfigurationEntry
          : recordKind.configurationEntry;
    const at = this.#putRecord(slot, kind, flags, 16 + data.length);
    putUint53(this.#view, at, entry.term);
    putUint53(this.#view, at + 8, entry.index);
    this.#bytes.set(data, at + 16);
  }

  #putHardState(slot: BatchSlot, hardState: HardState, flags: number): void {
    const at = this.#putRecord(slot, recordKind.hardState, flags, 24);
    putUint53(this.#view, at, hardState.term);
    putUint53(this.#view, at + 8, hardState.vote ?? 0);
    putUint53(this.#view, at + 16, hardState.commit);
    slot.hardState = hardState;
    slot.flags |= flagHardState;
  }

  /** Bytes of the next record of a set: the snapshot, an entry, a piece that is fit into `bytesMax` but not made tiny, or the hard state. */
  #unitBytes(set: RecordSet, bytesMax: number): number {
    if (set.snapshot !== undefined && !set.isSnapshotPut) return snapshotRecordBytes;
    const entry = set.entries[set.nextEntry];
    if (entry === undefined) return hardStateRecordBytes;
    const dataBytes = entryData(entry).length;
    if (dataBytes <= pieceBytesMax) return entryOverheadBytes + dataBytes;
    const leftBytes = Math.min(dataBytes - set.nextByte, pieceBytesMax);
    const fitBytes = Math.max(Math.min(leftBytes, bytesMax - pieceOverheadBytes), Math.min(leftBytes, pieceBytesMin));
    return pieceOverheadBytes + fitBytes;
  }

  #putUnit(slot: BatchSlot, set: RecordSet, unitBytes: number): void {
    if (set.snapshot !== undefined && !set.isSnapshotPut) {
      this.#putSnapshot(slot, set, set.snapshot);
      return;
    }
    const entry = set.entries[set.nextEntry];
    if (entry === undefined) {
      if (set.hardState !== undefined) this.#putHardState(slot, set.hardState, recordEnds);
      this.#setEnds(set, slot);
      return;
    }
    const flags = this.#flagsOf(set, set.nextEntry);
    const data = entryData(entry);
    if (data.length <= pieceBytesMax) {
      this.#putEntry(slot, set, set.nextEntry, flags);
      set.nextEntry++;
    } else {
      this.#putPiece(slot, set, { entry, data, flags }, unitBytes - pieceOverheadBytes);
    }
    if (set.nextEntry === set.entries.length && set.hardState === undefined) this.#setEnds(set, slot);
  }

  #putPiece(
    slot: BatchSlot,
    set: RecordSet,
    whole: { readonly entry: Entry; readonly data: Uint8Array; readonly flags: number },
    bytes: number,
  ): void {
    const { entry, data } = whole;
    const offset = set.nextByte;
    const begins = offset === 0 ? whole.flags & recordBegins : 0;
    const ends = offset + bytes === data.length ? whole.flags & recordEnds : 0;
    const kind = set.isRestated ? recordKind.restatedPiece : recordKind.piece;
    const at = this.#putRecord(slot, kind, begins | ends, 24 + bytes);
    putUint53(this.#view, at, entry.term);
    putUint53(this.#view, at + 8, entry.index);
    this.#view.setUint32(at + 16, data.length, true);
    this.#view.setUint32(at + 20, offset, true);
    this.#bytes.set(data.subarray(offset, offset + bytes), at + 24);
    set.nextByte = offset + bytes;
    if (set.nextByte < data.length) return;
    set.nextEntry++;
    set.nextByte = 0;
  }

  #putGroups(tableStart: number): void {
    const view = this.#view;
    for (let place = 0; place < this.#slotCount; place++) {
      const slot = this.#slots[place] as BatchSlot;
      const at = tableStart + place * batchGroupBytes;
      putUint53(view, at, slot.group.group);
      putUint53(view, at + 8, slot.group.durable.batchCount + 1);
      putUint53(view, at + 16, slot.firstIndex);
      putUint53(view, at + 24, slot.lastIndex);
      putUint53(view, at + 32, slot.lastTerm);
      view.setUint32(at + 40, slot.flags, true);
      view.setUint32(at + 44, 0, true);
    }
    this.#bytes.fill(0, tableStart + this.#slotCount * batchGroupBytes, this.#bodyStart);
  }
}
