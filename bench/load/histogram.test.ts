import fc from "fast-check";
import { expect, test } from "vitest";
import { Histogram } from "./histogram.ts";

test("a percentile is at most 1.6 % above the true one and never below", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 4_000_000_000 }), { minLength: 1 }),
      fc.constantFrom(0.01, 0.5, 0.99, 1),
      (durationsUs, share) => {
        const histogram = new Histogram();
        for (const us of durationsUs) histogram.record(us / 1000);
        const sorted = [...durationsUs].sort((left, right) => left - right);
        const exact = sorted[Math.max(1, Math.ceil(sorted.length * share)) - 1]!;
        expect(histogram.percentileUs(share)).toBeGreaterThanOrEqual(exact);
        expect(histogram.percentileUs(share)).toBeLessThanOrEqual(exact * 1.016);
      },
    ),
  );
});

test("nothing recorded is 0, also after a clear", () => {
  const histogram = new Histogram();
  expect(histogram.percentileUs(0.5)).toBe(0);
  histogram.record(5);
  histogram.clear();
  expect([histogram.count, histogram.maxUs, histogram.percentileUs(0.99)]).toEqual([0, 0, 0]);
});

test("what another one counted is added to what is there", () => {
  const [sum, other] = [new Histogram(), new Histogram()];
  for (const ms of [1, 2]) sum.record(ms);
  for (const ms of [3, 4]) other.record(ms);
  sum.add(other);
  other.clear();
  expect([sum.count, sum.maxUs, sum.percentileUs(0.25)]).toEqual([4, 4_000, 1_007]);
});
