import { expect, test } from "vitest";
import { ClusterSimulation } from "./cluster-simulation.ts";
import type { TimedFault } from "./fault.ts";
import { drawScenario, plainScenario, type Scenario } from "./scenario.ts";

/** A short run with little to do, and only these faults. */
function scenario(seed: number, faults: readonly TimedFault[], changes: Partial<Scenario> = {}): Scenario {
  return { ...plainScenario(seed), faults, ...changes };
}

const nodes = ["n1", "n2", "n3"];
const everywhere: TimedFault = { atMs: 1_500, fault: { kind: "cutPower", nodes, loss: "everything", forMs: 100 } };

test.for([
  { name: "nothing", fault: undefined },
  { name: "all nodes are killed", fault: { kind: "kill", nodes, forMs: 200 } },
  { name: "the power of all nodes is cut, and all that was not synced is lost", fault: everywhere.fault },
  { name: "one node hears and is not heard", fault: { kind: "cutLinks", links: links("n1", "out"), forMs: 1_000 } },
  { name: "one node is heard and does not hear", fault: { kind: "cutLinks", links: links("n2", "in"), forMs: 1_000 } },
  { name: "a node stands still [R-6]", fault: { kind: "pause", node: "n3", forMs: 1_200 } },
  {
    name: "a clock is a year ahead for a second [K-1]",
    fault: { kind: "jumpClock", node: "n1", byMs: 3e10, forMs: 1_000 },
  },
  { name: "a sync fails [D-4]", fault: { kind: "failSync", node: "n1", restartMs: 300 } },
  { name: "a disk is full [D-7]", fault: { kind: "fullDisk", node: "n2", writes: "all", forMs: 800 } },
  { name: "writes end in the middle [D-6]", fault: { kind: "shortWrites", node: "n1", forMs: 500 } },
  {
    name: "a write fails, and with it the process [D-6]",
    fault: { kind: "failOperation", node: "n1", operation: "write", code: "EIO", restartMs: 300 },
  },
  { name: "a disk is a hundred times as slow", fault: { kind: "slowDisk", node: "n3", factor: 100, forMs: 800 } },
  { name: "a node crashes again and again", fault: { kind: "crashLoop", node: "n2", upMs: 50, forMs: 1_500 } },
  {
    name: "a node loses power exactly where a batch has become durable [O-1]",
    fault: { kind: "stopAt", node: "n1", mark: "a batch is durable", how: "cutPower", downMs: 200, forMs: 2_000 },
  },
  {
    name: "power goes while a batch is written",
    fault: { kind: "tearWrite", node: "n1", part: 0.6, downMs: 200, forMs: 2_000 },
  },
  {
    name: "packets between nodes come twice, late, in another order, or half [E-12]",
    fault: { kind: "garbleLink", link: { from: "n1", to: "n2" }, garbleChance: 0.1, forMs: 1_500 },
  },
  {
    name: "some packets take seconds",
    fault: { kind: "heavyTail", link: { from: "n2", to: "n1" }, tailMs: 2_000, forMs: 1_500 },
  },
  {
    name: "a client does not reach a node",
    fault: { kind: "cutClient", link: { from: "c1", to: "n1" }, forMs: 1_500 },
  },
  { name: "an old bit of a log flips [D-3]", fault: { kind: "flipBit", node: "n1", age: "old" } },
  { name: "a write went astray [D-3]", fault: { kind: "misdirectWrite", node: "n2" } },
  { name: "a disk does not give back what it holds [D-8]", fault: { kind: "failReads", node: "n1", forMs: 500 } },
  { name: "a file of a node is lost [D-3]", fault: { kind: "loseFile", node: "n1", while: "down", forMs: 200 } },
  { name: "a node comes back with an empty disk [M-11]", fault: { kind: "loseDisk", node: "n3", forMs: 200 } },
  { name: "an old copy of a disk is put back [D-10]", fault: { kind: "oldCopy", node: "n1", ageMs: 900, forMs: 100 } },
] as const)("a cluster keeps its promises when: $name", async ({ fault }) => {
  const report = await new ClusterSimulation(scenario(1, fault === undefined ? [] : [{ atMs: 500, fault }])).run();
  expect(report.violations).toEqual([]);
  expect(report.operationCount).toBeGreaterThan(100);
  expect(report.isUndecided).toBe(false);
});

function links(node: string, direction: "in" | "out"): readonly { from: string; to: string }[] {
  const others = nodes.filter((name) => name !== node);
  return others.map((other) => (direction === "out" ? { from: node, to: other } : { from: other, to: node }));
}

test("the peers refuse a node on an old copy of its disk, and it stops [D-10]", async () => {
  const lines: string[] = [];
  const fault = { kind: "oldCopy", node: "n1", ageMs: 900, forMs: 100 } as const;
  const trace = (_timeMs: number, name: string, text: string): void => void lines.push(`${name} ${text}`);
  await new ClusterSimulation(scenario(1, [{ atMs: 500, fault }]), trace).run();
  expect(lines.join("\n")).toContain("the peers refuse this node");
});

test("an old copy that is killed again and again, unheard, before it hears that it is refused, is refused in the end [D-10]", async () => {
  const lines: string[] = [];
  const trace = (_timeMs: number, name: string, text: string): void => void lines.push(`${name} ${text}`);
  const faults: readonly TimedFault[] = [
    { atMs: 500, fault: { kind: "oldCopy", node: "n1", ageMs: 900, forMs: 100 } },
    { atMs: 1_401, fault: { kind: "cutLinks", links: [...links("n1", "in"), ...links("n1", "out")], forMs: 1_000 } },
    { atMs: 1_500, fault: { kind: "crashLoop", node: "n1", upMs: 150, forMs: 800 } },
  ];
  const { violations } = await new ClusterSimulation(scenario(1, faults), trace).run();
  expect(violations).toEqual([]);
  const starts = lines.filter((line) => line.startsWith("n1") && line.includes("listening for peers")).length;
  expect(starts).toBeGreaterThan(4);
  expect(lines.join("\n")).toContain("the peers refuse this node");
});

test("an old copy is put back only where each of the others knows of a later run, so that it can be told [D-10]", async () => {
  const told = async (faults: readonly TimedFault[]): Promise<string> => {
    const lines: string[] = [];
    const trace = (_timeMs: number, name: string, text: string): void => void lines.push(`${name} ${text}`);
    const report = await new ClusterSimulation(scenario(1, faults), trace).run();
    expect(report.violations).toEqual([]);
    return lines.join("\n");
  };
  const copy: TimedFault = { atMs: 500, fault: { kind: "oldCopy", node: "n1", ageMs: 900, forMs: 100 } };
  const away: TimedFault = { atMs: 400, fault: { kind: "kill", nodes: ["n3"], forMs: 1_200 } };
  expect(await told([copy])).toContain("is excused: an old copy");
  expect(await told([away, copy])).not.toContain("is excused");
});

test("with more disks damaged than can be borne, there are no wrong answers [X-3]", async () => {
  const flips = ["n1", "n2"].flatMap((node) =>
    [1_000, 1_100, 1_200].map((atMs): TimedFault => ({ atMs, fault: { kind: "flipBit", node, age: "old" } })),
  );
  let foundCount = 0;
  for (const seed of [6, 7, 8, 9]) {
    const report = await new ClusterSimulation(
      scenario(seed, [...flips, { ...everywhere, atMs: 1_300 }], { isBeyondBudget: true }),
    ).run();
    expect(report.violations).toEqual([]);
    foundCount += report.marks.get("a damaged record is found at start") ?? 0;
  }
  // Some flips hit what nobody reads, and some keep their node from starting at all.
  expect(foundCount).toBeGreaterThan(0);
});

/** Its replicas are lost, and are made anew from about 2,900 ms on: the peers wait until what they heard of it is two seconds old. */
const damaged: TimedFault = {
  atMs: 500,
  fault: { kind: "damageAt", node: "n3", mark: "a batch is durable", afterMs: 1, downMs: 50, forMs: 2_000 },
};

test("a replica whose successor is damaged too gets another one [D-3]", async () => {
  const again: TimedFault = {
    atMs: 501,
    fault: { kind: "damageAt", node: "n3", mark: "a replica begins anew", afterMs: 450, downMs: 50, forMs: 5_000 },
  };
  const { marks, violations } = await new ClusterSimulation(scenario(1, [damaged, again], { faultsMs: 6_000 })).run();
  expect(violations).toEqual([]);
  // The shard's and the directory's, and another one after the second damage.
  expect(marks.get("a replica begins anew")).toBeGreaterThan(2);
  expect(marks.get("a successor takes the vote over")).toBeGreaterThan(2);
});

test("a run ends though a node is gone for good while its replica is made anew [X-5]", async () => {
  const gone: TimedFault = { atMs: 2_940, fault: { kind: "loseDisk", node: "n3", forMs: 100 } };
  const simulation = new ClusterSimulation(scenario(1, [damaged, gone], { faultsMs: 5_000 }));
  const { marks, violations } = await simulation.run();
  expect(violations).toEqual([]);
  expect(marks.get("a lost replica gets a successor")).toBeGreaterThan(0);
  expect(simulation.world.machine("n3").process).toBeUndefined();
});

test("values above the size of an entry's pieces, deadlines and second attempts are part of it", async () => {
  const base = scenario(7, [{ atMs: 800, fault: { kind: "kill", nodes: ["n1"], forMs: 300 } }]);
  const workload = { ...base.workload, hugeChance: 0.05, deadlineShare: 0.2, retries: true, hotShare: 0.7 };
  const simulation = new ClusterSimulation({ ...base, workload });
  expect((await simulation.run()).violations).toEqual([]);
  const values = simulation.operations.flatMap(({ input }) => ("value" in input ? [input.value] : []));
  expect(values.some((value) => value.length > 262_144)).toBe(true);
});

test("commands of sessions that are sent again, twice and out of order take effect once and in theirs [I-18, S-3, X-4]", async () => {
  const faults: TimedFault[] = [
    { atMs: 600, fault: { kind: "kill", nodes: ["n1"], forMs: 300 } },
    { atMs: 1_200, fault: { kind: "cutLinks", links: links("n2", "out"), forMs: 700 } },
    { atMs: 2_000, fault: { kind: "kill", nodes, forMs: 1_500 } },
  ];
  const base = scenario(8, faults);
  for (const sessionTtlMs of [3_600_000, 1_000]) {
    const workload = { ...base.workload, sessionClients: 3, sessionThinkMs: 10, sessionTtlMs };
    const simulation = new ClusterSimulation({ ...base, workload });
    const { marks, violations } = await simulation.run();
    expect(violations).toEqual([]);
    const { done, expired } = simulation.sessionCounts;
    expect(done).toBeGreaterThan(100);
    expect(marks.get("a repeated session command is answered from what was kept")).toBeGreaterThan(20);
    if (sessionTtlMs === 1_000) expect(expired).toBeGreaterThan(0);
    else expect(expired).toBe(0);
  }
});

/** In quick succession, since replicas move in seconds. */
const growing: Partial<Scenario> = { joiners: ["n4", "n5"], shards: 2, faultsMs: 12_000 };
const joining: readonly TimedFault[] = [
  { atMs: 100, fault: { kind: "joinNode", node: "n4" } },
  { atMs: 1_500, fault: { kind: "joinNode", node: "n5" } },
];

async function toldOf(faults: readonly TimedFault[], seed = 1): Promise<{ story: string; marks: number[] }> {
  const lines: string[] = [];
  const trace = (_timeMs: number, name: string, text: string): void => void lines.push(`${name} ${text}`);
  const report = await new ClusterSimulation(scenario(seed, [...joining, ...faults], growing), trace).run();
  expect(report.violations).toEqual([]);
  expect(report.operationCount).toBeGreaterThan(100);
  const begun = report.marks.get("a replica begins") ?? 0;
  return { story: lines.join("\n"), marks: [begun, report.marks.get("a replica that has gone is destroyed") ?? 0] };
}

test("nodes join, and who leads is drained and removed, the directory's leader too [M-10, X-2]", async () => {
  const { marks, story } = await toldOf([
    { atMs: 4_000, fault: { kind: "decommissionLeader", group: 0 } },
    { atMs: 6_000, fault: { kind: "decommissionLeader", group: 1 } },
  ]);
  for (const count of marks) expect(count).toBeGreaterThan(0);
  expect(story.match(/has been removed/g)?.length).toBeGreaterThan(0);
  expect(story).toContain("phase members are at rest");
});

test("a node that was lost and removed is refused when it comes back on its old disk, and another one has its replicas [M-10, X-2]", async () => {
  const { marks, story } = await toldOf([
    { atMs: 5_000, fault: { kind: "loseNode", node: "n1", disk: "kept", isRemoved: true } },
    { atMs: 11_900, fault: { kind: "returnNode", node: "n1" } },
  ]);
  expect(marks[0]).toBeGreaterThan(0);
  expect(story).toContain("n1 has been removed");
});

test("a machine that is lost with its disk is replaced once it has been away for long enough [B-3, X-2]", async () => {
  const { story } = await toldOf([
    { atMs: 0, fault: { kind: "replaceAfter", ms: 1_000 } },
    { atMs: 4_000, fault: { kind: "loseNode", node: "n2", disk: "erased", isRemoved: false } },
  ]);
  expect(story).toContain("n2 has been away for too long");
  expect(story).toContain("operator NODE REMOVE n2");
});

test("one seed gives one history, whole nodes included [C-2]", async () => {
  const drawn = drawScenario({ seed: 5 });
  const faults = drawn.faults.slice(0, 20);
  const short = { ...drawn, operationsMin: 100, faultsMs: (faults.at(-1)?.atMs ?? 0) + 100, faults };
  const [first, again] = [await new ClusterSimulation(short).run(), await new ClusterSimulation(short).run()];
  expect(again).toEqual(first);
  expect(first.violations).toEqual([]);
});

test("disks that lie about syncs are found out [X-4]", async () => {
  const lying = scenario(2, [everywhere], { disk: { ignoresSync: true } });
  const report = await new ClusterSimulation(lying).run();
  expect(report.violations).not.toEqual([]);
});

test("an exit that no fault explains is a violation", async () => {
  const simulation = new ClusterSimulation(scenario(3, []));
  simulation.world.schedule(1_500, () => {
    simulation.world
      .machine("n2")
      .disk.inject({ operation: "sync", code: "EIO", matches: (path) => path.includes("/log/") });
  });
  const report = await simulation.run();
  expect(report.violations.join()).toContain("n2 ended with exit code 74");
});

test("a cluster that does not come back is a violation [X-5]", async () => {
  const simulation = new ClusterSimulation(scenario(4, []));
  // Nothing heals this: it is no fault of the schedule.
  const drop = (): void => {
    simulation.world.machine("n1").kill();
    simulation.world.machine("n2").kill();
    simulation.world.schedule(50, drop);
  };
  simulation.world.schedule(2_000, drop);
  const report = await simulation.run();
  expect(report.violations.join()).toContain("not every node serves every key");
});

test("a run can be cut short, and its beginning is the same", async () => {
  const report = await new ClusterSimulation(scenario(1, [])).run(1_000);
  expect(report.simulatedMs).toBeCloseTo(1_000, 2);
  expect(report.violations).toEqual([]);
});

test("clients go on after the faults until there are so many operations, and no longer [X-10]", async () => {
  const counts: number[] = [];
  for (const operationsMin of [0, 1_500]) {
    counts.push((await new ClusterSimulation(scenario(1, [everywhere], { operationsMin })).run()).operationCount);
  }
  const [few = 0, many = 0] = counts;
  expect(few).toBeLessThan(1_500);
  expect(many).toBeGreaterThanOrEqual(1_500);
  expect(many).toBeLessThan(1_700);
});

test("faults that may end all work wait until it is done [X-10]", async () => {
  const lost = nodes.map((node): TimedFault => ({ atMs: 500, fault: { kind: "loseDisk", node, forMs: 10_000 } }));
  const waiting = scenario(1, lost, { operationsMin: 800, workFirstMs: 500, isBeyondBudget: true });
  const report = await new ClusterSimulation(waiting).run();
  expect(report.violations).toEqual([]);
  expect(report.operationCount).toBeGreaterThanOrEqual(800);
  expect(report.simulatedMs).toBeGreaterThan(3_000);
  expect(report.faultCount).toBe(3);
});

test("a client whose last command is one on a deadline ends its connection and comes back", async () => {
  const base = scenario(1, []);
  const workload = { ...base.workload, deadlineShare: 0.9, commandsPerConnection: 3, pipelineMax: 1 };
  const report = await new ClusterSimulation({ ...base, operationsMin: 50, workload }).run();
  expect(report.violations).toEqual([]);
});

test("the story of a run names who did what, when", async () => {
  const lines: string[] = [];
  const trace = (timeMs: number, name: string, text: string): void => void lines.push(`${timeMs} ${name} ${text}`);
  await new ClusterSimulation(scenario(1, [everywhere]), trace).run();
  const story = lines.join("\n");
  expect(story).toMatch(/\d+ n\d leads term \d/);
  expect(story).toContain("fault cutPower nodes=n1,n2,n3 loss=everything forMs=100");
  expect(story).toContain("n2 power is cut");
  expect(story).toContain("phase clients are at rest");
});
