import fc from "fast-check";
import { expect, test } from "vitest";
import { SlotRanges, shardsMax, slotCount } from "./index.ts";

test("ranges follow each other, cover every slot once, and differ by one slot at most", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: shardsMax }), (shardCount) => {
      const ranges = new SlotRanges(shardCount);
      let next = 0;
      const sizes = new Set<number>();
      for (let shard = 0; shard < shardCount; shard++) {
        const { first, last } = ranges.rangeOf(shard);
        expect(first).toBe(next);
        expect([ranges.shardOf(first), ranges.shardOf(last)]).toEqual([shard, shard]);
        sizes.add(last - first + 1);
        next = last + 1;
      }
      expect(next).toBe(slotCount);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
    { numRuns: 50 },
  );
});

test("the ranges of three shards are those that every version has", () => {
  const ranges = new SlotRanges(3);
  expect([0, 1, 2].map((shard) => ranges.rangeOf(shard))).toEqual([
    { first: 0, last: 5_460 },
    { first: 5_461, last: 10_921 },
    { first: 10_922, last: 16_383 },
  ]);
});

test.for([0, -1, 1.5, shardsMax + 1, Number.NaN])("%d shards are refused", (shardCount) => {
  expect(() => new SlotRanges(shardCount)).toThrow(expect.objectContaining({ code: "RING" }));
});
