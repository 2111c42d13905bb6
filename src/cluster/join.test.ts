/** Nodes that join a cluster that runs, and leave it: whole nodes in the simulator. */
import { expect, test } from "vitest";
import { bulk, okReply } from "../../test/cluster/client.ts";
import { OwnKeyWorkload } from "../../test/cluster/own-key-workload.ts";
import { SimulatedCluster, type SimulatedClusterOptions } from "../../test/cluster/simulated-cluster.ts";
import type { DirectoryNode } from "../directory/index.ts";

const keyCount = 40;

async function started(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ ...options, node: { shards: 4, ...options.node } });
  await cluster.start();
  await cluster.untilAllLed();
  return cluster;
}

function nodeIn(cluster: SimulatedCluster, name: string, of: string): DirectoryNode | undefined {
  return cluster.node(name).directoryState.nodes.findLast((node) => node.name === of);
}

/** Until all replicas are where the directory wants them. */
async function untilAtRest(cluster: SimulatedCluster, name: string): Promise<void> {
  const isAtRest = (): boolean => {
    const { shards } = cluster.node(name).directoryState;
    return shards.every(({ report, wish }) => {
      return report.learners.length === 0 && String(report.voters.map((id) => id % 65_536)) === String(wish);
    });
  };
  await cluster.until(isAtRest, "replicas at rest", 120_000);
}

/** Writes each key's `round`. All is acknowledged. */
async function write(cluster: SimulatedCluster, name: string, round: number): Promise<void> {
  const client = cluster.client(name);
  for (let key = 0; key < keyCount; key++) client.send("SET", `key${key}`, `${round}`);
  await cluster.until(() => client.isAnswered, "replies");
  expect(new Set(client.replies)).toEqual(new Set([okReply]));
}

async function expectRound(cluster: SimulatedCluster, name: string, round: number): Promise<void> {
  const client = cluster.client(name);
  for (let key = 0; key < keyCount; key++) client.send("GET", `key${key}`);
  await cluster.until(() => client.isAnswered, "replies");
  expect(new Set(client.replies)).toEqual(new Set([bulk(`${round}`)]));
}

test("a node that joins serves at once, takes its share, and knows the others after a restart", async () => {
  const cluster = await started();
  await write(cluster, "n1", 1);
  await cluster.world.until(cluster.join("n4", "n2", { zone: "east", weight: 200 }));
  await expectRound(cluster, "n4", 1);
  await cluster.until(() => nodeIn(cluster, "n1", "n4")?.state === "active", "n4 to be active");
  expect(nodeIn(cluster, "n3", "n4")).toMatchObject({ id: 4, zone: "east", weight: 200 });
  await cluster.until(() => cluster.node("n4").hostedShards.length > 0, "a shard at n4", 60_000);
  await untilAtRest(cluster, "n1");
  await write(cluster, "n4", 2);
  for (const name of [...cluster.names, "n4"]) cluster.kill(name);
  await cluster.start();
  await cluster.world.until(cluster.startNode("n4"));
  await expectRound(cluster, "n4", 2);
  expect(cluster.exits).toEqual([]);
  await cluster.close();
}, 60_000);

/** What is wrong with the cluster and with what clients were told. */
function complaintsOf(cluster: SimulatedCluster, loads: readonly OwnKeyWorkload[]): readonly string[] {
  const isSame = cluster.digests(4).every((digests) => digests.length === 1);
  return [
    ...(isSame ? [] : ["the replicas differ"]),
    ...loads.flatMap((load) => load.complaints()),
    ...cluster.crashes.map((error) => `crash: ${error instanceof Error ? error.stack : String(error)}`),
    ...cluster.eventsOf("a replica has stopped").map(({ node, fields }) => `${node}: ${fields.error}`),
  ];
}

async function untilAnswered(cluster: SimulatedCluster, loads: readonly OwnKeyWorkload[]): Promise<void> {
  for (const load of loads) load.stop();
  await cluster.until(() => loads.every((load) => load.isAnswered), "answers to everything", 30_000);
}

test("under load a node joins and another one goes for good: nothing that was acknowledged is lost [M-10, R-9]", async () => {
  const cluster = await started({ seed: 11 });
  const random = cluster.world.random.fork();
  const loads = Array.from({ length: 3 }, (_, at) => new OwnKeyWorkload(cluster, `own${at}`, random.fork()));
  await cluster.world.run(1_000);
  await cluster.world.until(cluster.join("n4", "n3"));
  await cluster.until(() => nodeIn(cluster, "n2", "n4")?.state === "active", "n4 to be active");
  await cluster.world.until(cluster.node("n2").changeDirectory({ kind: "decommission", node: 1, isForced: false }));
  await cluster.until(() => nodeIn(cluster, "n2", "n1")?.state === "removed", "n1 to be removed", 180_000);
  await cluster.until(() => !cluster.nodes.has("n1"), "n1 to stop");
  expect(cluster.exits).toEqual([
    { node: "n1", code: 2, reason: expect.stringMatching(/^REMOVED: node n1 \(1\) was/) },
  ]);
  for (const name of ["n2", "n3", "n4"]) expect(cluster.node(name).hostedShards).toEqual([0, 1, 2, 3]);
  await cluster.world.run(3_000);
  await untilAnswered(cluster, loads);
  await cluster.untilEqual();
  expect(complaintsOf(cluster, loads)).toEqual([]);
  expect(loads.reduce((sum, load) => sum + load.count("+OK"), 0)).toBeGreaterThan(300);
  // Its number is not given again, and its directory is of no use; its name is free for another one.
  await cluster.world.until(cluster.startNode("n1").catch(() => {}));
  await cluster.until(() => cluster.exits.length === 2, "n1 to stop again");
  expect(cluster.exits[1]?.reason).toMatch(/^REMOVED/);
  await cluster.close();
}, 120_000);

test("whoever dies while a node joins, it joins once, and serves", async () => {
  for (let step = 0; step < 9; step++) {
    const cluster = await started({ seed: 40 + step });
    const { world } = cluster;
    void cluster.join("n4", "n1").catch(() => {});
    await world.run(4 * step * step);
    const victim = ["n4", "n1", "n2"][step % 3] as string;
    cluster.kill(victim);
    await world.run(500);
    for (const name of cluster.names) if (!cluster.nodes.has(name)) await world.until(cluster.startNode(name));
    await cluster.untilAllLed();
    // As it is told to, or as it remembers.
    if (!cluster.nodes.has("n4")) world.machine("n4").kill();
    await world.until(cluster.join("n4", "n2"));
    await cluster.until(() => nodeIn(cluster, "n3", "n4")?.state === "active", "n4 to be active", 60_000);
    expect(cluster.node("n3").directoryState.nodes.map(({ id, name }) => `${id} ${name}`)).toEqual([
      "1 n1",
      "2 n2",
      "3 n3",
      "4 n4",
    ]);
    await write(cluster, "n4", step);
    expect([...cluster.exits, ...cluster.crashes]).toEqual([]);
    await cluster.close();
  }
}, 120_000);

test("the first nodes are moved all at once, then the one that joined, and they find together each time", async () => {
  const cluster = await started();
  await cluster.world.until(cluster.join("n4", "n1"));
  await cluster.until(() => nodeIn(cluster, "n2", "n4")?.state === "active", "n4 to be active");
  await write(cluster, "n4", 1);
  for (const name of cluster.names) cluster.kill(name);
  const peers = cluster.names.map((name) => ({ name, host: name, port: 19_000 }));
  for (const name of cluster.names) await cluster.world.until(cluster.startNode(name, { peers }));
  await cluster.untilAllLed();
  await expectRound(cluster, "n4", 1);
  cluster.kill("n4");
  await cluster.world.until(cluster.startNode("n4", { address: { host: "n4", port: 19_000 } }));
  await cluster.untilAllLed();
  await expectRound(cluster, "n4", 1);
  const isTold = (): boolean => {
    return ["n1", "n4"].every((name) => nodeIn(cluster, "n2", name)?.peerAddress?.port === 19_000);
  };
  await cluster.until(isTold, "the directory to know where all nodes are");
  await cluster.close();
}, 60_000);

test("nodes that were all moved at once find together, if one that joined knows where to ask", async () => {
  const cluster = await started();
  await cluster.world.until(cluster.join("n4", "n1"));
  await cluster.until(() => nodeIn(cluster, "n2", "n4")?.state === "active", "n4 to be active");
  await write(cluster, "n4", 1);
  for (const name of [...cluster.names, "n4"]) cluster.kill(name);
  const peers = cluster.names.map((name) => ({ name, host: name, port: 19_000 }));
  for (const name of cluster.names) await cluster.world.until(cluster.startNode(name, { peers }));
  const moved = { address: { host: "n4", port: 19_000 }, join: cluster.asking("n4", "n3") };
  await cluster.world.until(cluster.startNode("n4", moved));
  await cluster.untilAllLed();
  await expectRound(cluster, "n4", 1);
  expect(cluster.node("n1").directoryState.nodes).toHaveLength(4);
  await cluster.close();
}, 60_000);

test("who says that it is a node already gets no number from a cluster that does not know it", async () => {
  const cluster = await started();
  const { clusterId } = cluster.node("n1").topology();
  const asked = { directoryId: "5".repeat(32), name: "n5", peerAddress: undefined, zone: undefined, weight: undefined };
  for (const id of [clusterId, "0".repeat(32)]) {
    const answer = cluster.world.until(cluster.node("n1").admitJoiner({ ...asked, clusterId: id }));
    await expect(answer).rejects.toThrow(expect.objectContaining({ code: "NODE_STATE" }));
  }
  expect(cluster.node("n1").directoryState.epoch).toBe(0);
  await cluster.close();
});

test("a name that is taken, and a node that nobody can reach, are refused", async () => {
  const cluster = await started();
  const alone = new SimulatedCluster({ size: 1 });
  await alone.start();
  const request = {
    directoryId: "4".repeat(32),
    name: "n4",
    peerAddress: undefined,
    zone: undefined,
    weight: 100,
    clusterId: undefined,
  };
  await expect(alone.world.until(alone.node("n1").admitJoiner(request))).rejects.toThrow(
    expect.objectContaining({ code: "NODE_STATE", message: expect.stringMatching(/listens for no peers/) }),
  );
  await expect(cluster.world.until(cluster.node("n1").admitJoiner({ ...request, name: "n3" }))).rejects.toThrow(
    expect.objectContaining({ code: "NODE_NAME_TAKEN" }),
  );
  await cluster.close();
  await alone.close();
});

test("a cluster of one node grows, and goes on without the first", async () => {
  const first = { name: "n1", host: "n1", port: 17_000 };
  const cluster = await started({ size: 1, node: { peers: [first] } });
  await write(cluster, "n1", 1);
  for (const name of ["n2", "n3", "n4"]) {
    await cluster.world.until(cluster.join(name, "n1", { peers: undefined }));
    await cluster.until(() => nodeIn(cluster, "n1", name)?.state === "active", `${name} to be active`);
  }
  await untilAtRest(cluster, "n1");
  await cluster.world.until(cluster.node("n3").changeDirectory({ kind: "decommission", node: 1, isForced: false }));
  await cluster.until(() => !cluster.nodes.has("n1"), "n1 to stop", 180_000);
  await cluster.untilAllLed();
  await expectRound(cluster, "n4", 1);
  await cluster.close();
}, 60_000);
