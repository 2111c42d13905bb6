import { expect, test } from "vitest";
import { Suspicion } from "./suspicion.ts";

function suspicion(confirmationsWanted: number): Suspicion {
  return new Suspicion({ startMs: 1_000, leastMs: 5_000, mostMs: 30_000, confirmationsWanted, accuser: 1 });
}

test("alone it lasts long, and each further accuser makes it shorter, down to the least [W-3]", () => {
  const made = suspicion(3);
  const ends = [made.endMs];
  for (const accuser of [2, 3, 4]) {
    expect(made.confirm(accuser)).toBe(true);
    ends.push(made.endMs);
  }
  expect(ends.map((end) => Math.round(end))).toEqual([31_000, 18_500, 11_188, 6_000]);
});

test("an accuser counts once, and no more are asked than are wanted [W-3]", () => {
  const made = suspicion(1);
  expect(made.confirm(1)).toBe(false);
  expect(made.confirm(2)).toBe(true);
  expect(made.confirm(2)).toBe(false);
  expect(made.confirm(3)).toBe(false);
  expect(made.endMs).toBe(6_000);
});

test("where nobody could confirm it is short from the beginning, and time that was slept through does not count", () => {
  const made = suspicion(0);
  expect(made.endMs).toBe(6_000);
  made.postpone(2_500);
  expect(made.endMs).toBe(8_500);
});
