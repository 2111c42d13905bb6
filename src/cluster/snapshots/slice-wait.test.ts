import { expect, test } from "vitest";
import { sliceWaitMs } from "./slice-wait.ts";

test.for([
  { sliceMs: 0, isHurried: false, waitMs: 1 },
  { sliceMs: 2, isHurried: false, waitMs: 6 },
  { sliceMs: 500, isHurried: false, waitMs: 20 },
  { sliceMs: 2, isHurried: true, waitMs: 1 },
])(
  "after a slice of $sliceMs ms the next one waits $waitMs ms, hurried: $isHurried [N-5]",
  ({ isHurried, sliceMs, waitMs }) => {
    expect(sliceWaitMs(sliceMs, isHurried)).toBe(waitMs);
  },
);
