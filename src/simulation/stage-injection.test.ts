import { expect, test } from "vitest";
import { ClusterSimulation, type SimulationReport } from "./cluster-simulation.ts";
import type { TimedFault } from "./fault.ts";
import { plainScenario, type Scenario } from "./scenario.ts";

/** A short run of nodes that tick quickly, with these faults alone, and its story. */
async function run(
  faults: readonly TimedFault[],
  changes: Partial<Scenario> = {},
): Promise<[SimulationReport, string]> {
  const lines: string[] = [];
  const trace = (timeMs: number, name: string, text: string): void => {
    lines.push(`${timeMs.toFixed(0)} ${name} ${text}`);
  };
  const plain = plainScenario(1);
  const workload = { ...plain.workload, clients: 2, thinkMs: 40 };
  const scenario: Scenario = { ...plain, workload, faultsMs: 1_500, settings: { tickMs: 20 }, faults, ...changes };
  const report = await new ClusterSimulation(scenario, trace).run();
  return [report, lines.join("\n")];
}

const everybody = ["n1", "n2", "n3"];

test("who is elected is alone, and those that elected it lose power and elect somebody else [I-1, I-12]", async () => {
  const [report, story] = await run([
    {
      atMs: 100,
      fault: {
        kind: "cutPowerAt",
        mark: "an election is won",
        who: "others",
        doSyncsFail: false,
        afterMs: 0,
        downMs: 1,
        holdMs: 800,
        forMs: 1_000,
      },
    },
    { atMs: 200, fault: { kind: "kill", nodes: everybody, forMs: 10 } },
  ]);
  expect(report.violations).toEqual([]);
  const [, leader] = /fault (n\d) leads, n\d is alone; power is cut: others/.exec(story) ?? [];
  for (const name of everybody.filter((each) => each !== leader)) expect(story).toContain(`${name} power is cut`);
  const [, after = ""] = story.split("power is cut: others");
  expect(after).toMatch(new RegExp(`(?!${leader})n\\d leads term`));
  expect(story.match(/power is cut: others/g)).toHaveLength(1);
});

test("a leader is alone with who gets a vote, in the middle of a joint change [M-9]", async () => {
  const five = { nodes: ["n1", "n2", "n3", "n4", "n5"], replicas: 3, shards: 2, faultsMs: 3_000 };
  const move = { atMs: 200, shard: 0, from: 1, to: 0, via: "n1", backMs: undefined };
  const [report, story] = await run(
    [{ atMs: 100, fault: { kind: "partHalves", restartAfterMs: 100, holdMs: 1_200, forMs: 2_800 } }],
    { ...five, moves: [move] },
  );
  expect(report.violations).toEqual([]);
  expect(story).toMatch(/fault n\d is alone with who comes: n\d\n/);
  expect(report.marks.get("a leader's configuration becomes a joint one")).toBeGreaterThan(0);
});

test("what two of three have is not given up where one of them is damaged, and the other one away [D-3]", async () => {
  const [report, story] = await run([
    { atMs: 500, fault: { kind: "damageWitness", node: "n2", lagMs: 300, flips: 2, downMs: 10, holdMs: 800 } },
  ]);
  expect(report.violations).toEqual([]);
  expect(story).toMatch(/fault n2 is without n[13], and damaged\n/);
  expect(story).toMatch(/n2 is excused: damageWitness/);
});

test("what followers say while their syncs fail is not believed, for they say nothing [D-4]", async () => {
  const [report, story] = await run([
    {
      atMs: 500,
      fault: {
        kind: "cutPowerAt",
        mark: "a batch is durable",
        who: "others",
        doSyncsFail: true,
        afterMs: 20,
        downMs: 5,
        holdMs: 800,
        forMs: 500,
      },
    },
  ]);
  expect(report.violations).toEqual([]);
  expect(story).toMatch(/ends: exit code \d+, .*\n(.*\n)*.*power is cut: others/);
});

test("a leader that stood still while another one was elected gives no old answers [R-1]", async () => {
  const [report, story] = await run([
    { atMs: 500, fault: { kind: "pauseLeader", pauseMs: 600, aloneMs: 250, forMs: 500 } },
  ]);
  expect(report.violations).toEqual([]);
  const [, leader] = /fault (n\d) leads, stands still, and is alone then/.exec(story) ?? [];
  const [, after = ""] = story.split("is alone then");
  expect(after).toMatch(new RegExp(`(?!${leader})n\\d leads term(.*\\n)*.*${leader} process goes on`));
});

test("who is alone and takes itself for the leader answers no reads while others write elsewhere [R-1]", async () => {
  const faults = [200, 600, 1_000].map(
    (atMs): TimedFault => ({ atMs, fault: { kind: "readAlone", holdMs: 600, thinkMs: 5, forMs: 400 } }),
  );
  const [report, story] = await run(faults, { faultsMs: 2_000 });
  expect(report.violations).toEqual([]);
  const [, leader, after = ""] = /fault (n\d) leads, is alone, and is read from([\s\S]*)/.exec(story) ?? [];
  expect(leader).toBeDefined();
  // Somebody else is elected meanwhile, and written to.
  const [, later = ""] = after.split(/leads term/);
  expect(later).toMatch(/reader\d asks/);
  expect(later).toMatch(/writer\d hears of/);
});
