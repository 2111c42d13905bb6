import type { Arguments } from "./arguments.ts";

const quote = 0x22;
const apostrophe = 0x27;
const backslash = 0x5c;
const lowerX = 0x78;

/**
 * Splits a line that a person typed (no line end in it) into words, by the rules of Redis' inline commands: words are
 * separated by blanks; `"…"` knows `\n \r \t \b \a \\ \" \xHH`, `'…'` knows `\'` only; after a closing quote the word
 * must end. The words are unescaped into a buffer of their own. False if quotes are not balanced.
 */
export function splitInline(line: Uint8Array, args: Arguments): boolean {
  const words = Buffer.allocUnsafe(line.length);
  args.clear(words);
  let at = 0;
  let written = 0;
  for (;;) {
    while (at < line.length && isBlank(line[at] as number)) at++;
    if (at === line.length) return true;
    const start = written;
    while (at < line.length && !isBlank(line[at] as number)) {
      const byte = line[at] as number;
      if (byte !== quote && byte !== apostrophe) {
        words[written++] = byte;
        at++;
        continue;
      }
      const end = closingQuote(line, at, byte);
      if (end < 0) return false;
      written =
        byte === quote
          ? unescapeInto(line, at + 1, end, words, written)
          : unquoteInto(line, at + 1, end, words, written);
      at = end + 1;
      if (at < line.length && !isBlank(line[at] as number)) return false;
    }
    args.push(start, written);
  }
}

/** What `isspace` of the C locale says. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** Where the quote that opened at `start` closes, or -1. A backslash hides whatever follows it, within `'…'` only another `'`. */
function closingQuote(line: Uint8Array, start: number, kind: number): number {
  for (let at = start + 1; at < line.length; at++) {
    const byte = line[at] as number;
    if (byte === kind) return at;
    if (byte === backslash && at + 1 < line.length && (kind === quote || line[at + 1] === apostrophe)) at++;
  }
  return -1;
}

function unescapeInto(line: Uint8Array, from: number, to: number, words: Buffer, written: number): number {
  let out = written;
  for (let at = from; at < to; at++) {
    let byte = line[at] as number;
    if (byte === backslash && at + 1 < line.length) {
      const high = at + 3 < line.length ? hexadecimal(line[at + 2] as number) : -1;
      const low = at + 3 < line.length ? hexadecimal(line[at + 3] as number) : -1;
      if (line[at + 1] === lowerX && high >= 0 && low >= 0) {
        byte = high * 16 + low;
        at += 3;
      } else {
        byte = escaped(line[at + 1] as number);
        at++;
      }
    }
    words[out++] = byte;
  }
  return out;
}

function unquoteInto(line: Uint8Array, from: number, to: number, words: Buffer, written: number): number {
  let out = written;
  for (let at = from; at < to; at++) {
    if (line[at] === backslash && line[at + 1] === apostrophe) at++;
    words[out++] = line[at] as number;
  }
  return out;
}

function escaped(byte: number): number {
  switch (byte) {
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    case 0x62:
      return 0x08;
    case 0x61:
      return 0x07;
    default:
      return byte;
  }
}

function hexadecimal(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
