/**
 * The floating-point numbers of `INCRBYFLOAT`: x86's 80-bit extended format, as glibc reads, adds and prints it, in exact
 * integer arithmetic. Redis computes with C's `long double`, so its answers come from this format; here they are the same
 * to the last digit on every machine and in every version of Node, which no built-in arithmetic could promise.
 *
 * A number is `mantissa * 2^exponent`, rounded to 64 bits of mantissa (half to even), fewer near zero.
 */

export type LongDouble = FiniteLongDouble | "infinite";

interface FiniteLongDouble {
  /** With its sign; below 2^64 in size. */
  readonly mantissa: bigint;
  readonly exponent: number;
}

const mantissaBits = 64;
const exponentMin = -16_445;
const exponentMax = 16_320;
/** Redis' buffer for one number. */
const textBytesMax = 5 * 1024 - 1;
/** What `%.17Lf` prints behind the point. */
const fractionDigits = 17;
const fractionScale = 100_000_000_000_000_000n;

/** Powers of ten or two beyond these take the longest or the shortest run of digits out of the format. */
const decimalScale = { min: -10_100, max: 4_940 };
const hexadecimalScale = { min: -37_000, max: 16_400 };

const decimal = /^([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?$/;
const hexadecimal = /^([+-]?)0[xX](?:([0-9a-fA-F]+)(?:\.([0-9a-fA-F]*))?|\.([0-9a-fA-F]+))(?:[pP]([+-]?[0-9]+))?$/;
const infinity = /^[+-]?inf(?:inity)?$/i;

/** The number that `text` is in C's notation, hexadecimal and "inf" included; undefined if it is none or out of range. */
export function parseLongDouble(text: string): LongDouble | undefined {
  if (text.length > textBytesMax) return undefined;
  const match = decimal.exec(text) ?? hexadecimal.exec(text);
  if (match === null) return infinity.test(text) ? "infinite" : undefined;
  const isHexadecimal = /^[+-]?0[xX]/.test(text);
  const [, sign, whole = "", fraction = match[4] ?? "", , power = "0"] = match;
  const digits = BigInt(`${isHexadecimal ? "0x" : ""}${whole}${fraction}`);
  if (digits === 0n) return { mantissa: 0n, exponent: 0 };
  const scale = clampPower(power) - fraction.length * (isHexadecimal ? 4 : 1);
  // Out of range however many digits there are, and too much to compute.
  const bounds = isHexadecimal ? hexadecimalScale : decimalScale;
  if (scale < bounds.min || scale > bounds.max) return undefined;
  const value = isHexadecimal ? round(digits, 1n, scale) : roundDecimal(digits, scale);
  // C reports what is too large, or so small that it would be zero, as out of range.
  if (value === "infinite" || value.mantissa === 0n) return undefined;
  return sign === "-" ? { mantissa: -value.mantissa, exponent: value.exponent } : value;
}

export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble {
  if (a === "infinite" || b === "infinite") return "infinite";
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent));
  if (sum === 0n) return { mantissa: 0n, exponent: 0 };
  const value = round(sum < 0n ? -sum : sum, 1n, exponent);
  if (sum > 0n || value === "infinite") return value;
  return { mantissa: -value.mantissa, exponent: value.exponent };
}

/** As C's `%.17Lf`, without the zeros at the end. */
export function printLongDouble(value: FiniteLongDouble): string {
  const isNegative = value.mantissa < 0n;
  const scaled = (isNegative ? -value.mantissa : value.mantissa) * fractionScale;
  const shifted =
    value.exponent >= 0 ? scaled << BigInt(value.exponent) : divide(scaled, 1n << BigInt(-value.exponent));
  if (shifted === 0n) return "0";
  const digits = shifted.toString().padStart(fractionDigits + 1, "0");
  const whole = digits.slice(0, -fractionDigits);
  const fraction = digits.slice(-fractionDigits).replace(/0+$/, "");
  return `${isNegative ? "-" : ""}${whole}${fraction === "" ? "" : "."}${fraction}`;
}

/** Powers of any length, cut to what can make a difference. */
function clampPower(power: string): number {
  const value = Number(power);
  return Math.max(-1_000_000, Math.min(1_000_000, value));
}

function roundDecimal(digits: bigint, scale: number): LongDouble {
  const power = powerOfTen(Math.abs(scale));
  return scale >= 0 ? round(digits * power, 1n, 0) : round(digits, power, 0);
}

function powerOfTen(exponent: number): bigint {
  if (exponent === 0) return 1n;
  const half = powerOfTen(exponent >> 1);
  return exponent % 2 === 0 ? half * half : half * half * 10n;
}

/** The nearest number to `numerator / denominator * 2^exponent`, all above zero. */
function round(numerator: bigint, denominator: bigint, exponent: number): FiniteLongDouble | "infinite" {
  // One bit more or less than the mantissa has; put right below.
  let shift = mantissaBits - (bitLength(numerator) - bitLength(denominator));
  if (quotient(numerator, denominator, shift) >> BigInt(mantissaBits) !== 0n) shift--;
  if (exponent - shift < exponentMin) shift = exponent - exponentMin;
  const mantissa =
    shift >= 0 ? divide(numerator << BigInt(shift), denominator) : divide(numerator, denominator << BigInt(-shift));
  const isCarried = mantissa >> BigInt(mantissaBits) !== 0n;
  const result = isCarried
    ? { mantissa: mantissa >> 1n, exponent: exponent - shift + 1 }
    : { mantissa, exponent: exponent - shift };
  return result.exponent > exponentMax ? "infinite" : result;
}

function quotient(numerator: bigint, denominator: bigint, shift: number): bigint {
  return shift >= 0 ? (numerator << BigInt(shift)) / denominator : numerator / (denominator << BigInt(-shift));
}

/** Rounded to the nearest integer, halves to the even one. */
function divide(numerator: bigint, denominator: bigint): bigint {
  const floor = numerator / denominator;
  const twice = 2n * (numerator - floor * denominator);
  return twice > denominator || (twice === denominator && (floor & 1n) === 1n) ? floor + 1n : floor;
}

function bitLength(value: bigint): number {
  const digits = value.toString(16);
  return 4 * (digits.length - 1) + (32 - Math.clz32(Number.parseInt(digits.charAt(0), 16)));
}
