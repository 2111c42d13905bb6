import { afterEach, expect, test } from "vitest";
import { bulk, okReply } from "../../../test/cluster/client.ts";
import { SimulatedCluster, type SimulatedClusterOptions } from "../../../test/cluster/simulated-cluster.ts";
import { entryCommandTable, type Keyspace } from "../../keyspace/index.ts";
import type { Arguments } from "../../resp/index.ts";
import type { NodeStatus, NodeView } from "../status.ts";
import { judgeSkip, type SkipPicture, skippedEntry } from "./entry-skip.ts";

const spec = entryCommandTable.get("INCR");
if (spec?.execute === undefined) throw new Error("no INCR");
const { execute } = spec;

afterEach(() => {
  Reflect.set(spec, "execute", execute);
});

/** From now on no replica can apply `INCR poison`; all else works. It leaves the state changed by half. */
function plantPoison(isPoisonous: (keyspace: Keyspace) => boolean = () => true): void {
  Reflect.set(spec as object, "execute", (keyspace: Keyspace, args: Arguments) => {
    const reply = execute(keyspace, args);
    if (args.text(1) === "poison" && isPoisonous(keyspace)) throw new Error("a poisonous command");
    return reply;
  });
}

async function started(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({
    ...options,
    node: { ...options.node, settings: { commitHintDelayMs: 0, ...options.node?.settings } },
  });
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(300);
  return cluster;
}

/** Sends the poisonous command behind another one, and waits until so many have stopped at it, by default all. Returns its index. */
async function poison(cluster: SimulatedCluster, count: number = cluster.nodes.size): Promise<number> {
  const client = cluster.client(await cluster.untilLeader());
  client.send("SET", "k", "1");
  await cluster.until(() => client.isAnswered, "a reply");
  client.send("INCR", "poison");
  await cluster.until(() => client.isAnswered, "an answer");
  expect(client.replies.at(-1)).toMatch(/^-UNCERTAIN/);
  const stopped = (): readonly string[] =>
    [...cluster.nodes.keys()].filter((name) => cluster.status(name).stoppedBy !== null);
  await cluster.until(() => stopped().length >= count, "replicas that stop");
  return cluster.status(stopped()[0] as string).stoppedBy?.index ?? 0;
}

async function untilStopped(cluster: SimulatedCluster, names: readonly string[]): Promise<void> {
  await cluster.until(() => names.every((name) => cluster.status(name).stoppedBy !== null), "replicas that stop");
}

async function lookedAt(cluster: SimulatedCluster, via: string, index: number): Promise<SkipPicture> {
  return await cluster.world.until(cluster.node(via).lookAtSkip({ shard: 0, index, checksum: undefined }));
}

function without({ status }: NodeView): NodeStatus | null {
  return status === null ? null : { ...status, groups: [] };
}

/** As an operator does who has looked at it. */
async function skip(cluster: SimulatedCluster, via: string, index: number, changes: object = {}): Promise<void> {
  const found = await lookedAt(cluster, via, index);
  const entry = { ...skippedEntry(found, { atMs: 1, by: "ann", because: "it stops all" }), ...changes };
  await cluster.world.until(cluster.node(via).changeDirectory({ kind: "skip", entry }));
}

async function untilServing(cluster: SimulatedCluster): Promise<void> {
  const isServing = (): boolean => cluster.names.every((name) => cluster.status(name).stoppedBecause === null);
  await cluster.until(isServing, "replicas that go on");
  await cluster.untilLeader();
  const client = cluster.client("n1");
  client.send("SET", "after", "2");
  client.send("GET", "k");
  client.send("EXISTS", "poison");
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies).toEqual([okReply, bulk("1"), ":0\r\n"]);
  await cluster.untilEqual();
  expect(cluster.digests(1).map((digests) => digests.length)).toEqual([1]);
}

test("an entry that stops all replicas is left out for an operator, and they go on in the same state without a restart [A-4]", async () => {
  const cluster = await started();
  plantPoison();
  const index = await poison(cluster);
  const found = await lookedAt(cluster, "n2", index);
  expect(found).toMatchObject({
    shard: 0,
    entry: { index, commandCount: 1, commands: [{ name: "INCR", keys: ["poison"], bytes: 10 }] },
    reason: "Error: a poisonous command",
    stopped: ["n1", "n2", "n3"],
    behind: [],
    silent: [],
  });
  await skip(cluster, "n2", index);
  await untilServing(cluster);
  // Loudly: in the log of each node, and in its status for good.
  expect(
    cluster
      .eventsOf("an entry is left out from now on")
      .map(({ node, level }) => [node, level])
      .sort(),
  ).toEqual([
    ["n1", "warn"],
    ["n2", "warn"],
    ["n3", "warn"],
  ]);
  for (const name of cluster.names) {
    expect(cluster.status(name)).toMatchObject({
      stoppedBy: null,
      leftOut: [{ index, by: "ann", because: "it stops all", checksum: found.entry.checksum }],
    });
    expect(cluster.node(name).info().shards[0]).toMatchObject({ leftOutCount: 1, stoppedIndex: undefined });
  }
  expect(cluster.crashes).toEqual([]);
  await cluster.close();
});

test("what is left out is left out at every later start, also before the directory is heard, and by whoever comes back late [A-4]", async () => {
  const cluster = await started();
  plantPoison();
  cluster.kill("n3");
  // The leader stops before the other one hears that the entry is committed, and nobody will ever tell it.
  const index = await poison(cluster, 1);
  await expect(lookedAt(cluster, "n1", index)).rejects.toThrow(/holds up 1 of 3 replicas that vote/);
  await cluster.world.run(5_000);
  expect(await lookedAt(cluster, "n1", index)).toMatchObject({ silent: ["n3"] });
  await skip(cluster, "n1", index);
  await cluster.until(() => cluster.status("n1").stoppedBecause === null, "a replica that goes on");
  await cluster.until(() => cluster.status("n2").stoppedBecause === null, "the other one");
  await cluster.world.until(cluster.startNode("n3"));
  await untilServing(cluster);
  // From here on a version runs that could apply the entry: replicas that left it out must do so again.
  Reflect.set(spec, "execute", execute);
  for (const name of cluster.names) cluster.world.machine(name).cutPower("everything");
  await cluster.start();
  await untilServing(cluster);
  for (const name of cluster.names) expect(cluster.status(name).leftOut).toHaveLength(1);
  await cluster.close();
});

test.for([1, 2, 3, 4, 5, 6, 7, 8])(
  "nodes that lose power while an entry comes to be left out end up the same, and serve (seed %i) [A-4]",
  async (seed) => {
    const cluster = await started({ seed, node: { settings: { snapshotLogBytesMin: 4_096 } } });
    plantPoison();
    const filler = cluster.client("n1");
    for (let each = 0; each < 60; each++) filler.send("SET", `filler${each % 7}`, "x".repeat(200));
    await cluster.until(() => filler.isAnswered, "replies");
    const index = await poison(cluster);
    const found = await lookedAt(cluster, "n1", index);
    const entry = skippedEntry(found, { atMs: 1, by: "ann", because: "it stops all" });
    const change = cluster.node("n1").changeDirectory({ kind: "skip", entry });
    change.catch(() => {});
    for (let round = 0; round < 12; round++) {
      await cluster.world.run(3 + ((seed * 37 + round * 53) % 90));
      const name = cluster.names[(seed + round) % 3] as string;
      if (!cluster.nodes.has(name)) continue;
      cluster.world.machine(name).cutPower("random");
      await cluster.world.until(cluster.startNode(name));
    }
    await cluster.world.run(3_000);
    // Whether it came through the crashes nobody needs to know: asked for again it is the same.
    if (cluster.names.some((name) => cluster.status(name).stoppedBecause !== null)) {
      await cluster.world.until(cluster.node("n2").changeDirectory({ kind: "skip", entry }));
    }
    await untilServing(cluster);
    expect(cluster.crashes).toEqual([]);
    await cluster.close();
  },
);

test("another entry at that index is not left out: the checksum counts, not the place [A-4]", async () => {
  const cluster = await started();
  plantPoison();
  const index = await poison(cluster);
  await skip(cluster, "n1", index, { checksum: "0".repeat(64) });
  await cluster.until(() => cluster.names.every((name) => cluster.status(name).leftOut.length === 1), "news");
  await cluster.world.run(1_000);
  // It is applied, and stops them as before.
  for (const name of cluster.names) expect(cluster.status(name).stoppedBy?.index).toBe(index);
  for (const name of cluster.names) cluster.kill(name);
  await cluster.start();
  // Who leads stops at it, and so does the next one; the third has nobody then who would lead it there.
  const stopped = (): number => cluster.names.filter((name) => cluster.status(name).stoppedBy?.index === index).length;
  await cluster.until(() => stopped() >= 2, "a majority that stops");
  for (const name of cluster.names) expect(cluster.status(name).appliedIndex).toBeLessThan(index);
  await cluster.close();
});

test("an entry that some replica has applied, that stopped none, or that too few are known to have stopped at is not left out [A-4]", async () => {
  const cluster = await started();
  let brokenNode = "";
  plantPoison((keyspace) => brokenNode !== "" && cluster.node(brokenNode).keyspace === keyspace);
  const refusal = async (index: number): Promise<string> =>
    await lookedAt(cluster, "n1", index).then(
      () => "",
      (error: unknown) => String(error),
    );
  expect(await refusal(1)).toMatch(/Entry 1 of shard 0 has stopped no replica\. n1 has applied up to \d+, n2/);
  // Bad memory at one node: the others have done it.
  brokenNode = cluster.followers[0] as string;
  const client = cluster.client(cluster.leader as string);
  client.send("INCR", "poison");
  await cluster.until(() => client.isAnswered, "an answer");
  expect(client.replies).toEqual([":1\r\n"]);
  await untilStopped(cluster, [brokenNode]);
  const index = cluster.status(brokenNode).stoppedBy?.index ?? 0;
  expect(await refusal(index)).toMatch(/was applied by n\d, n\d: leaving it out would part the replicas/);
  for (const name of cluster.names) if (name !== brokenNode && name !== "n1") cluster.isolate(name);
  expect(await refusal(index)).toMatch(/was applied by|holds up 1 of 3 replicas that vote\. .*start the other nodes/);
  expect(await refusal(9_999)).toMatch(/has stopped no replica/);
  await cluster.close();
});

test("an entry is not left out while a node answers whose version does not heed that, with a replica of the shard or without [A-4, T-3]", async () => {
  const cluster = await started();
  plantPoison();
  const index = await poison(cluster);
  const request = { shard: 0, index, checksum: undefined };
  const state = cluster.node("n1").directoryState;
  const all = (await cluster.world.until(cluster.node("n1").status())).nodes;
  // Another node, which has the directory alone.
  const nodes = [...all, ...all.slice(2).map((node) => ({ ...node, name: "n4", nodeId: 4, status: without(node) }))];
  expect(judgeSkip(state, nodes, request)).toMatchObject({ entry: { index } });
  for (const { name } of nodes) {
    // What a version says that knows of no such entries.
    const older = nodes.map((node) => {
      const text = JSON.stringify(node, (key, value: unknown) => (key === "leftOut" ? undefined : value));
      return node.name === name ? JSON.parse(text) : node;
    });
    const says = `Entry ${index} of shard 0 would not be left out by ${name}, which does not say that its version knows of`;
    expect(judgeSkip(state, older, request)).toMatchObject({
      code: "SKIP_REFUSED",
      message: expect.stringContaining(says),
    });
  }
  // Of a node that does not answer nobody knows.
  const silent = nodes.map((node) => (node.name === "n4" ? { ...node, status: null } : node));
  expect(judgeSkip(state, silent, request)).toMatchObject({ entry: { index } });
  await cluster.close();
});

test("a replica that has carried out what the others leave out, unheard, stops when it hears of it, and stays stopped [A-4, D-11]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const followers = [...cluster.followers];
  const { keyspace } = cluster.node(leader);
  // A version that differs, as none may: it applies what stops the others.
  plantPoison((each) => each !== keyspace);
  const client = cluster.client(leader);
  client.send("INCR", "poison");
  await cluster.until(() => client.isAnswered, "an answer");
  expect(client.replies).toEqual([":1\r\n"]);
  await untilStopped(cluster, followers);
  const [first = "", second = ""] = followers;
  const index = cluster.status(first).stoppedBy?.index ?? 0;
  await expect(lookedAt(cluster, first, index)).rejects.toThrow(`was applied by ${leader}`);
  cluster.isolate(leader);
  // Now it is one of three that nobody hears, and might have stopped as well.
  await cluster.world.run(2_000);
  await skip(cluster, first, index);
  await cluster.until(
    () => [first, second].every((name) => cluster.status(name).stoppedBecause === null),
    "a majority",
  );
  expect(cluster.status(leader).stoppedBecause).toBeNull();
  cluster.world.network.healAll();
  await cluster.until(() => cluster.status(leader).role === "stopped", "a stop");
  expect(cluster.status(leader).stoppedBecause).toContain(`carried out entry ${index}, which the others leave out`);
  const late = cluster.client(first);
  late.send("INCR", "k");
  await cluster.until(() => late.isAnswered, "an answer");
  expect(late.replies).toEqual([":1\r\n"]);
  await cluster.close();
});

test("one command of three pieces is left out whole, and the pieces of the next one fit each other [A-4]", async () => {
  const cluster = await started({ size: 1 });
  const append = entryCommandTable.get("SET");
  if (append?.execute === undefined) throw new Error("no SET");
  const { execute: set } = append;
  Reflect.set(append, "execute", (keyspace: Keyspace, args: Arguments) => {
    if (args.text(1) === "poison") throw new Error("a poisonous command");
    return set(keyspace, args);
  });
  try {
    const client = cluster.client("n1");
    client.send("SET", "poison", "x".repeat(1_500_000));
    await untilStopped(cluster, ["n1"]);
    const { stoppedBy } = cluster.status("n1");
    expect(stoppedBy).toMatchObject({ commandCount: 1, commands: [{ name: "SET", keys: ["poison"] }] });
    expect(stoppedBy?.bytes).toBeGreaterThan(1_500_000);
    await skip(cluster, "n1", stoppedBy?.index ?? 0);
    await cluster.until(() => cluster.status("n1").role === "leader", "a replica that goes on");
    const late = cluster.client("n1");
    late.send("SET", "large", "y".repeat(1_500_000));
    late.send("STRLEN", "large");
    late.send("EXISTS", "poison");
    await cluster.until(() => late.isAnswered, "replies");
    expect(late.replies).toEqual([okReply, ":1500000\r\n", ":0\r\n"]);
  } finally {
    Reflect.set(append, "execute", set);
  }
  await cluster.close();
});
