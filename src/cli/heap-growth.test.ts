import { expect, test } from "vitest";
import { heapGrowthPercent } from "./heap-growth.ts";

test.for([
  { mebibytes: 10, percent: 0, bulkyPercent: 0 },
  { mebibytes: 31, percent: 0, bulkyPercent: 0 },
  { mebibytes: 32, percent: 80, bulkyPercent: 100 },
  { mebibytes: 63, percent: 80, bulkyPercent: 100 },
  { mebibytes: 64, percent: 25, bulkyPercent: 100 },
  { mebibytes: 4_000, percent: 25, bulkyPercent: 100 },
])(
  "a heap of $mebibytes MiB may grow by $percent %, and by $bulkyPercent % while much comes and goes (0: as V8 likes)",
  ({ mebibytes, percent, bulkyPercent }) => {
    expect(heapGrowthPercent(mebibytes * 1024 * 1024, () => false)).toBe(percent);
    expect(heapGrowthPercent(mebibytes * 1024 * 1024, () => true)).toBe(bulkyPercent);
  },
);
