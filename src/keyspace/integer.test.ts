import fc from "fast-check";
import { expect, test } from "vitest";
import { Arguments } from "../resp/index.ts";
import {
  addIntegers,
  clampToSafe,
  type Integer,
  integerArgument,
  integerMax,
  integerMin,
  multiplyInteger,
  parseInteger,
} from "./integer.ts";

/** Near every border there is. */
const anyInteger = fc
  .tuple(
    fc.constantFrom(0n, 1n << 31n, 1n << 53n, 10n ** 15n, 10n ** 16n, 1n << 63n),
    fc.integer({ min: -3, max: 3 }),
    fc.boolean(),
  )
  .map(([border, offset, isNegative]) => (isNegative ? -border : border) + BigInt(offset));
const integer = fc.oneof(anyInteger, fc.bigInt({ min: -(1n << 64n), max: 1n << 64n }));

function expected(value: bigint): Integer | undefined {
  if (value < integerMin || value > integerMax) return undefined;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

test("every 64-bit integer is read exactly, from text and from bytes", () => {
  fc.assert(
    fc.property(integer, (value) => {
      expect(parseInteger(value.toString())).toBe(expected(value));
      expect(integerArgument(Arguments.of(["x", value.toString()]), 1)).toBe(expected(value));
    }),
  );
});

test.for([
  "",
  "-",
  "+1",
  "01",
  "-0",
  "-01",
  "00",
  " 1",
  "1 ",
  "1.0",
  "1e3",
  "0x1",
  "1\0",
  "a",
  "/",
  ":",
  "9".repeat(19),
  `-${"9".repeat(19)}`,
  "9".repeat(40),
])("%j is no integer", (text) => {
  expect(parseInteger(text)).toBeUndefined();
  expect(integerArgument(Arguments.of([text]), 0)).toBeUndefined();
});

test("sums and products are exact or there is none", () => {
  const factor = fc.constantFrom(1, 1_000);
  fc.assert(
    fc.property(integer, integer, factor, (a, b, by) => {
      const [left, right] = [expected(a), expected(b)];
      if (left === undefined || right === undefined) return;
      expect(addIntegers(left, right)).toBe(expected(a + b));
      expect(multiplyInteger(left, by)).toBe(expected(a * BigInt(by)));
    }),
  );
});

test("positions beyond what a number holds exactly are as far as it goes", () => {
  expect([5, integerMax, integerMin].map(clampToSafe)).toEqual([5, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
});
