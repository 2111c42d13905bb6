import { expect, test } from "vitest";
import type { LoadResult } from "../load/job.ts";
import { median } from "../statistics.ts";
import type { ContenderName } from "./contenders.ts";
import type { Absence, Measurement, Measurements } from "./measure-rounds.ts";
import { casesFor, judge, type RatioGate, ratioGates } from "./throughput-gates.ts";

const promise: RatioGate = {
  operation: "set",
  clients: 50,
  pipeline: 1,
  peer: "redisDurable",
  measure: "throughput",
  bound: 1,
};

function measurementsOf(speeds: Partial<Record<ContenderName, number[]>>, failure?: string): Measurements {
  const all = Object.entries(speeds).map(([contender, values]): Measurement => {
    const rounds = values.map((value) => ({ operationsPerSecond: value, latencyMsP99: value }) as LoadResult);
    const load = { operation: "set", clients: 50, pipeline: 1, contenders: [] } as const;
    return {
      case: load,
      contender: contender as ContenderName,
      rounds,
      failure: contender === "coterie" ? failure : undefined,
      median: (pick) => median(rounds.map(pick)),
    };
  });
  return {
    all,
    absences: new Map<"redisDurable", Absence>([["redisDurable", { why: "not here", isFailure: false }]]),
    find: (_operation, _clients, _pipeline, name) => all.find((each) => each.contender === name),
  };
}

test("a ratio is of medians, and the spread clients' stands beside", () => {
  const gate = judge(
    promise,
    measurementsOf({ coterie: [30, 10, 20], redisDurable: [10, 5, 900], coterieSpread: [5] }),
  );
  expect(gate).toMatchObject({ measured: 2, shown: "2.00 ×", verdict: "pass", beside: "spread 0.50 ×" });
});

test("below the bound a throughput gate is missed", () => {
  const gate = judge(promise, measurementsOf({ coterie: [9], redisDurable: [10] }));
  expect(gate).toMatchObject({ measured: 0.9, verdict: "MISS" });
});

test("above the bound a latency gate is missed", () => {
  const gate = judge({ ...promise, measure: "p99" }, measurementsOf({ coterie: [11], redisDurable: [10] }));
  expect(gate).toMatchObject({ measured: 1.1, verdict: "MISS" });
});

test("a peer that is not installed skips the gate and says why", () => {
  expect(judge(promise, measurementsOf({ coterie: [9] }))).toMatchObject({ verdict: "skipped", beside: "not here" });
});

test("one failed round fails the gate", () => {
  const gate = judge(promise, measurementsOf({ coterie: [9], redisDurable: [1] }, "1 error"));
  expect(gate).toMatchObject({ verdict: "FAILED", beside: "1 error" });
});

test("gates on the same load are measured once", () => {
  expect(casesFor(ratioGates).map(({ operation, clients, pipeline }) => `${operation} ${clients} ${pipeline}`)).toEqual(
    ["set 50 1", "set 256 1", "set 50 16", "set 256 16", "get 50 1", "get 50 16"],
  );
});
