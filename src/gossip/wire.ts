import type { ByteReader, ByteWriter } from "../net/index.ts";
import { assert } from "../platform/index.ts";

/** A safe integer, not negative, in as many bytes as it needs: seven bits each, the lowest first, the top bit says "more". */
export function writeVariable(writer: ByteWriter, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "only safe integers that are not negative are sent");
  let rest = value;
  while (rest >= 0x80) {
    writer.u8((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  writer.u8(rest);
}

/** What is none sets `reader.isBad`. */
export function readVariable(reader: ByteReader): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = reader.u8();
    value += (byte & 0x7f) * scale;
    if (value > Number.MAX_SAFE_INTEGER) reader.isBad = true;
    if (byte < 0x80 || reader.isBad) return reader.isBad ? 0 : value;
    scale *= 0x80;
  }
}

/** At most 255 bytes of UTF-8 behind their number. */
export function writeShortText(writer: ByteWriter, text: string): void {
  const bytes = Buffer.from(text, "utf8");
  assert(bytes.length <= 255, "a short text has at most 255 bytes");
  writer.u8(bytes.length);
  writer.raw(bytes);
}

/** What is longer than `bytesMax`, or no UTF-8, sets `reader.isBad`. */
export function readShortText(reader: ByteReader, bytesMax: number): string {
  const byteLength = reader.u8();
  const from = reader.skip(byteLength);
  if (byteLength > bytesMax) reader.isBad = true;
  if (from < 0 || reader.isBad) return "";
  const text = reader.buffer.toString("utf8", from, from + byteLength);
  const bytes = reader.buffer.subarray(from, from + byteLength);
  if (text.includes("\ufffd") && !Buffer.from(text, "utf8").equals(bytes)) reader.isBad = true;
  return text;
}
