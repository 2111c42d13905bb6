/** Clusters that have lost majorities for good, and what is left of them after a recovery. */
import { expect, test } from "vitest";
import { bulk } from "../../../test/cluster/client.ts";
import { RecoveredCluster } from "../../../test/cluster/recovered-cluster.ts";

test("of three nodes one is left: it has all that it had, takes writes, and gets company again [M-10, C-4]", async () => {
  const cluster = new RecoveredCluster({ seed: 5, size: 3, node: { shards: 4, replicas: 3 } });
  await cluster.start();
  await cluster.untilAllLed();
  await cluster.write("n1", 40, "before");
  await cluster.untilEqual();
  // Time for all of it to reach every disk.
  await cluster.world.run(500);
  cluster.kill("n2");
  cluster.kill("n3");
  cluster.kill("n1");
  const plan = await cluster.plan("n1");
  expect(plan.lostNodes.map(({ name }) => name)).toEqual(["n2", "n3"]);
  expect(plan.groups.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => "recovered"));
  const outcome = await cluster.recover("n1", plan);
  expect(outcome).toMatchObject({ nodeId: 1, name: "n1", fenced: [] });
  expect(outcome.begun.map(({ group }) => group)).toEqual([0, 1, 2, 3, 4]);
  await cluster.world.until(cluster.startNode("n1"));
  await cluster.untilAllLed();
  expect(await cluster.read("n1", 40)).toEqual(Array.from({ length: 40 }, (_, at) => bulk(`before${at}`)));
  const states = cluster.node("n1").directoryState.nodes.map(({ name, state }) => `${name} ${state}`);
  expect(states).toEqual(["n1 active", "n2 removed", "n3 removed"]);
  await cluster.write("n1", 40, "after");
  for (const name of ["n4", "n5"]) await cluster.world.until(cluster.join(name, "n1"));
  await cluster.until(() => cluster.areFull(3), "three replicas of each shard", 120_000);
  await cluster.untilEqual();
  expect(cluster.digests(4).map(({ length }) => length)).toEqual([1, 1, 1, 1]);
  expect(await cluster.read("n5", 40)).toEqual(Array.from({ length: 40 }, (_, at) => bulk(`after${at}`)));
  // One of those that were given up comes back after all.
  await cluster.world.until(cluster.startNode("n2"));
  await cluster.until(() => cluster.exits.length > 0, "an exit");
  expect(cluster.exits).toEqual([
    { node: "n2", code: 2, reason: expect.stringContaining("was removed from the cluster") },
  ]);
  expect([cluster.crashes, cluster.eventsOf("a replica has stopped")]).toEqual([[], []]);
  await cluster.close();
});

test("of five nodes two are left: shards that have their majority are not touched, others go on, or begin with nothing", async () => {
  const shards = 6;
  const left = ["n2", "n5"];
  const cluster = new RecoveredCluster({ seed: 6, size: 5, node: { shards, replicas: 3 } });
  await cluster.start();
  await cluster.untilAllLed();
  await cluster.write("n3", 60, "v");
  await cluster.untilEqual();
  await cluster.world.run(500);
  const held = Array.from({ length: shards }, (_, shard) =>
    left.filter((name) => cluster.node(name).hostedShards.includes(shard)),
  );
  const digests = held.map(([name], shard) => name && cluster.node(name).keyspaceOf(shard).checksum());
  for (const name of cluster.names) cluster.kill(name);
  const plan = await cluster.plan("n5", "n2");
  expect(plan.lostNodes.map(({ name }) => name)).toEqual(["n1", "n3", "n4"]);
  const kinds = plan.groups.slice(1).map(({ kind }) => kind);
  expect(kinds).toEqual(held.map(({ length }) => ["emptied", "recovered", "whole"][length]));
  expect(new Set(kinds).size).toBe(3);
  expect(plan.groups[0]).toMatchObject({ kind: "recovered", lostVoters: [1, 3, 4] });
  const outcomes = [await cluster.recover("n2", plan), await cluster.recover("n5", plan)];
  expect(outcomes.flatMap(({ begun }) => begun.map(({ group }) => group)).toSorted((a, b) => a - b)).toEqual(
    plan.groups.flatMap(({ kind, group }) => (kind === "whole" ? [] : [group])),
  );
  expect(outcomes.flatMap(({ fenced }) => fenced)).toEqual([0]);
  await cluster.world.until(Promise.all(left.map((name) => cluster.startNode(name))));
  await cluster.untilAllLed();
  for (const [shard, names] of held.entries()) {
    const [name] = names;
    if (name === undefined) continue;
    expect(cluster.node(name).keyspaceOf(shard).checksum()).toBe(digests[shard]);
    const { voters } = cluster.node("n2").directoryState.shards[shard]?.report ?? { voters: [] };
    expect(voters.length).toBe(names.length === 2 ? 3 : 1);
  }
  const found = await cluster.read("n2", 60);
  expect(found.filter((reply) => reply === null || reply === "$-1\r\n").length).toBeLessThan(60);
  await cluster.write("n5", 60, "w");
  await cluster.world.until(cluster.join("n6", "n2"));
  await cluster.until(() => cluster.areFull(3), "three replicas of each shard", 200_000);
  await cluster.untilEqual();
  expect(cluster.digests(shards).every(({ length }) => length === 1)).toBe(true);
  expect(await cluster.read("n6", 60)).toEqual(Array.from({ length: 60 }, (_, at) => bulk(`w${at}`)));
  // Three of five: they would be a majority among themselves.
  for (const name of ["n1", "n3", "n4"]) await cluster.world.until(cluster.startNode(name));
  await cluster.until(() => cluster.exits.length === 3, "exits");
  expect(cluster.exits.map(({ node, code }) => [node, code]).toSorted()).toEqual([
    ["n1", 2],
    ["n3", 2],
    ["n4", 2],
  ]);
  expect([cluster.crashes, cluster.eventsOf("a replica has stopped")]).toEqual([[], []]);
  await cluster.close();
});

test("where the directory has its majority an operator removes who is lost, and who comes back before that is refused as well", async () => {
  const cluster = new RecoveredCluster({ seed: 7, size: 6, node: { shards: 6, replicas: 3 } });
  await cluster.start();
  await cluster.untilAllLed();
  await cluster.write("n1", 30, "v");
  await cluster.untilEqual();
  await cluster.world.run(500);
  for (const name of cluster.names) cluster.kill(name);
  const left = ["n1", "n2", "n3", "n4"];
  const plan = await cluster.plan(...left);
  expect(plan.groups[0]).toEqual({ kind: "whole", group: 0 });
  expect(plan.groups.filter(({ kind }) => kind === "recovered").length).toBeGreaterThan(0);
  expect(plan.groups.filter(({ kind }) => kind === "emptied")).toEqual([]);
  for (const name of left) await cluster.recover(name, plan);
  await cluster.world.until(Promise.all(left.map((name) => cluster.startNode(name))));
  await cluster.untilAllLed();
  // These two are a majority of what they know of the shards that were carried on.
  for (const name of ["n5", "n6"]) await cluster.world.until(cluster.startNode(name));
  await cluster.until(() => cluster.exits.length === 2, "exits");
  expect(cluster.exits.map(({ node, code }) => [node, code]).toSorted()).toEqual([
    ["n5", 2],
    ["n6", 2],
  ]);
  expect(await cluster.read("n2", 30)).toEqual(Array.from({ length: 30 }, (_, at) => bulk(`v${at}`)));
  const { nodes } = cluster.node("n1").directoryState;
  expect(nodes.map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => "active"));
  for (const node of [5, 6]) {
    const heard = new Set([1, 2, 3, 4]);
    await cluster.world.until(cluster.node("n3").changeDirectory({ kind: "remove", node, heard, isForced: true }));
  }
  await cluster.until(() => cluster.areFull(3), "three replicas of each shard", 200_000);
  await cluster.untilEqual();
  expect(cluster.digests(6).every(({ length }) => length === 1)).toBe(true);
  expect(await cluster.read("n4", 30)).toEqual(Array.from({ length: 30 }, (_, at) => bulk(`v${at}`)));
  expect([cluster.crashes, cluster.eventsOf("a replica has stopped")]).toEqual([[], []]);
  await cluster.close();
});
