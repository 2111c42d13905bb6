import { expect, test } from "vitest";
import { Replica } from "../../test/keyspace/replica.ts";
import { RevisionTimes } from "./revision-times.ts";

test("an entry's time is known to the second", () => {
  const times = new RevisionTimes();
  for (let index = 1; index <= 100; index++) times.note(index, 10_000 + index * 300);
  for (let index = 1; index <= 100; index++) {
    const error = 10_000 + index * 300 - (times.timeOf(index) as number);
    expect(error).toBeGreaterThanOrEqual(0);
    expect(error).toBeLessThan(1_300);
  }
});

test("however many entries there are, what is kept is bounded, and the last ones are known best", () => {
  const times = new RevisionTimes();
  for (let index = 1; index <= 20_000; index++) times.note(index, index * 1_000);
  expect(times.timeOf(20_000)).toBe(20_000_000);
  expect(times.timeOf(19_500)).toBeGreaterThan(19_497_000);
  expect(times.timeOf(1_000)).toBeGreaterThan(960_000);
  expect(times.timeOf(1_000)).toBeLessThanOrEqual(1_000_000);
  expect(times.timeOf(1)).toBe(1_000);
});

test("before the first note nothing is known; what is older than it counts as old as it", () => {
  const times = new RevisionTimes();
  expect(times.timeOf(5)).toBeUndefined();
  times.note(10, 1_000);
  expect(times.timeOf(5)).toBe(1_000);
});

test("OBJECT IDLETIME is the time since the key was changed", () => {
  const replica = new Replica();
  replica.write(10_000, ["SET", "a", "1"]);
  replica.write(15_000, ["SET", "b", "1"]);
  replica.write(60_000, ["GET", "a"]);
  const idle = (key: string, nowMs: number): unknown => replica.run(["OBJECT", "IDLETIME", key], nowMs);
  expect([idle("a", 70_000), idle("b", 70_000), idle("b", 1)]).toEqual([60, 55, 45]);
  expect(replica.restored().run(["OBJECT", "IDLETIME", "a"], 60_000)).toBe(0);
});
