import { expect, test } from "vitest";
import type { Fault } from "./fault.ts";
import { drawScenario, type Scenario } from "./scenario.ts";

const scenarios: readonly Scenario[] = Array.from({ length: 400 }, (_, seed) => drawScenario({ seed }));

const everyDamage: readonly string[] = [
  "flipBit",
  "misdirectWrite",
  "failReads",
  "loseFile",
  "damageAt",
  "damageWitness",
  "loseDisk",
  "oldCopy",
];
const everyKind: Readonly<Record<Fault["kind"], true>> = {
  kill: true,
  crashLoop: true,
  cutPower: true,
  pause: true,
  stopAt: true,
  tearWrite: true,
  slowNode: true,
  cutLinks: true,
  cutLeaders: true,
  cutClient: true,
  slowLink: true,
  heavyTail: true,
  lossyLink: true,
  corruptLink: true,
  garbleLink: true,
  resetConnections: true,
  stallDisk: true,
  slowDisk: true,
  failSync: true,
  failOperation: true,
  fullDisk: true,
  shortWrites: true,
  flipBit: true,
  misdirectWrite: true,
  failReads: true,
  loseFile: true,
  damageAt: true,
  damageWitness: true,
  loseDisk: true,
  oldCopy: true,
  jumpClock: true,
  driftClock: true,
  freezeClock: true,
  joinNode: true,
  drainNode: true,
  decommissionNode: true,
  decommissionLeader: true,
  loseNode: true,
  returnNode: true,
  replaceAfter: true,
  wantReplicas: true,
  cutPowerAt: true,
  partHalves: true,
  pauseLeader: true,
  readAlone: true,
  restartAs: true,
  finishUpgrade: true,
};

function kindsOf({ faults }: Scenario): ReadonlySet<string> {
  return new Set(faults.map(({ fault }) => fault.kind));
}

test("every kind of fault is drawn for some seeds, and none for all [X-2]", () => {
  for (const kind of Object.keys(everyKind)) {
    const count = scenarios.filter((scenario) => kindsOf(scenario).has(kind)).length;
    expect(count, kind).toBeGreaterThan(0);
    expect(count, kind).toBeLessThan(scenarios.length);
  }
});

test("seeds differ in what they switch on, in sizes and in settings [X-6]", () => {
  expect(new Set(scenarios.map((scenario) => [...kindsOf(scenario)].sort().join())).size).toBeGreaterThan(300);
  const varied: readonly ((scenario: Scenario) => unknown)[] = [
    ({ network }) => network.latencyMs,
    ({ disk }) => disk.syncMs,
    ({ workload }) => workload.clients,
    ({ workload }) => workload.hotShare,
    ({ workload }) => workload.hugeChance,
    ({ workload }) => workload.sessionClients,
    ({ workload }) => workload.sessionTtlMs,
    ({ settings }) => settings.segmentBytes,
    ({ settings }) => settings.appendBytesMax,
    ({ clockSkewsMs }) => Math.max(...clockSkewsMs.map(Math.abs)) > 500,
    ({ isBeyondBudget }) => isBeyondBudget,
  ];
  for (const value of varied) expect(new Set(scenarios.map(value)).size).toBeGreaterThan(1);
});

test("damage hits a minority, unless the seed is to show what happens beyond that [X-3]", () => {
  for (const { faults, isBeyondBudget } of scenarios) {
    const damages = faults.flatMap(({ fault }) => ("node" in fault && everyDamage.includes(fault.kind) ? [fault] : []));
    const victims = new Set(damages.map(({ node }) => node));
    expect(victims.size).toBeLessThanOrEqual(isBeyondBudget ? 2 : 1);
    // A majority that has lost all that it knew cannot know that.
    if (isBeyondBudget) expect(damages.every(({ kind }) => ["flipBit", "misdirectWrite"].includes(kind))).toBe(true);
  }
});

test("pauses last up to a minute, and stalls of a disk up to half of one [X-2]", () => {
  const longest = (kind: Fault["kind"]): number =>
    Math.max(
      ...scenarios.flatMap(({ faults }) =>
        faults.map(({ fault }) => (fault.kind === kind && "forMs" in fault ? fault.forMs : 0)),
      ),
    );
  expect(longest("pause")).toBeGreaterThan(20_000);
  expect(longest("pause")).toBeLessThanOrEqual(60_000);
  expect(longest("stallDisk")).toBeGreaterThan(5_000);
});

test("every seed has its hundred faults and its thousand operations, most of them in quick succession [X-10]", () => {
  for (const { faults, faultsMs, operationsMin } of scenarios) {
    expect(faults.length).toBeGreaterThanOrEqual(100);
    expect(operationsMin).toBe(1_000);
    expect(faults.at(-1)?.atMs).toBeLessThan(faultsMs);
  }
  const paces = scenarios.map(({ settings }) => settings.tickMs ?? 0);
  expect(paces.filter((tickMs) => tickMs < 100).length).toBeGreaterThan(0.8 * paces.length);
  expect(paces.filter((tickMs) => tickMs === 100).length).toBeGreaterThan(0.05 * paces.length);
});

test("a majority is damaged only once the work is done [X-3, X-10]", () => {
  const damage: readonly string[] = ["flipBit", "misdirectWrite"];
  for (const { faults, isBeyondBudget, workFirstMs } of scenarios) {
    const first = faults.find(({ fault }) => damage.includes(fault.kind));
    expect(workFirstMs).toBe(isBeyondBudget ? first?.atMs : undefined);
  }
});

test("in some runs shards are on some of the nodes, and move [X-6]", () => {
  const fixed = scenarios.filter(({ joiners }) => joiners.length === 0);
  const spread = fixed.filter(({ nodes, replicas }) => nodes.length > replicas);
  expect(spread.length).toBeGreaterThan(scenarios.length / 20);
  expect(spread.length).toBeLessThan(scenarios.length / 3);
  expect(spread.filter(({ moves }) => moves.length > 0).length).toBeGreaterThan(spread.length / 2);
  for (const { moves, nodes, shards, faultsMs } of spread) {
    for (const { atMs, shard, via } of moves) {
      expect(atMs).toBeLessThan(faultsMs);
      expect(shard).toBeLessThan(shards);
      expect(nodes).toContain(via);
    }
  }
  for (const { moves, nodes, replicas } of fixed) if (nodes.length <= replicas) expect(moves).toEqual([]);
});

test("in some runs nodes join and go, and one machine at most is lost, where no disk is damaged [X-2, X-3]", () => {
  const changing = scenarios.filter(({ joiners }) => joiners.length > 0);
  expect(changing.length).toBeGreaterThan(scenarios.length / 5);
  expect(changing.length).toBeLessThan(scenarios.length / 2);
  for (const scenario of changing) {
    const { faults, faultsMs, isBeyondBudget, joiners, nodes } = scenario;
    expect(isBeyondBudget).toBe(false);
    expect(faultsMs).toBeGreaterThan(5_000);
    const joined = faults.flatMap(({ fault }) => (fault.kind === "joinNode" ? [fault.node] : []));
    expect(joined.toSorted()).toEqual(joiners);
    expect(nodes.some((name) => joiners.includes(name))).toBe(false);
    const lost = faults.filter(({ fault }) => fault.kind === "loseNode");
    const kinds = kindsOf(scenario);
    const damages = ["flipBit", "misdirectWrite", "failReads", "loseFile", "damageAt", "loseDisk", "oldCopy"];
    expect(lost.length).toBeLessThanOrEqual(damages.some((kind) => kinds.has(kind)) ? 0 : 1);
  }
  for (const scenario of scenarios)
    if (scenario.joiners.length === 0) expect(kindsOf(scenario)).not.toContain("loseNode");
});

test("in about one seed of thirty most nodes are lost for good, where no disk is damaged and nobody comes or goes [X-6]", () => {
  const recovering = scenarios.filter(({ recovery }) => recovery !== undefined);
  expect(recovering.length).toBeGreaterThan(scenarios.length / 60);
  expect(recovering.length).toBeLessThan(scenarios.length / 15);
  for (const { faults, joiners, nodes, recovery } of recovering) {
    const lostCount = new Set(recovery?.lost).size;
    expect(2 * lostCount).toBeGreaterThan(nodes.length);
    expect(lostCount).toBeLessThan(nodes.length);
    expect(joiners).toEqual([]);
    expect(faults.filter(({ fault }) => everyDamage.includes(fault.kind))).toEqual([]);
  }
});

test("a seed always draws the same", () => {
  expect(drawScenario({ seed: 17 })).toEqual(scenarios[17]);
});
