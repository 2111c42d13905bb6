import { expect, test } from "vitest";
import { Stall } from "./stall.ts";

test("an entry that is the same for so many ticks is said to wait, and again after as many", () => {
  const stall = new Stall();
  const said = [7, 7, 7, 7, 7].map((index) => stall.tick(index, 2));
  expect(said).toEqual([false, false, true, false, true]);
});

test("another entry, or none, begins anew", () => {
  const stall = new Stall();
  const said = [7, 7, 8, 8, undefined, 8, 8, 8].map((index) => stall.tick(index, 2));
  expect(said).toEqual([false, false, false, false, false, false, false, true]);
  expect(stall.tick(undefined, 0)).toBe(false);
});
