import fc from "fast-check";
import { expect, test } from "vitest";
import { LatencyHistogram } from "./latency-histogram.ts";

test("percentiles are right to a sixteenth", () => {
  const durations = fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(durations, fc.integer({ min: 1, max: 100 }), (values, percent) => {
      const histogram = new LatencyHistogram();
      for (const value of values) histogram.record(value);
      const exact = values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1] as number;
      const found = histogram.percentile(percent);
      expect(found).toBeGreaterThanOrEqual(exact);
      expect(found).toBeLessThanOrEqual(exact + exact / 16 + 1);
    }),
  );
});

test("cumulative counts rise to all that was recorded", () => {
  const histogram = new LatencyHistogram();
  for (const value of [0, 1, 2, 3, 900, 70_000]) histogram.record(value);
  expect(histogram.cumulative()).toEqual([
    { microseconds: 1, count: 2 },
    { microseconds: 2, count: 3 },
    { microseconds: 4, count: 4 },
    { microseconds: 1_024, count: 5 },
    { microseconds: 131_072, count: 6 },
  ]);
});

test("nothing recorded is nothing shown, and what is out of range is kept at the end", () => {
  const histogram = new LatencyHistogram();
  expect(histogram.percentile(99)).toBe(0);
  expect(histogram.cumulative()).toEqual([]);
  histogram.record(-5);
  histogram.record(1e18);
  expect(histogram.count).toBe(2);
  expect(histogram.percentile(100)).toBe(2 ** 31 - 1);
});
