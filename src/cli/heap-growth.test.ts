import { expect, test } from "vitest";
import { heapGrowthPercent } from "./heap-growth.ts";

test.for([
  { mebibytes: 10, percent: 0, loadingPercent: 0 },
  { mebibytes: 31, percent: 0, loadingPercent: 0 },
  { mebibytes: 32, percent: 80, loadingPercent: 100 },
  { mebibytes: 63, percent: 80, loadingPercent: 100 },
  { mebibytes: 64, percent: 25, loadingPercent: 100 },
  { mebibytes: 4_000, percent: 25, loadingPercent: 100 },
])(
  "a heap of $mebibytes MiB may grow by $percent %, and by $loadingPercent % while it is filled (0: as V8 likes)",
  ({ mebibytes, percent, loadingPercent }) => {
    expect(heapGrowthPercent(mebibytes * 1024 * 1024, false)).toBe(percent);
    expect(heapGrowthPercent(mebibytes * 1024 * 1024, true)).toBe(loadingPercent);
  },
);
