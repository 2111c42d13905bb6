/** Nodes join and leave while others crash, lose power, stand still and are cut off, and clients write. */
import { expect, test, vi } from "vitest";
import { OwnKeyWorkload } from "../../test/cluster/own-key-workload.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import type { SeededRandom } from "../simulation/index.ts";

vi.setConfig({ testTimeout: 120_000 });

type Fault = (cluster: SimulatedCluster, name: string, random: SeededRandom) => void;

const faults: readonly Fault[] = [
  (cluster, name) => cluster.kill(name),
  (cluster, name) => cluster.world.machine(name).cutPower("random"),
  (cluster, name, random) => {
    const machine = cluster.world.machine(name);
    machine.pause();
    cluster.world.schedule(random.integer(10, 4_000), () => machine.resume());
  },
  (cluster, name) => cluster.isolate(name),
];

/** One fault, anywhere, healed after a while. */
async function strike(cluster: SimulatedCluster, random: SeededRandom): Promise<void> {
  const { world } = cluster;
  const names = [...cluster.names, ...cluster.joined];
  const fault = faults[random.integer(0, faults.length - 1)] as Fault;
  fault(cluster, names[random.integer(0, names.length - 1)] as string, random);
  await world.run(random.integer(0, 3_000));
  world.network.healAll();
  revive(cluster);
  await world.run(random.integer(0, 1_000));
}

/** What has died starts again, as a supervisor would have it; who was removed stays away. */
function revive(cluster: SimulatedCluster): void {
  for (const name of [...cluster.names, ...cluster.joined]) {
    const isRemoved = cluster.exits.some((exit) => exit.node === name && exit.reason.startsWith("REMOVED"));
    if (cluster.nodes.has(name) || isRemoved || !isDown(cluster, name)) continue;
    const via = cluster.names.find((other) => other !== "n1" && cluster.nodes.has(other)) ?? "n1";
    const starting = cluster.joined.includes(name) ? cluster.join(name, via) : cluster.startNode(name);
    // Who cannot start now ends, and is started again.
    starting.catch(() => cluster.kill(name));
  }
}

function isDown(cluster: SimulatedCluster, name: string): boolean {
  return cluster.world.machine(name).process === undefined;
}

/** Asks until it is done, at whichever node answers. */
async function decommission(cluster: SimulatedCluster, id: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const via = [...cluster.nodes.keys()][attempt % cluster.nodes.size];
    if (via === undefined) throw new Error("no node runs");
    const asked = cluster.node(via).changeDirectory({ kind: "decommission", node: id, isForced: false });
    let isDone: boolean | undefined;
    asked.then(
      () => (isDone = true),
      () => (isDone = false),
    );
    await cluster.world.runUntil(() => isDone !== undefined || !cluster.nodes.has(via), 20_000);
    if (isDone === true) return;
    revive(cluster);
    await cluster.world.run(500);
  }
  throw new Error("nobody takes the change");
}

test.for([1, 3])("under faults a node joins, and another one leaves, seed %i [R-9, B-2, M-10]", async (seed) => {
  const cluster = new SimulatedCluster({ seed, node: { shards: 4 } });
  const { world } = cluster;
  const random = world.random.fork();
  await cluster.start();
  const loads = Array.from({ length: 4 }, (_, at) => new OwnKeyWorkload(cluster, `own${at}`, random.fork()));
  await cluster.untilAllLed();
  cluster.join("n4", "n1").catch(() => cluster.kill("n4"));
  for (let count = 0; count < 3; count++) await strike(cluster, random);
  const stateOf = (id: number): string | undefined => {
    const [node] = [...cluster.nodes.values()].toSorted((a, b) => b.directoryState.epoch - a.directoryState.epoch);
    return node?.directoryState.nodes.find((each) => each.id === id)?.state;
  };
  for (const name of [...cluster.names, "n4"]) world.machine(name).resume();
  const isActive = (): boolean => {
    revive(cluster);
    return stateOf(4) === "active";
  };
  await cluster.until(isActive, "n4 to be active", 60_000);
  await decommission(cluster, 1);
  for (let count = 0; count < 3; count++) await strike(cluster, random);
  for (const name of [...cluster.names, "n4"]) world.machine(name).resume();
  const isGone = (): boolean => {
    revive(cluster);
    return stateOf(1) === "removed" && cluster.nodes.size === 3 && !cluster.nodes.has("n1");
  };
  await cluster.until(isGone, "n1 to be gone", 240_000);
  for (const name of ["n2", "n3", "n4"]) expect(cluster.node(name).hostedShards).toEqual([0, 1, 2, 3]);
  for (const load of loads) load.stop();
  await cluster.until(() => loads.every((load) => load.isAnswered), "answers to everything", 30_000);
  await cluster.untilEqual();
  expect(cluster.digests(4).map((digests) => digests.length)).toEqual([1, 1, 1, 1]);
  expect(loads.flatMap((load) => load.complaints())).toEqual([]);
  expect(cluster.crashes).toEqual([]);
  expect(new Set(cluster.exits.map(({ node, reason }) => `${node} ${reason.slice(0, 8)}`))).toEqual(
    new Set(["n1 REMOVED:"]),
  );
  expect(loads.reduce((sum, load) => sum + load.count("+OK"), 0)).toBeGreaterThan(100);
  await cluster.close();
});
