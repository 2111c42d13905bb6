import fc from "fast-check";
import { expect, test } from "vitest";
import { addLongDoubles, parseLongDouble, printLongDouble } from "./long-double.ts";

function sum(a: string, b: string): string {
  const [left, right] = [parseLongDouble(a), parseLongDouble(b)];
  if (left === undefined || right === undefined) return "no number";
  const value = addLongDoubles(left, right);
  return value === "infinite" ? "infinite" : printLongDouble(value);
}

// What Redis 7.0.15 on x86-64 answers to SET and INCRBYFLOAT.
test.for([
  ["0.1", "0.2", "0.3"],
  ["3.0e3", "200", "3200"],
  ["10.50", "0.1", "10.6"],
  ["1000.1", "0", "1000.09999999999999998"],
  ["17179869184", "1.5", "17179869185.5"],
  ["-0.000000000000000001", "0", "0"],
  ["1e-18", "1e-18", "0"],
  ["0.5", "-0.5", "0"],
  ["-1", "1", "0"],
  ["9223372036854775807", "1", "9223372036854775808"],
  ["18446744073709551615", "1", "18446744073709551616"],
  ["1e20", "0.1", "100000000000000000000"],
  ["123456789.123456789", "0.000000001", "123456789.12345678999554366"],
  ["0x1p-3", "0x.8", "0.625"],
  // Halfway between two numbers, and between two texts: the even one.
  ["18446744073709551617", "0", "18446744073709551616"],
  ["18446744073709551619", "0", "18446744073709551620"],
  ["0x1p-18", "0", "0.00000381469726562"],
  ["0x3p-18", "0", "0.00001144409179688"],
  ["3", "-5.1", "-2.1"],
  ["2.5e-17", "0", "0.00000000000000002"],
  ["0.1", "1e-17", "0.10000000000000001"],
  ["1e22", "1", "10000000000000000000000"],
  ["5.", ".5", "5.5"],
  ["1e-5", "0", "0.00001"],
] as const)("%s + %s is %s", ([a, b, expected]) => {
  expect(sum(a, b)).toBe(expected);
});

test.for([
  "",
  " 1",
  "1 ",
  "1,5",
  "nan",
  "-nan",
  "x",
  "1e",
  "1e+",
  ".",
  "0x",
  "0x.p1",
  "1\0",
  "--1",
  "1e5000",
  "-1e5000",
  "1e-5000",
  "0x1p99999",
])("%j is no number", (text) => {
  expect(parseLongDouble(text)).toBeUndefined();
});

test("more digits than Redis has room for are no number", () => {
  expect(parseLongDouble("0".repeat(5_119))).toEqual({ mantissa: 0n, exponent: 0 });
  expect(parseLongDouble("0".repeat(5_120))).toBeUndefined();
});

test("zero is zero, however it is written", () => {
  for (const zero of ["0", "-0", "+0.000", "0e99999999999", ".0e-5", "0x0p99", "00"]) expect(sum(zero, "-0")).toBe("0");
});

test("what is too large is infinite, and stays so", () => {
  expect(parseLongDouble("inf")).toBe("infinite");
  expect(parseLongDouble("-Infinity")).toBe("infinite");
  expect(sum("inf", "-inf")).toBe("infinite");
  expect(sum("1e4932", "1e4932")).toBe("infinite");
  expect(sum("1.18973149535723176502e4932", "0")).toMatch(/^1189731495357231765\d{4914}$/);
  expect(parseLongDouble("1.1897314953572317651e4932")).toBeUndefined();
});

test("near zero digits are lost one by one, not all at once", () => {
  expect(parseLongDouble("3.7e-4951")).toEqual({ mantissa: 1n, exponent: -16_445 });
  expect(parseLongDouble("1.8e-4951")).toBeUndefined();
  expect(parseLongDouble("-1e-4949")).toEqual({ mantissa: -27n, exponent: -16_445 });
});

test("integers of 64 bits are exact", () => {
  const integer = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
  fc.assert(
    fc.property(integer, integer, (a, b) => {
      const exact = a + b;
      const isExact = (exact < 0n ? -exact : exact) < 1n << 64n;
      if (isExact) expect(sum(a.toString(), b.toString())).toBe(exact.toString());
    }),
  );
});

test("a small decimal of few digits comes back as it was written", () => {
  fc.assert(
    fc.property(fc.integer({ min: -99_999, max: 99_999 }), fc.integer({ min: 4, max: 12 }), (digits, scale) => {
      const text = printLongDouble(parseLongDouble(`${digits}e-${scale}`) as never);
      expect(Number(text)).toBe(Number(`${digits}e-${scale}`) || 0);
      expect(text.replace(/[-.]/g, "").replace(/^0+/, "").length).toBeLessThanOrEqual(5);
    }),
  );
});
