/**
 * 64-bit integers as Redis reads, adds and prints them: numbers as long as they are exact, bigints beyond. An
 * {@link Integer} is a bigint only if it is no safe integer.
 */
import type { Arguments } from "../resp/index.ts";

export type Integer = number | bigint;

export const integerMin: bigint = -0x8000_0000_0000_0000n;
export const integerMax: bigint = 0x7fff_ffff_ffff_ffffn;

/** So many digits are below 2^53. */
const safeDigitsMax = 15;
const canonical = /^-?[1-9][0-9]{0,18}$/;

/** The integer that `text` is the shortest notation of: no sign "+", no leading zeros, no blanks. Undefined if it is none. */
export function parseInteger(text: string): Integer | undefined {
  const length = text.length;
  if (length === 0 || length > 20) return undefined;
  const isNegative = text.charCodeAt(0) === 0x2d;
  const start = isNegative ? 1 : 0;
  if (length - start > safeDigitsMax) return parseLong(text);
  let value = 0;
  for (let at = start; at < length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return checked(value, isNegative, { first: text.charCodeAt(start) - 0x30, digits: length - start });
}

/** The integer that word `word` is, as {@link parseInteger} reads it. */
export function integerArgument(args: Arguments, word: number): Integer | undefined {
  const { bytes } = args;
  let start = args.starts[word] as number;
  const end = args.ends[word] as number;
  if (end - start === 0 || end - start > safeDigitsMax) return parseInteger(args.text(word));
  const isNegative = bytes[start] === 0x2d;
  if (isNegative) start++;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return checked(value, isNegative, { first: (bytes[start] as number) - 0x30, digits: end - start });
}

/** `a + b`; undefined if that is no 64-bit integer. */
export function addIntegers(a: Integer, b: Integer): Integer | undefined {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return toInteger(BigInt(a) + BigInt(b));
}

/** `a * factor`, which is above zero; undefined if that is no 64-bit integer. */
export function multiplyInteger(a: Integer, factor: number): Integer | undefined {
  if (typeof a === "number") {
    const product = a * factor;
    if (Number.isSafeInteger(product)) return product;
  }
  return toInteger(BigInt(a) * BigInt(factor));
}

/** Undefined beyond 64 bits. */
export function toInteger(value: bigint): Integer | undefined {
  if (value < integerMin || value > integerMax) return undefined;
  const rounded = Number(value);
  return Number.isSafeInteger(rounded) ? rounded : value;
}

/** The nearest safe integer: for positions and counts, where what lies beyond makes no difference. */
export function clampToSafe(value: Integer): number {
  if (typeof value === "number") return value;
  return value < 0n ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
}

/** Refuses "", "-", "-0" and leading zeros. */
function checked(
  value: number,
  isNegative: boolean,
  text: { readonly first: number; readonly digits: number },
): number | undefined {
  if (text.digits === 0) return undefined;
  if (text.first === 0 && (text.digits > 1 || isNegative)) return undefined;
  return isNegative ? -value : value;
}

function parseLong(text: string): Integer | undefined {
  return canonical.test(text) ? toInteger(BigInt(text)) : undefined;
}
