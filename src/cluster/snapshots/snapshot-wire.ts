/**
 * A snapshot on its way from a leader to a follower. The leader's `installSnapshot`, one of Raft's messages, carries only
 * a description of it; the follower then asks for the stream, piece by piece, and so sets the pace and goes on where it
 * was after a break:
 *
 * ```
 * description         u53 bytes of the stream | u32 its CRC-32
 * snapshotQuestion    u53 group | u53 index | u32 CRC-32 | u53 offset | u32 bytes       control connection
 * snapshotPiece       u53 group | u53 index | u32 CRC-32 | u53 offset | the bytes       bulk connection
 * ```
 *
 * Index and checksum together name one stream; the same one may come from several nodes. A piece without bytes says that
 * its sender no longer has the stream.
 */
import { ByteReader, ByteWriter, type PeerLink } from "../../net/index.ts";
import type { LogIndex } from "../../raft/index.ts";
import { messageType } from "../peers/message-type.ts";

export interface SnapshotDescription {
  readonly sizeBytes: number;
  /** CRC-32 of the whole stream. */
  readonly checksum: number;
}

export interface StreamPlace {
  readonly group: number;
  readonly index: LogIndex;
  readonly checksum: number;
  readonly offset: number;
}

export interface SnapshotQuestion extends StreamPlace {
  readonly bytesMax: number;
}

export interface SnapshotPiece extends StreamPlace {
  readonly bytes: Buffer;
}

const placeBytes = 28;

/** What `installSnapshot` says of the stream, as the data of Raft's snapshot. */
export function encodeDescription({ sizeBytes, checksum }: SnapshotDescription): Uint8Array {
  const out = new ByteWriter(12);
  out.integer(sizeBytes);
  out.u32(checksum);
  return out.finish();
}

/** Undefined if it cannot be understood. */
export function decodeDescription(data: Uint8Array): SnapshotDescription | undefined {
  const input = new ByteReader();
  input.open(Buffer.from(data.buffer, data.byteOffset, data.byteLength), 0, data.length);
  const description = { sizeBytes: input.integer(), checksum: input.u32() };
  return input.isWhole() ? description : undefined;
}

export function sendSnapshotQuestion(link: PeerLink, { bytesMax, ...place }: SnapshotQuestion): void {
  const out = link.begin(messageType.snapshotQuestion, placeBytes + 4);
  writePlace(out, place);
  out.u32(bytesMax);
  link.end();
}

export function sendSnapshotPiece(link: PeerLink, place: StreamPlace, bytes: Uint8Array): void {
  const out = link.begin(messageType.snapshotPiece, placeBytes + bytes.length);
  writePlace(out, place);
  out.raw(bytes);
  link.end();
}

/** The `read…` functions give undefined if the message cannot be understood. */
export function readSnapshotQuestion(input: ByteReader): SnapshotQuestion | undefined {
  const place = readPlace(input);
  const bytesMax = input.u32();
  return input.isWhole() ? { ...place, bytesMax } : undefined;
}

export function readSnapshotPiece(input: ByteReader): SnapshotPiece | undefined {
  const place = readPlace(input);
  const bytes = input.raw(input.remainingBytes);
  return input.isWhole() ? { ...place, bytes } : undefined;
}

function writePlace(out: ByteWriter, { group, index, checksum, offset }: StreamPlace): void {
  out.integer(group);
  out.integer(index);
  out.u32(checksum);
  out.integer(offset);
}

function readPlace(input: ByteReader): StreamPlace {
  return { group: input.integer(), index: input.integer(), checksum: input.u32(), offset: input.integer() };
}
