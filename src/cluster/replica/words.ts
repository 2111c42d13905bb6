/**
 * A command's words in memory of their own, for commands that wait: `u32 count | (u32 length | bytes) ...`, little
 * endian. The same bytes go over the wire when it is forwarded.
 */
import type { ByteReader } from "../../net/index.ts";
import type { Arguments } from "../../resp/index.ts";

/** Bytes of the words themselves. */
export function wordsBytes(args: Arguments): number {
  let size = 0;
  for (let word = 0; word < args.count; word++) size += args.byteLength(word);
  return size;
}

/** Bytes that the packed words take. */
export function packedBytes(args: Arguments): number {
  let size = 4 + 4 * args.count;
  for (let word = 0; word < args.count; word++) size += args.byteLength(word);
  return size;
}

/** Longer words are copied by the built-in copy, whose call alone costs as much as this many bytes one by one. */
const loopCopyBytesMax = 40;

/** Writes the words at `at` and returns where they end. There is room for `packedBytes`. */
export function packInto(target: Buffer, at: number, args: Arguments): number {
  const { count, bytes, starts, ends } = args;
  let position = target.writeUInt32LE(count, at);
  for (let word = 0; word < count; word++) {
    const start = starts[word] as number;
    const end = ends[word] as number;
    position = target.writeUInt32LE(end - start, position);
    if (end - start > loopCopyBytesMax) position += bytes.copy(target, position, start, end);
    else for (let from = start; from < end; from++) target[position++] = bytes[from] as number;
  }
  return position;
}

export function packWords(args: Arguments): Buffer {
  const packed = Buffer.allocUnsafe(packedBytes(args));
  packInto(packed, 0, args);
  return packed;
}

/** Points `args` at words that were packed at `at`. */
export function openWords(packed: Buffer, at: number, args: Arguments): void {
  args.clear(packed);
  const count = packed.readUInt32LE(at);
  let position = at + 4;
  for (let word = 0; word < count; word++) {
    const start = position + 4;
    position = start + packed.readUInt32LE(position);
    args.push(start, position);
  }
}

/** Points `args` at packed words in a message; false if they are none. They are valid as long as the message. */
export function readWords(input: ByteReader, args: Arguments): boolean {
  const count = input.u32();
  args.clear(input.buffer);
  // Each word takes four bytes at least, so a count cannot make `args` grow beyond the message.
  if (count === 0 || count > input.remainingBytes / 4) return false;
  for (let word = 0; word < count; word++) {
    const byteLength = input.u32();
    const start = input.skip(byteLength);
    if (start < 0) return false;
    args.push(start, start + byteLength);
  }
  return !input.isBad;
}
