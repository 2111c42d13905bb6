/**
 * The format of a snapshot of a keyspace: one stream of bytes, which may be cut into chunks anywhere. It is made for
 * good: every version must read what any version ever wrote, or say that it must be upgraded.
 *
 * ```
 *   0  u8[8]  magic: 8f "CTRS" 0d 0a 1a
 *   8  u16    format, 1
 *  10  u16    0
 *  12  u64    appliedIndex   ┐
 *  20  u64    clockMs        ├ the state's header
 *  28  u32    semanticsLevel ┘
 *  32  u32    CRC-32 of the bytes before
 *  36  the items, each beginning with its kind (u8) and its flags (u8), kind by kind:
 *        1 to 63   a key: its kind is the form of its value + 1
 *          varint keyBytes · varint valueBytes · varint revision · u64 deadlineMs, if bit 0 of the flags is set
 *          · the key · the value
 *        64        a session, in the order of their last use; the flags are 0
 *          u32 bytes · [id, ttlMs, usedMs, lastSequence, [kept replies]] as RESP (session.ts)
 *        65        kept free for replicated settings
 *        255       the end
 *          u64 keyCount · u64 logicalBytes · u8[16] the digest of the state (digest.ts)
 * ```
 *
 * Everything is little endian; a varint is LEB128 (seven bits a byte, the lowest first) in its shortest form, below
 * 2^53. Keys come in their logical order (key-hash.ts), and nothing follows the end. The forms of values are those of
 * value.ts: 0 a plain string, 1 and 2 a string that was written in parts, the second where Redis calls it "embstr".
 */
import { crc32 } from "node:zlib";
import { assert, CoterieError } from "../platform/index.ts";
import type { Deadline } from "./deadline-index.ts";
import type { KeyspaceHeader } from "./keyspace-contents.ts";
import { plainForm, type ValueForm } from "./value.ts";

/** The only format there is. */
export const snapshotFormat = 1;
export const snapshotHeaderBytes = 36;

const magic: Buffer = Buffer.from([0x8f, 0x43, 0x54, 0x52, 0x53, 0x0d, 0x0a, 0x1a]);
const formatOffset = 8;
const indexOffset = 12;
const clockOffset = 20;
const levelOffset = 28;
const checksumOffset = 32;

export const sessionKind = 64;
/** What stands before a session's bytes. */
export const sessionItemHeadBytes = 6;
export const endKind = 255;
export const endItemBytes = 34;
/** What stands before a key's bytes is never longer. */
export const keyItemHeadBytesMax = 28;

const deadlineFlag = 1;
const firstKeyKind = 1;
const formCount = 3;
/** The longest varint: of 2^53 - 1. */
const varintBytesMax = 8;
const uint32Count = 0x1_0000_0000;
const deadlineEnd = 0x8000_0000_0000_0000n;

/** The bytes are no snapshot, or one that was cut short or damaged. Nothing was made of them; get another copy. */
export class SnapshotFormatError extends CoterieError {
  readonly code = "SNAPSHOT_FORMAT";
}

/** The snapshot was written by a newer version. Nothing was made of it; upgrade this node. */
export class SnapshotUnknownError extends CoterieError {
  readonly code = "SNAPSHOT_UNKNOWN";
}

/** A snapshot of the right form has not the content that it had: damage, or a bug. Nothing was made of it; get another copy. */
export class SnapshotDigestError extends CoterieError {
  readonly code = "SNAPSHOT_DIGEST";
}

/** What stands before a key and its value. */
export interface KeyItemHead {
  readonly form: ValueForm;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly revision: number;
  readonly deadline: Deadline | undefined;
}

export interface EndItem {
  readonly keyCount: number;
  readonly logicalBytes: number;
  /** 32 hexadecimal digits. */
  readonly digest: string;
}

export function writeHeader(target: Buffer, header: KeyspaceHeader): void {
  magic.copy(target, 0);
  target.writeUInt32LE(snapshotFormat, formatOffset);
  writeUint64(target, indexOffset, header.appliedIndex);
  writeUint64(target, clockOffset, header.clockMs);
  target.writeUInt32LE(header.semanticsLevel, levelOffset);
  target.writeUInt32LE(crc32(target.subarray(0, checksumOffset)), checksumOffset);
}

/** @throws SnapshotFormatError (SNAPSHOT_FORMAT), SnapshotUnknownError (SNAPSHOT_UNKNOWN) */
export function readHeader(source: Buffer): KeyspaceHeader {
  if (!source.subarray(0, magic.length).equals(magic))
    throw new SnapshotFormatError("no snapshot: it begins otherwise");
  if (source.readUInt32LE(checksumOffset) !== crc32(source.subarray(0, checksumOffset))) {
    throw new SnapshotFormatError("a snapshot's header is damaged");
  }
  const format = source.readUInt32LE(formatOffset);
  if (format !== snapshotFormat) {
    throw new SnapshotUnknownError(`a snapshot of format ${format}: this version knows ${snapshotFormat}; upgrade it`);
  }
  const appliedIndex = readUint64(source, indexOffset);
  const clockMs = readUint64(source, clockOffset);
  const semanticsLevel = source.readUInt32LE(levelOffset);
  if (appliedIndex === undefined || clockMs === undefined || semanticsLevel === 0) {
    throw new SnapshotFormatError("a snapshot's header holds numbers that it cannot");
  }
  return { appliedIndex, clockMs, semanticsLevel };
}

/** Writes a key's head at `start`, where there must be {@link keyItemHeadBytesMax} bytes of room, and gives its end. */
export function writeKeyHead(target: Buffer, start: number, head: KeyItemHead): number {
  const { deadline } = head;
  target[start] = head.form + firstKeyKind;
  target[start + 1] = deadline === undefined ? 0 : deadlineFlag;
  let at = writeVarint(target, start + 2, head.keyBytes);
  at = writeVarint(target, at, head.valueBytes);
  at = writeVarint(target, at, head.revision);
  if (deadline === undefined) return at;
  if (typeof deadline === "bigint") return target.writeBigUInt64LE(deadline, at);
  writeUint64(target, at, deadline);
  return at + 8;
}

/** Reads one head after the other. */
export class KeyItemReader implements KeyItemHead {
  form: ValueForm = plainForm;
  keyBytes = 0;
  valueBytes = 0;
  revision = 0;
  deadline: Deadline | undefined;
  #varint = 0;

  /**
   * Reads the head that begins at `start`, and gives its end; undefined if it goes on behind `end`.
   *
   * @throws SnapshotFormatError (SNAPSHOT_FORMAT), SnapshotUnknownError (SNAPSHOT_UNKNOWN)
   */
  read(source: Buffer, start: number, end: number): number | undefined {
    if (end - start < 2) return undefined;
    const kind = source[start] as number;
    const flags = source[start + 1] as number;
    const form = kind - firstKeyKind;
    if (!isForm(form) || flags > deadlineFlag) {
      throw new SnapshotUnknownError(`this version does not know a snapshot's item ${kind}.${flags}; upgrade it`);
    }
    this.form = form;
    let at = this.#readVarint(source, start + 2, end);
    if (at === undefined) return undefined;
    this.keyBytes = this.#varint;
    at = this.#readVarint(source, at, end);
    if (at === undefined) return undefined;
    this.valueBytes = this.#varint;
    at = this.#readVarint(source, at, end);
    if (at === undefined) return undefined;
    this.revision = this.#varint;
    this.deadline = undefined;
    if (flags === 0) return at;
    if (end - at < 8) return undefined;
    this.deadline = readDeadline(source, at);
    return at + 8;
  }

  /** Gives where the number ends; undefined if that is behind `end`. */
  #readVarint(source: Buffer, start: number, end: number): number | undefined {
    const first = source[start] as number;
    if (start < end && first < 0x80) {
      this.#varint = first;
      return start + 1;
    }
    let value = 0;
    let unit = 1;
    for (let at = start; at < end && at < start + varintBytesMax; at++) {
      const byte = source[at] as number;
      value += (byte & 0x7f) * unit;
      unit *= 0x80;
      if (byte >= 0x80) continue;
      if (byte === 0 || !Number.isSafeInteger(value)) break;
      this.#varint = value;
      return at + 1;
    }
    if (end - start < varintBytesMax && (end === start || (source[end - 1] as number) >= 0x80)) return undefined;
    throw new SnapshotFormatError("a number in a snapshot is longer than it need be, or above 2^53 - 1");
  }
}

function isForm(form: number): form is ValueForm {
  return form >= 0 && form < formCount;
}

function readDeadline(source: Buffer, at: number): Deadline {
  const exact = readUint64(source, at);
  if (exact !== undefined) return exact;
  const deadline = source.readBigUInt64LE(at);
  if (deadline >= deadlineEnd) throw new SnapshotFormatError(`a deadline of ${deadline} in a snapshot`);
  return deadline;
}

/** Writes a session's head at `start`, where there must be {@link sessionItemHeadBytes} bytes of room, and gives its end. */
export function writeSessionHead(target: Buffer, start: number, byteLength: number): number {
  target[start] = sessionKind;
  target[start + 1] = 0;
  return target.writeUInt32LE(byteLength, start + 2);
}

/** Gives how many bytes the session has. @throws SnapshotUnknownError (SNAPSHOT_UNKNOWN) */
export function readSessionHead(source: Buffer, start: number): number {
  const flags = source[start + 1] as number;
  if (flags !== 0) {
    throw new SnapshotUnknownError(`this version does not know a snapshot's session of kind ${flags}; upgrade it`);
  }
  return source.readUInt32LE(start + 2);
}

/** Writes the end at `start`, where there must be {@link endItemBytes} bytes of room. */
export function writeEnd(target: Buffer, start: number, { keyCount, logicalBytes, digest }: EndItem): void {
  target[start] = endKind;
  target[start + 1] = 0;
  writeUint64(target, start + 2, keyCount);
  writeUint64(target, start + 10, logicalBytes);
  target.write(digest, start + 18, "hex");
}

/** @throws SnapshotFormatError (SNAPSHOT_FORMAT) */
export function readEnd(source: Buffer, start: number): EndItem {
  const keyCount = readUint64(source, start + 2);
  const logicalBytes = readUint64(source, start + 10);
  if (source[start + 1] !== 0 || keyCount === undefined || logicalBytes === undefined) {
    throw new SnapshotFormatError("a snapshot's end holds numbers that it cannot");
  }
  return { keyCount, logicalBytes, digest: source.toString("hex", start + 18, start + endItemBytes) };
}

function writeUint64(target: Buffer, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, `${value} is written as an unsigned integer`);
  target.writeUInt32LE(value % uint32Count, at);
  target.writeUInt32LE(Math.floor(value / uint32Count), at + 4);
}

/** Undefined if it is above 2^53 - 1. */
function readUint64(source: Buffer, at: number): number | undefined {
  const value = source.readUInt32LE(at + 4) * uint32Count + source.readUInt32LE(at);
  return Number.isSafeInteger(value) ? value : undefined;
}

function writeVarint(target: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[at++] = rest;
  return at;
}
