/**
 * The format of a log entry's data: a batch of commands under one time and one random seed. It is made for good: every
 * replica, of every version, must read what any leader ever wrote.
 *
 * ```
 *  0  u8   format, 1
 *  1  u8   reserved, 0
 *  2  u48  timeMs: the leader's entry time, milliseconds since the Unix epoch
 *  8  u32  seedLow  ┐ the random seed, u64
 * 12  u32  seedHigh ┘
 * 16  u32  commandCount
 * 20  the commands:  u8 kind (0: plain) · varint wordCount · wordCount × (varint byteLength · bytes)
 * ```
 *
 * Everything is little endian; a varint is LEB128 (seven bits a byte, the lowest first) in its shortest form, below
 * 2^31. The first byte 2 is the cluster's: a piece of an entry that is too large to travel whole. The first word is the
 * command's name in upper case. An entry without commands advances the replicated clock.
 * *Empty data* is Raft's own empty entry and changes nothing.
 */
import { assert, CoterieError } from "../platform/index.ts";
import type { Arguments } from "../resp/index.ts";
import type { KeysAhead } from "./keys-ahead.ts";

/** The only format there is. */
export const entryFormat = 1;
/** What stands before the first command. */
export const entryHeaderBytes = 20;
/** The last time that the format can hold, in the year 10889. */
export const entryTimeMsMax = 0xffff_ffff_ffff;

const plainKind = 0;
/** Longer words are copied by the built-in copy, whose call alone costs as much as this many bytes one by one. */
const loopCopyBytesMax = 40;
const firstCapacity = 4_096;
/** A buffer that one large batch needed is not kept for the small ones after it. */
const keptCapacityMax = 1_048_576;
const varintMax = 0x7fff_ffff;
/** Commands with more words are not looked through twice. */
const wordsAheadMax = 16;

/** What an entry says to all of its commands. */
export interface EntryHeader {
  /** Milliseconds since the Unix epoch, 0 to {@link entryTimeMsMax}. */
  readonly timeMs: number;
  /** The seed's low and high half, each from 0 to 2^32 - 1. */
  readonly seedLow: number;
  readonly seedHigh: number;
}

/** The bytes are no entry: damage that passed the checksums, or a bug. The replica that meets it must stop. */
export class EntryFormatError extends CoterieError {
  readonly code = "ENTRY_FORMAT";
}

/** The entry was written by a newer version that this one does not understand. The replica must stop until it is upgraded. */
export class EntryUnknownError extends CoterieError {
  readonly code = "ENTRY_UNKNOWN";
}

/** Builds one entry after the other: `begin`, `add` for each command, `finish`. */
export class EntryWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(firstCapacity);
  #end = entryHeaderBytes;
  #commandCount = 0;

  /** Commands added since `begin`. */
  get commandCount(): number {
    return this.#commandCount;
  }

  /** The size that the entry has by now. */
  get byteLength(): number {
    return this.#end;
  }

  /** Starts an entry. What was added and not finished is dropped. */
  begin(): void {
    this.#end = entryHeaderBytes;
    this.#commandCount = 0;
    if (this.#bytes.length > keptCapacityMax) this.#bytes = Buffer.allocUnsafeSlow(firstCapacity);
  }

  /** Copies a command; its name in upper case. `args` may be reused at once. */
  add(args: Arguments): void {
    const { count, starts, ends } = args;
    assert(count > 0, "a command without words");
    let size = 6;
    for (let word = 0; word < count; word++) size += (ends[word] as number) - (starts[word] as number) + 5;
    if (this.#end + size > this.#bytes.length) this.#grow(size);
    const target = this.#bytes;
    const source = args.bytes;
    let at = this.#end;
    target[at++] = plainKind;
    at = writeVarint(target, at, count);
    for (let word = 0; word < count; word++) {
      const start = starts[word] as number;
      const end = ends[word] as number;
      at = writeVarint(target, at, end - start);
      if (word === 0) {
        for (let from = start; from < end; from++) target[at++] = upperCase(source[from] as number);
      } else if (end - start <= loopCopyBytesMax) {
        for (let from = start; from < end; from++) target[at++] = source[from] as number;
      } else {
        at += source.copy(target, at, start, end);
      }
    }
    this.#end = at;
    this.#commandCount++;
  }

  /** The entry, in memory that nobody writes to again. `begin` comes before the next `add`. */
  finish(header: EntryHeader): Uint8Array {
    const { timeMs, seedLow, seedHigh } = header;
    assert(Number.isInteger(timeMs) && timeMs >= 0 && timeMs <= entryTimeMsMax, "an entry's time out of range");
    const bytes = this.#bytes;
    bytes[0] = entryFormat;
    bytes[1] = 0;
    bytes.writeUIntLE(timeMs, 2, 6);
    bytes.writeUInt32LE(seedLow, 8);
    bytes.writeUInt32LE(seedHigh, 12);
    bytes.writeUInt32LE(this.#commandCount, 16);
    const entry = Buffer.allocUnsafe(this.#end);
    bytes.copy(entry, 0, 0, this.#end);
    return entry;
  }

  #grow(size: number): void {
    const needed = this.#end + size;
    assert(needed <= varintMax, "an entry above 2 GiB");
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#bytes.length * 2, varintMax)));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}

/** Reads one entry after the other: `open`, then `next` for each command. */
export class EntryReader implements EntryHeader {
  timeMs = 0;
  seedLow = 0;
  seedHigh = 0;
  commandCount = 0;
  /** Raft's own empty entry: it says nothing, not even a time. */
  isEmpty = true;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #commandsLeft = 0;

  /**
   * Begins to read `data`, which must stay untouched until the last command has been read.
   *
   * @throws EntryFormatError (ENTRY_FORMAT), EntryUnknownError (ENTRY_UNKNOWN)
   */
  open(data: Uint8Array): void {
    const bytes = data instanceof Buffer ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#bytes = bytes;
    this.isEmpty = bytes.length === 0;
    this.#at = this.isEmpty ? 0 : entryHeaderBytes;
    if (this.isEmpty) {
      this.timeMs = this.seedLow = this.seedHigh = this.commandCount = this.#commandsLeft = 0;
      return;
    }
    if (bytes[0] !== entryFormat || (bytes[1] ?? 0) !== 0) {
      throw new EntryUnknownError(
        `an entry of format ${bytes[0]}.${bytes[1] ?? 0}: this version knows 1.0; upgrade it`,
      );
    }
    if (bytes.length < entryHeaderBytes) throw new EntryFormatError(`an entry of ${bytes.length} bytes is cut short`);
    this.timeMs = bytes.readUIntLE(2, 6);
    this.seedLow = bytes.readUInt32LE(8);
    this.seedHigh = bytes.readUInt32LE(12);
    this.commandCount = this.#commandsLeft = bytes.readUInt32LE(16);
  }

  /**
   * Points `args` at the next command's words; false when there is none left.
   *
   * @throws EntryFormatError (ENTRY_FORMAT), EntryUnknownError (ENTRY_UNKNOWN)
   */
  next(args: Arguments): boolean {
    const bytes = this.#bytes;
    if (this.#commandsLeft === 0) {
      if (this.#at !== bytes.length) throw new EntryFormatError("bytes follow the last command of an entry");
      return false;
    }
    this.#commandsLeft--;
    const kind = bytes[this.#at++];
    if (kind !== plainKind) {
      if (kind === undefined) throw new EntryFormatError("an entry ends before its last command");
      throw new EntryUnknownError(`a command of kind ${kind}: this version knows 0; upgrade it`);
    }
    const wordCount = this.#readVarint();
    if (wordCount === 0) throw new EntryFormatError("a command without words");
    // A count from damaged bytes cannot make `args` grow beyond the entry: words are added as they are found.
    args.clear(bytes);
    for (let word = 0; word < wordCount; word++) {
      const byteLength = this.#readVarint();
      const start = this.#at;
      if (byteLength > bytes.length - start) {
        throw new EntryFormatError(`a word of ${byteLength} bytes goes past the end of its entry`);
      }
      this.#at = start + byteLength;
      args.push(start, this.#at);
    }
    return true;
  }

  /**
   * Gives `keys` the second words of the commands to come, as many as fit. It stops where a command is long or makes no
   * sense: that is `next`'s to say.
   */
  readAhead(keys: KeysAhead): void {
    const bytes = this.#bytes;
    const at = this.#at;
    keys.begin(bytes);
    for (let left = this.#commandsLeft; left > 0 && !keys.isFull && bytes[this.#at] === plainKind; left--) {
      this.#at++;
      const wordCount = this.#readVarint();
      if (wordCount > wordsAheadMax) break;
      for (let word = 0; word < wordCount; word++) {
        const byteLength = this.#readVarint();
        const start = this.#at;
        this.#at = start + byteLength;
        if (word === 1 && this.#at <= bytes.length) keys.push(start, this.#at);
      }
    }
    this.#at = at;
  }

  #readVarint(): number {
    const bytes = this.#bytes;
    const first = bytes[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at++;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[this.#at++];
      if (byte === undefined) throw new EntryFormatError("an entry ends within a number");
      // The fifth byte has room for bits 28 to 30.
      if (shift === 28 && byte > 7) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw new EntryFormatError("a number in an entry is longer than it need be");
        return value;
      }
    }
    throw new EntryFormatError("a number in an entry is above 2^31 - 1");
  }
}

function upperCase(byte: number): number {
  return byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
}

function writeVarint(target: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}
