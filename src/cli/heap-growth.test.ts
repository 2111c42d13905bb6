import { expect, test } from "vitest";
import { heapGrowthPercent } from "./heap-growth.ts";

test.for([
  { mebibytes: 10, percent: 0 },
  { mebibytes: 31, percent: 0 },
  { mebibytes: 32, percent: 80 },
  { mebibytes: 63, percent: 80 },
  { mebibytes: 64, percent: 25 },
  { mebibytes: 4_000, percent: 25 },
])("a heap of $mebibytes MiB may grow by $percent % (0: as V8 likes)", ({ mebibytes, percent }) => {
  expect(heapGrowthPercent(mebibytes * 1024 * 1024)).toBe(percent);
});
