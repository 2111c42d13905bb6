import { expect, test } from "vitest";
import { type MarkName, markNames } from "../platform/index.ts";
import type { SimulationReport } from "./cluster-simulation.ts";
import { markSeedsMax, Totals } from "./simulation-totals.ts";

function reportOf(seed: number, marks: readonly MarkName[]): SimulationReport {
  return {
    seed,
    hash: "",
    violations: [],
    isUndecided: false,
    operationCount: 1_000,
    unknownCount: 3,
    faultCount: 100,
    leaderCount: 7,
    startCount: 3,
    simulatedMs: 20_000,
    eventCount: 1,
    marks: new Map(marks.map((name) => [name, 2])),
  };
}

const [rarest, ...others] = markNames;

test("a mark that ten thousand seeds have not passed is a failure, and one that a single seed has passed is none [X-8]", () => {
  const almost = { nextSeed: 1, seeds: markSeedsMax - 2 };
  const totals = new Totals(almost, "c1");
  totals.add(reportOf(1, others), 10);
  expect([totals.missedMarks, totals.isMarkOverdue]).toEqual([[rarest], false]);
  totals.add(reportOf(2, others), 10);
  expect([totals.missedMarks, totals.isMarkOverdue]).toEqual([[rarest], true]);
  totals.add(reportOf(3, [rarest]), 10);
  expect([totals.missedMarks, totals.isMarkOverdue]).toEqual([[], false]);
  // The rarest is told first.
  expect(totals.describeMarks().split("\n")[0]).toBe(`  2 ${rarest}`);
});

test("what one call has counted the next one goes on with, by the commit that it ran on [X-10]", () => {
  const first = new Totals({ nextSeed: 7 }, "c1");
  first.add(reportOf(7, [rarest]), 10);
  const second = new Totals(first.record, "c2");
  second.add({ ...reportOf(8, [rarest]), violations: ["lost"] }, 10);
  expect(second.record).toMatchObject({
    nextSeed: 9,
    seeds: 2,
    failedSeeds: [8],
    operations: 2_000,
    seedsByCommit: { c1: 1, c2: 1 },
    marks: { [rarest]: 4 },
  });
});

test("undecided seeds are told by number, also where a state file from before has only counted them", () => {
  const { undecidedSeeds, ...before } = new Totals({ nextSeed: 7, seeds: 9, undecided: 2 }, "c1").record;
  expect(undecidedSeeds).toEqual([]);
  const totals = new Totals(before, "c2");
  for (const seed of [7, 8, 9]) totals.add({ ...reportOf(seed, []), isUndecided: seed !== 8 }, 10);
  expect(totals.record).toMatchObject({ undecided: 4, undecidedSeeds: [7, 9] });
  expect(totals.describe()).toContain("4 undecided (7 9), ");
  expect(new Totals(JSON.parse(JSON.stringify(totals.record)), "c3").record).toEqual(totals.record);
});
