/**
 * A snapshot of a keyspace, made while entries go on being applied. It stands for the state between the two entries where
 * it began, and copies as little as it can: a walker goes through the keys in their logical order, and a key that is
 * about to change, to be removed or to be freed before the walker has come to it is kept as it was, on its first change
 * only. Keys changed since the beginning are told by their revisions, so neither a list of them is needed nor a mark on
 * each; what was kept comes at its turn. `FLUSHALL` gives the keyspace a new table and leaves the snapshot the old one.
 *
 * ```
 *   passed: written, free to change        │        to come: kept before its first change
 *   ───────────────────────────────────────┼──────────────────────────────────────────────
 *            the logical order             └ the last key that was looked at
 * ```
 *
 * The sessions follow the keys, by the same rule (frozen-sessions.ts).
 *
 * Plain strings never change, so keeping one costs a reference; one written in parts is copied once bytes that it has
 * are overwritten.
 */
import { assert } from "../platform/index.ts";
import type { DeadlineIndex } from "./deadline-index.ts";
import { partOfValue, StateDigest } from "./digest.ts";
import type { FrozenSessions } from "./frozen-sessions.ts";
import { HeldRecords, heldOverheadBytes } from "./held-records.ts";
import type { KeyPosition } from "./key-hash.ts";
import { deadlineIdOf } from "./key-leaf.ts";
import type { KeyRecord } from "./key-record.ts";
import type { KeyTable, KeyWalk } from "./key-table.ts";
import type { KeyspaceHeader } from "./keyspace-contents.ts";
import {
  endItemBytes,
  keyItemHeadBytesMax,
  sessionItemHeadBytes,
  snapshotHeaderBytes,
  writeEnd,
  writeHeader,
  writeKeyHead,
  writeSessionHead,
} from "./snapshot-format.ts";
import { cloneOf, deadlineBytes, formOf, logicalBytes, type Value } from "./value.ts";

/** What `next` gives by default. */
export const snapshotChunkBytes = 65_536;
/** A chunk is never made smaller: the end and every head must find room. */
const chunkBytesMin = 64;
/** One call of `next` looks at no more keys, so that it takes no longer where there is little to write. */
const keysPerCallMax = 4_096;

export interface SnapshotOptions {
  /**
   * The snapshot is abandoned when what it alone holds (keys and sessions kept before their turn; after `FLUSHALL`, the
   * old table) weighs more. A value that is being written, of a key whose turn has come, is not counted.
   */
  readonly heldBytesMax: number;
}

/** What a snapshot is taken of. */
export interface SnapshotSource {
  readonly header: KeyspaceHeader;
  readonly table: KeyTable;
  readonly deadlines: DeadlineIndex;
  readonly sessions: FrozenSessions;
  /** Called once, when changes need not be told any more. */
  ended(): void;
}

export class KeyspaceSnapshot {
  /** Of the state that the snapshot stands for. */
  readonly header: KeyspaceHeader;
  readonly #heldBytesMax: number;
  /** Undefined once nothing is to be had from it any more. */
  #source: SnapshotSource | undefined;
  readonly #held: HeldRecords = new HeldRecords();
  readonly #digest: StateDigest;
  #heldBytes = 0;
  #isAbandoned = false;
  #isBegun = false;
  #finishedDigest: string | undefined;

  /** The last key that was looked at. */
  #position: KeyPosition = -1;
  #key = "";
  #keyCount = 0;
  #logicalBytes = 0;
  /** The key that is being written: what is left of it and of its value. */
  #rest = "";
  #value: Value = "";
  #valueAt = 0;

  #chunk: Buffer = Buffer.alloc(0);
  #end = 0;

  constructor({ heldBytesMax }: SnapshotOptions, source: SnapshotSource) {
    this.header = source.header;
    this.#heldBytesMax = heldBytesMax;
    this.#source = source;
    this.#digest = new StateDigest(source.header);
    source.sessions.onHeld = (bytes) => this.#hold(bytes);
  }

  /** What is held in memory for this snapshot alone. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** It held more than `heldBytesMax` and is of no use any more: the host closes it and tries again later. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** The digest of the state, as `checksum` had it then; undefined until `next` has given the last chunk. */
  get digest(): string | undefined {
    return this.#finishedDigest;
  }

  /** Keys that were written. */
  get keyCount(): number {
    return this.#keyCount;
  }

  /**
   * The next bytes of the stream (snapshot-format.ts): at most `room` (not below 64) in memory of their own, or as many
   * as there is room for in the caller's; now and then none, where nearly all keys are new; undefined at the end. Must not
   * be called once `isAbandoned`, which any entry may bring about.
   */
  next(room: number | Buffer = snapshotChunkBytes): Uint8Array | undefined {
    assert(!this.#isAbandoned, "an abandoned snapshot is asked for more");
    const source = this.#source;
    if (source === undefined) {
      assert(this.#finishedDigest !== undefined, "a closed snapshot is asked for more");
      return undefined;
    }
    this.#chunk = typeof room === "number" ? Buffer.allocUnsafeSlow(Math.max(room, chunkBytesMin)) : room;
    assert(this.#chunk.length >= chunkBytesMin, "a chunk has room for the head of a key");
    this.#end = 0;
    if (!this.#isBegun) {
      this.#isBegun = true;
      writeHeader(this.#chunk, this.header);
      this.#end = snapshotHeaderBytes;
    }
    if (this.#writeRest()) this.#writeKeys(source);
    const chunk = this.#chunk.subarray(0, this.#end);
    this.#chunk = Buffer.alloc(0);
    return chunk;
  }

  /** Frees everything. The keyspace goes on as if nothing had been; so may be called at any time, and again. */
  close(): void {
    this.#release();
  }

  // ── For the keyspace ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the key at `position` has been looked at, so that it may change. */
  hasPassed(position: KeyPosition, key: string): boolean {
    return position < this.#position || (position === this.#position && key <= this.#key);
  }

  /** Keeps the record of a key that has not been passed and is about to change for the first time. */
  keep(position: KeyPosition, record: KeyRecord): void {
    this.#held.add(position, record);
    this.#hold(heldBytesOf(record));
  }

  /** The table, of `tableBytes`, belongs to this snapshot alone from now on. */
  takeOver(tableBytes: number): void {
    this.#hold(tableBytes);
  }

  #hold(byteCount: number): void {
    this.#heldBytes += byteCount;
    if (this.#heldBytes <= this.#heldBytesMax) return;
    this.#isAbandoned = true;
    this.#release();
  }

  /** Goes on from the last key that was looked at until the chunk is full or enough keys were looked at. */
  #writeKeys({ header, table, deadlines, sessions }: SnapshotSource): void {
    const held = this.#held;
    const walk = table.walk(Math.max(this.#position, 0));
    while (!walk.isOver && this.hasPassed(walk.position, walk.key)) walk.next();
    for (let lookedAt = 0; lookedAt < keysPerCallMax; lookedAt++) {
      if (this.#chunk.length - this.#end < keyItemHeadBytesMax) return;
      if (held.count > 0 && (walk.isOver || this.#isHeldFirst(walk))) {
        if (!this.#writeHeld()) return;
      } else if (walk.isOver) {
        this.#writeSessions(sessions);
        return;
      } else {
        const { key, value, meta } = walk;
        this.#position = walk.position;
        this.#key = key;
        const revision = meta < 0 ? deadlines.revision(deadlineIdOf(meta)) : meta;
        if (revision <= header.appliedIndex) {
          const deadline = meta < 0 ? deadlines.exactDeadline(deadlineIdOf(meta)) : undefined;
          if (!this.#writeKey({ key, value, deadline, revision })) return;
        }
        walk.next();
      }
    }
  }

  /** Whether a held record comes before what the walk stands at, which may be the same key as it has become. */
  #isHeldFirst(walk: KeyWalk): boolean {
    const { first, firstPosition } = this.#held;
    const { position } = walk;
    return firstPosition !== position ? firstPosition < position : first.key <= walk.key;
  }

  #writeHeld(): boolean {
    const record = this.#held.first;
    assert(!this.hasPassed(this.#held.firstPosition, record.key), "a key was kept after its turn");
    this.#position = this.#held.firstPosition;
    this.#key = record.key;
    this.#held.removeFirst();
    this.#heldBytes -= heldBytesOf(record);
    return this.#writeKey(record);
  }

  /** False if the chunk is full before all was written. */
  #writeKey(record: KeyRecord): boolean {
    const { key, value, deadline, revision } = record;
    const form = formOf(value);
    this.#digest.addKey(key, revision, deadline);
    this.#digest.beginValue(form, value.length);
    const head = { form, keyBytes: key.length, valueBytes: value.length, revision, deadline };
    this.#end = writeKeyHead(this.#chunk, this.#end, head);
    this.#keyCount++;
    this.#logicalBytes += logicalBytes(key, value) + (deadline === undefined ? 0 : deadlineBytes);
    this.#rest = key;
    this.#value = value;
    this.#valueAt = 0;
    if (this.#writeRest()) return true;
    this.#value = cloneOf(value);
    return false;
  }

  /** Writes what is left of the key under way; false if the chunk is full before. */
  #writeRest(): boolean {
    for (;;) {
      const rest = this.#rest;
      const room = this.#chunk.length - this.#end;
      if (rest.length > room) {
        this.#write(rest.slice(0, room));
        this.#rest = rest.slice(room);
        return false;
      }
      this.#write(rest);
      if (this.#valueAt >= this.#value.length) break;
      this.#rest = partOfValue(this.#value, this.#valueAt);
      this.#valueAt += this.#rest.length;
      this.#digest.addValuePart(this.#rest);
    }
    this.#rest = "";
    this.#value = "";
    this.#valueAt = 0;
    return true;
  }

  #write(text: string): void {
    this.#end += this.#chunk.latin1Write(text, this.#end);
  }

  /** Goes on with the sessions until the chunk is full or all are written, and then writes the end. */
  #writeSessions(sessions: FrozenSessions): void {
    while (this.#chunk.length - this.#end >= sessionItemHeadBytes) {
      const text = sessions.next();
      if (text === undefined) {
        this.#finish();
        return;
      }
      this.#digest.addSession(text);
      this.#end = writeSessionHead(this.#chunk, this.#end, text.length);
      this.#rest = text;
      if (!this.#writeRest()) return;
    }
  }

  /** Writes the end, if there is room for it. */
  #finish(): void {
    if (this.#chunk.length - this.#end < endItemBytes) return;
    const digest = this.#digest.finish();
    writeEnd(this.#chunk, this.#end, { keyCount: this.#keyCount, logicalBytes: this.#logicalBytes, digest });
    this.#end += endItemBytes;
    this.#finishedDigest = digest;
    this.#release();
  }

  #release(): void {
    this.#source?.sessions.end();
    this.#source?.ended();
    this.#source = undefined;
    this.#held.clear();
    this.#heldBytes = 0;
    this.#rest = "";
    this.#value = "";
    this.#valueAt = 0;
    this.#key = "";
  }
}

function heldBytesOf({ key, value }: KeyRecord): number {
  return heldOverheadBytes + key.length + value.length;
}
