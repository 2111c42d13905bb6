import { expect, test } from "vitest";
import { bulk, type Client, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";

const wide = "x".repeat(50_000);

async function started(size: number): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ size });
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(200);
  return cluster;
}

/** Takes the free space of a node's disk; gives a function that puts it back. */
function fill(cluster: SimulatedCluster, name: string): () => void {
  const { disk } = cluster.world.machine(name);
  const { capacityBytes } = disk.settings;
  disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
  return () => {
    disk.settings = { ...disk.settings, capacityBytes };
  };
}

/** Writes without waiting for replies until the node's disk is full, then a little more. */
async function flood(cluster: SimulatedCluster, name: string, client: Client): Promise<void> {
  const isFull = (): boolean => cluster.node(name).nodeStatus().isDiskFull;
  for (let round = 0; round < 200 && !isFull(); round++) {
    for (let each = 0; each < 60; each++) client.send("SET", `k${round % 3}`, wide);
    await cluster.world.run(2);
  }
  expect(isFull()).toBe(true);
  await cluster.world.run(150);
  client.send("SET", "k0", "late");
  client.send("GET", "untouched");
}

/** Replies by what they begin with. */
function kinds(client: Client): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reply of client.replies) {
    const kind = /^[+-]?\w+/.exec(reply ?? "nothing")?.[0] ?? "value";
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

test("writes that are under way when the disk fills are answered in bounded time, truly, and once [D-7]", async () => {
  const cluster = await started(1);
  const client = cluster.client("n1");
  client.send("SET", "untouched", "0");
  await cluster.until(() => client.isAnswered, "a reply");
  const free = fill(cluster, "n1");
  await flood(cluster, "n1", client);
  // The read is behind writes of its own connection whose fate is open: it is answered when they are.
  await cluster.until(() => client.isAnswered, "replies", 7_000);
  expect(client.replies.at(-1)).toBe(bulk("0"));
  expect(client.replies.at(-2)).toMatch(/^-DISKFULL/);
  const answered = kinds(client);
  expect(Object.keys(answered).toSorted()).toEqual(["+OK", "-DISKFULL", "-UNCERTAIN", "value"]);
  const count = client.sentCount;
  // What was answered OK stands before what is in doubt: order is kept.
  const firstDoubt = client.replies.findIndex((reply) => reply?.startsWith("-UNCERTAIN"));
  expect(client.replies.lastIndexOf(okReply)).toBeLessThan(firstDoubt);
  free();
  await cluster.until(() => !cluster.node("n1").nodeStatus().isDiskFull, "space");
  client.send("SET", "k0", "new");
  client.send("GET", "k0");
  client.wait(0, 0);
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies.slice(count)).toEqual([okReply, bulk("new"), ":0\r\n"]);
  await cluster.close();
});

test("where a majority has no space, its leader refuses writes, answers those under way, and serves reads [D-7]", async () => {
  const cluster = await started(3);
  const leader = await cluster.untilLeader();
  const client = cluster.client(leader);
  client.send("SET", "untouched", "0");
  await cluster.until(() => client.isAnswered, "a reply");
  const frees = cluster.followers.map((name) => fill(cluster, name));
  const areFull = (): boolean => cluster.followers.every((name) => cluster.node(name).nodeStatus().isDiskFull);
  for (let round = 0; round < 20 && !areFull(); round++) {
    for (let each = 0; each < 30; each++) client.send("SET", `k${each % 3}`, wide);
    await cluster.world.run(2);
  }
  expect(areFull()).toBe(true);
  // By then the leader has heard of it.
  await cluster.world.run(1_000);
  client.send("SET", "k0", "late");
  client.send("GET", "untouched");
  await cluster.until(() => client.isAnswered, "replies", 7_000);
  expect(Object.keys(kinds(client)).toSorted()).toEqual(["+OK", "-DISKFULL", "-UNCERTAIN", "value"]);
  expect(cluster.leader).toBe(leader);
  expect(cluster.node(leader).nodeStatus().isDiskFull).toBe(false);
  expect(client.replies.at(-1)).toBe(bulk("0"));
  client.send("SET", "k0", "later");
  await cluster.world.run(0);
  expect(client.replies.at(-1)).toMatch(/^-DISKFULL .* did not happen/);
  for (const free of frees) free();
  await cluster.until(() => !cluster.followers.some((name) => cluster.node(name).nodeStatus().isDiskFull), "space");
  await cluster.world.run(1_500);
  client.send("SET", "k0", "new");
  client.send("GET", "k0");
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies.slice(-2)).toEqual([okReply, bulk("new")]);
  await cluster.untilEqual();
  await cluster.close();
});

test("a command that goes through the log in pieces is answered as well, and later ones pass it [D-7]", async () => {
  const cluster = await started(1);
  const client = cluster.client("n1");
  const free = fill(cluster, "n1");
  client.send("SET", "large", "x".repeat(6_000_000));
  await cluster.until(() => cluster.node("n1").nodeStatus().isDiskFull, "full disk");
  client.send("SET", "k", "late");
  client.send("GET", "k");
  await cluster.until(() => client.isAnswered, "replies", 7_000);
  expect(client.replies).toEqual([expect.stringMatching(/^-UNCERTAIN/), expect.stringMatching(/^-DISKFULL/), "_\r\n"]);
  free();
  await cluster.until(() => !cluster.node("n1").nodeStatus().isDiskFull, "space");
  client.send("SET", "large", "y".repeat(1_000_000));
  client.send("STRLEN", "large");
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies.slice(-2)).toEqual([okReply, ":1000000\r\n"]);
  await cluster.close();
});

test("on a full disk the state's time stands still: reads of keys that fall due are answered [D-7]", async () => {
  const cluster = await started(1);
  const client = cluster.client("n1");
  client.send("SET", "short", "1", "PX", "60000");
  await cluster.until(() => client.isAnswered, "a reply");
  const free = fill(cluster, "n1");
  await flood(cluster, "n1", client);
  await cluster.until(() => client.isAnswered, "replies", 7_000);
  await cluster.world.run(60_000);
  client.send("GET", "short");
  await cluster.until(() => client.isAnswered, "a reply", 1_000);
  expect(client.replies.at(-1)).toBe(bulk("1"));
  free();
  await cluster.until(() => !cluster.node("n1").nodeStatus().isDiskFull, "space");
  client.send("GET", "short");
  await cluster.until(() => client.isAnswered, "a reply");
  expect(client.replies.at(-1)).toBe("_\r\n");
  await cluster.close();
});

test("a read stands behind its connection's writes that are under way, when those behind them are refused [D-7, R-9]", async () => {
  const cluster = await started(1);
  const client = cluster.client("n1");
  const free = fill(cluster, "n1");
  const written = new Map<number, string>();
  const isFull = (): boolean => cluster.node("n1").nodeStatus().isDiskFull;
  for (let round = 0; round < 200 && !isFull(); round++) {
    for (let each = 0; each < 60; each++) {
      const value = `${round}-${each}-${wide}`;
      written.set(client.send("SET", "k", value), value);
    }
    await cluster.world.run(2);
  }
  await cluster.world.run(150);
  const read = client.send("GET", "k");
  await cluster.world.run(1_000);
  expect(client.replies[read]).toBeUndefined();
  free();
  await cluster.until(() => client.isAnswered, "replies", 5_000);
  const done = [...written.keys()].filter((ticket) => client.replies[ticket] === okReply);
  expect(done.length).toBeLessThan(written.size);
  expect(client.replies[read]).toBe(bulk(written.get(done.at(-1) as number) as string));
  await cluster.close();
});
