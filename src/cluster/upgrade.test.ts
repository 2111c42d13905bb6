/** Nodes of two versions in one cluster: the same code, of which one does not know what the other one does. */
import { afterEach, expect, test } from "vitest";
import { OwnKeyWorkload } from "../../test/cluster/own-key-workload.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { peerLinksDefaults } from "../net/index.ts";
import { SeededRandom } from "../simulation/index.ts";
import type { NodeSettings } from "./settings.ts";
import type { NodeStatus, SemanticsStatus } from "./status.ts";

const shards = 3;
/** A snapshot every now and then, so that some are made by one version and read by the other. */
const common: Partial<NodeSettings> = { snapshotLogBytesMin: 20_000, snapshotTailBytes: 2_000 };
const older: Partial<NodeSettings> = {
  ...common,
  semanticsLevelMax: 1,
  links: { ...peerLinksDefaults, versions: { min: 4, max: 4 } },
};
const newer: Partial<NodeSettings> = { ...common, semanticsLevelMax: 2 };

let cluster: SimulatedCluster;
let workloads: readonly OwnKeyWorkload[];

afterEach(async () => {
  await cluster.close();
});

async function started(): Promise<void> {
  cluster = new SimulatedCluster({ seed: 5, node: { shards, settings: older } });
  await cluster.start();
  await cluster.untilAllLed();
  workloads = Array.from({ length: 9 }, (_, at) => new OwnKeyWorkload(cluster, `key:${at}`, new SeededRandom(at + 1)));
  await cluster.world.run(1_000);
}

/** Stops a node as people do, and starts it as that version. */
async function restart(name: string, settings: Partial<NodeSettings>): Promise<void> {
  await cluster.world.until(cluster.node(name).close());
  cluster.kill(name);
  await cluster.world.run(500);
  await cluster.world.until(cluster.startNode(name, { settings }));
  await cluster.untilAllLed();
  await cluster.world.run(1_000);
}

function groupsOf(name: string): readonly NodeStatus["groups"][number][] {
  return cluster.node(name).nodeStatus().groups;
}

/** Of all replicas, the directory's too. */
function levels(): readonly number[] {
  const statuses = [...cluster.nodes.values()].map((node) => node.nodeStatus());
  return statuses.flatMap(({ groups, directory }) => [
    ...groups.map(({ semanticsLevel }) => semanticsLevel),
    directory?.semanticsLevel ?? 0,
  ]);
}

async function semantics(): Promise<SemanticsStatus> {
  return (await cluster.world.until(cluster.node("n1").status())).semantics;
}

function finish(name: string): Promise<number> {
  return cluster.world.until(cluster.node(name).finishUpgrade());
}

/** All that clients were told is so, and all replicas hold the same. */
async function expectSound(): Promise<void> {
  for (const workload of workloads) workload.stop();
  await cluster.until(() => workloads.every(({ isAnswered }) => isAnswered), "answers");
  expect(workloads.flatMap((workload) => workload.complaints())).toEqual([]);
  for (const workload of workloads) expect(workload.count("+OK")).toBeGreaterThan(20);
  await cluster.untilEqual();
  expect(cluster.digests(shards).map(({ length }) => length)).toEqual([1, 1, 1]);
  expect(cluster.crashes).toEqual([]);
}

test("nodes of two versions serve together, are upgraded one after the other and back, and agree [T-3]", async () => {
  await started();
  expect(await finish("n1")).toBe(1);
  for (const name of cluster.names) {
    await restart(name, newer);
    const behind = cluster.names.slice(cluster.names.indexOf(name) + 1);
    if (behind.length === 0) continue;
    const message = new RegExp(`^${behind.join(", ")} of an older version`);
    await expect(finish("n1")).rejects.toMatchObject({
      code: "UPGRADE_REFUSED",
      message: expect.stringMatching(message),
    });
    const knows = (each: string): number => (behind.includes(each) ? 1 : 2);
    expect(await semantics()).toEqual({
      level: 1,
      levelMax: 2,
      nodes: cluster.names.map((each) => ({ name: each, knows: knows(each) })),
      isUpgradeFinished: false,
    });
  }
  // The way back is open as long as nobody has finished.
  expect(new Set(levels())).toEqual(new Set([1]));
  await restart("n2", older);
  await restart("n2", newer);
  await expectSound();
});

test("an upgrade is finished at once for all replicas, and who comes back with the older version stops until it is upgraded [T-3]", async () => {
  await started();
  for (const name of cluster.names) await restart(name, newer);
  expect(await semantics()).toMatchObject({ level: 1, levelMax: 2, isUpgradeFinished: false });
  cluster.kill("n3");
  await expect(finish("n1")).rejects.toMatchObject({
    code: "UPGRADE_REFUSED",
    message: expect.stringMatching(/^n3 does/),
  });
  await cluster.world.until(cluster.startNode("n3", { settings: newer }));
  await cluster.untilAllLed();
  expect(await finish("n2")).toBe(2);
  await cluster.until(() => new Set(levels()).size === 1, "one level");
  expect(levels()).toEqual(Array.from({ length: 12 }, () => 2));
  expect(await finish("n3")).toBe(2);
  expect(await semantics()).toMatchObject({ level: 2, levelMax: 2, isUpgradeFinished: true });
  await cluster.world.until(cluster.node("n3").close());
  cluster.kill("n3");
  await cluster.world.until(cluster.startNode("n3", { settings: older }));
  await cluster.until(() => groupsOf("n3").every(({ stoppedBecause }) => stoppedBecause !== null), "stopped replicas");
  for (const { stoppedBecause } of groupsOf("n3"))
    expect(stoppedBecause).toMatch(/semantics level 2, .*upgrade this node/);
  // It may stop before it is heard. It lags behind for good, and the data does not.
  await cluster.world.run(1_000);
  expect(await semantics()).toMatchObject({ level: 2, levelMax: 2, isUpgradeFinished: false });
  // The others go on without it.
  await cluster.untilAllLed();
  await restart("n3", newer);
  await expectSound();
});
