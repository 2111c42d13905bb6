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

test("however many entries there are, each one's age is known to a few hundredths", () => {
  const times = new RevisionTimes();
  const last = 400_000;
  for (let index = 1; index <= last; index++) times.note(index, index * 1_000);
  for (const index of [1, 2, 1_000, 250_000, 399_000, 399_900, last]) {
    const error = index * 1_000 - (times.timeOf(index) as number);
    expect(error).toBeGreaterThanOrEqual(0);
    expect(error).toBeLessThanOrEqual(1_000 + ((last - index) * 1_000) / 32);
  }
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
