/** Nodes of two versions in one simulated cluster. */
import { expect, test } from "vitest";
import { ClusterSimulation } from "./cluster-simulation.ts";
import type { TimedFault } from "./fault.ts";
import { drawScenario, plainScenario, type Scenario } from "./scenario.ts";
import type { SimulatedVersion } from "./simulated-version.ts";
import { drawVersions } from "./version-drawing.ts";

function restartAs(atMs: number, node: string, version: SimulatedVersion, how: "kill" | "cutPower"): TimedFault {
  return { atMs, fault: { kind: "restartAs", node, version, how, downMs: 50 } };
}

const finish = (atMs: number): TimedFault => ({ atMs, fault: { kind: "finishUpgrade" } });

/** A run of nodes that begin as the older version, and what the operator was told. */
async function run(faults: readonly TimedFault[], isFinished: boolean) {
  const lines: string[] = [];
  const trace = (_timeMs: number, name: string, text: string): void => {
    if (name === "operator") lines.push(text);
  };
  const versions = { begin: ["older", "older", "older"], faults, isFinished } as const;
  const drawn: Scenario = { ...plainScenario(1), faultsMs: 4_000, faults, versions };
  const report = await new ClusterSimulation(drawn, trace).run();
  return { report, told: lines.join("\n") };
}

test("nodes are upgraded and back under load, and the upgrade is finished once all know the new level [T-3, X-2]", async () => {
  const back = [restartAs(1_200, "n1", "older", "kill"), restartAs(1_800, "n1", "newer", "cutPower")];
  const { report, told } = await run(
    [restartAs(500, "n1", "newer", "kill"), ...back, restartAs(2_400, "n2", "newer", "kill"), finish(3_000)],
    true,
  );
  expect(report.violations).toEqual([]);
  expect(report.operationCount).toBeGreaterThan(100);
  const [first = "", ...later] = told.split("\n").filter((line) => /^FINISH.*: (2|UPGRADE.*older)/.test(line));
  expect(first).toMatch(/^FINISH-UPGRADE at n\d: UPGRADE_REFUSED n3 of an older version/);
  expect(later.at(-1)).toMatch(/^FINISH-UPGRADE at n\d: 2$/);
});

test("an upgrade that is left half-done serves, and all replicas are equal [T-3]", async () => {
  const { report, told } = await run([restartAs(500, "n2", "newer", "cutPower")], false);
  expect(report.violations).toEqual([]);
  expect(told).not.toContain("FINISH");
});

test("nobody goes back to the older version once the upgrade is being finished", async () => {
  const all = ["n1", "n2", "n3"].map((node, at) => restartAs(300 + 600 * at, node, "newer", "kill"));
  const { report, told } = await run([...all, finish(2_500), restartAs(3_200, "n1", "older", "kill")], true);
  expect(report.violations).toEqual([]);
  expect(told).toMatch(/FINISH-UPGRADE at n\d: 2$/m);
});

test("some seeds have two versions, and what is drawn of them shifts nothing else [X-6]", () => {
  const drawn = Array.from({ length: 300 }, (_, seed) => drawScenario({ seed }));
  const withTwo = drawn.filter(({ versions }) => versions !== undefined);
  expect(withTwo.length).toBeGreaterThan(10);
  expect(withTwo.length).toBeLessThan(60);
  for (const { joiners, nodes, recovery, versions } of withTwo) {
    expect(versions?.begin).toHaveLength(nodes.length);
    expect({ joiners, recovery }).toEqual({ joiners: [], recovery: undefined });
  }
  const of = { nodes: ["n1", "n2", "n3"], durationMs: 1_000, electionMs: 100 };
  for (let seed = 0; seed < 50; seed++) expect(drawVersions(seed, of)).toEqual(drawVersions(seed, of));
});
