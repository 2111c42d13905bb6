import { expect, test } from "vitest";
import { bulk, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster, type SimulatedClusterOptions } from "../../test/cluster/simulated-cluster.ts";
import { entryCommandTable, type Keyspace } from "../keyspace/index.ts";

async function started(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(options);
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(200);
  return cluster;
}

const yearMs = 365 * 24 * 3_600_000;

test("a full disk refuses writes, serves reads, and takes writes again when there is space [D-7]", async () => {
  const cluster = await started({ size: 1 });
  const { disk } = cluster.world.machine("n1");
  const client = cluster.client("n1");
  client.send("SET", "k", "0");
  await cluster.until(() => client.isAnswered, "a reply");
  const capacityBytes = disk.settings.capacityBytes;
  disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
  let count = 0;
  const isRefused = (): boolean => client.replies.at(-1)?.startsWith("-DISKFULL") === true;
  // What is still allocated is filled first.
  while (!isRefused() && count++ < 200) {
    client.send("SET", "k", "x".repeat(50_000));
    await cluster.world.run(20);
  }
  expect(client.replies.at(-1)).toMatch(/^-DISKFULL .* did not happen/);
  const before = cluster.status("n1").lastIndex;
  for (let each = 0; each < 10; each++) {
    client.send("SET", "k", "1");
    client.send("EXISTS", "k");
  }
  await cluster.world.run(200);
  expect(client.replies.slice(-2)).toEqual([expect.stringMatching(/^-DISKFULL/), ":1\r\n"]);
  expect(cluster.status("n1").lastIndex).toBe(before);
  expect(cluster.node("n1").nodeStatus().isDiskFull).toBe(true);
  disk.settings = { ...disk.settings, capacityBytes };
  await cluster.until(() => !cluster.node("n1").nodeStatus().isDiskFull, "space");
  client.send("SET", "k", "2");
  client.send("GET", "k");
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies.slice(-2)).toEqual([okReply, bulk("2")]);
  await cluster.close();
});

test("a follower whose disk is full holds nobody up, and catches up when there is space [D-7]", async () => {
  const cluster = await started();
  const follower = cluster.followers[0] as string;
  const { disk } = cluster.world.machine(follower);
  const capacityBytes = disk.settings.capacityBytes;
  disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
  const client = cluster.client(await cluster.untilLeader());
  for (let each = 0; each < 100; each++) {
    client.send("SET", `k${each}`, "x".repeat(50_000));
    await cluster.world.run(5);
  }
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies).toEqual(new Array(100).fill(okReply));
  expect(cluster.node(follower).nodeStatus().isDiskFull).toBe(true);
  disk.settings = { ...disk.settings, capacityBytes };
  await cluster.untilEqual();
  await cluster.close();
});

test("where all disks are full, a new leader is elected and answers reads [D-7]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const client = cluster.client(leader);
  client.send("SET", "k", "0");
  await cluster.until(() => client.isAnswered, "a reply");
  for (const name of cluster.names) {
    const { disk } = cluster.world.machine(name);
    disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
  }
  const areFull = (): boolean => cluster.names.every((name) => cluster.node(name).nodeStatus().isDiskFull);
  for (let count = 0; count < 400 && !areFull(); count++) {
    client.send("SET", "ballast", "x".repeat(5_000));
    await cluster.world.run(20);
  }
  expect(areFull()).toBe(true);
  cluster.kill(leader);
  const next = cluster.client(await cluster.untilLeader(leader));
  next.send("GET", "k");
  await cluster.until(() => next.isAnswered, "a reply", 10_000);
  expect(next.replies).toEqual([bulk("0")]);
  await cluster.close();
});

test("a leader whose disk is full hands over to a node that has space, and writes go on [D-7]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const { disk } = cluster.world.machine(leader);
  const client = cluster.client(leader);
  disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
  for (let each = 0; each < 100; each++) {
    client.send("SET", `k${each}`, "x".repeat(50_000));
    await cluster.world.run(20);
  }
  await cluster.until(() => client.isAnswered, "replies");
  expect(cluster.leader).not.toBe(leader);
  expect(client.replies.at(-1)).toBe(okReply);
  const refused = client.replies.filter((reply) => reply !== okReply);
  for (const reply of refused) expect(reply).toMatch(/^-DISKFULL/);
  expect(refused.length).toBeLessThan(20);
  await cluster.close();
});

test("a failed sync ends the process with its own exit code, and nothing is acknowledged on it [D-4]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const client = cluster.client(leader);
  cluster.world.machine(leader).disk.inject({ operation: "sync", code: "EIO" });
  client.send("SET", "k", "1");
  await cluster.until(() => cluster.exits.length > 0, "an exit");
  expect(cluster.exits).toEqual([{ node: leader, code: 74, reason: expect.stringContaining("") }]);
  await cluster.untilLeader(leader);
  await cluster.world.until(cluster.startNode(leader));
  await cluster.untilEqual();
  await cluster.close();
});

test("one clock a year ahead for a second expires nothing that should not, whoever has it [K-1]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const client = cluster.client(leader);
  client.send("SET", "hour", "1", "EX", "3600");
  client.send("SET", "short", "1", "PX", "5000");
  await cluster.until(() => client.isAnswered, "replies");
  for (const name of cluster.names) {
    const { clock } = cluster.world.machine(name);
    clock.jumpWall(yearMs);
    for (let each = 0; each < 10; each++) {
      client.send("SET", "k", String(each));
      await cluster.world.run(100);
    }
    clock.jumpWall(-yearMs);
  }
  const reader = cluster.client(cluster.followers[0] as string);
  reader.send("EXISTS", "hour", "short");
  await cluster.until(() => reader.isAnswered && client.isAnswered, "replies");
  expect(reader.replies).toEqual([":2\r\n"]);
  // And what should, does: the deadline was five seconds after it was set.
  await cluster.world.run(3_000);
  reader.send("EXISTS", "hour", "short");
  await cluster.until(() => reader.isAnswered, "a reply");
  expect(reader.replies[1]).toBe(":1\r\n");
  await cluster.close();
});

test("a leader whose clock is off says so and hands over [K-1]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  cluster.world.machine(leader).clock.jumpWall(-3_600_000);
  await cluster.untilLeader(leader);
  const alarms = cluster.eventsOf("this node's clock is off: correct it, or stop what sets it");
  expect(alarms.map(({ node }) => node)).toEqual([leader]);
  expect(Math.abs(cluster.node(leader).nodeStatus().clockSkewMs + 3_600_000)).toBeLessThan(100);
  await cluster.close();
});

test.for([60_000, 3_600_000, -3_600_000, yearMs, -yearMs])(
  "clocks that jump by %i ms, one after the other and all, change nothing but times [K-2]",
  async (byMs) => {
    const cluster = await started({ seed: 5 });
    const client = cluster.client(cluster.followers[0] as string);
    for (const name of cluster.names) {
      client.send("INCR", "k");
      cluster.world.machine(name).clock.jumpWall(byMs);
      await cluster.world.run(500);
    }
    cluster.world.machine("n2").clock.freezeWall();
    cluster.world.machine("n3").clock.setRate(1.1);
    for (let each = 0; each < 20; each++) {
      client.send("INCR", "k");
      await cluster.world.run(100);
    }
    await cluster.until(() => client.isAnswered, "replies");
    expect(client.replies).toEqual(Array.from({ length: 23 }, (_, at) => `:${at + 1}\r\n`));
    await cluster.untilEqual();
    expect(cluster.crashes).toEqual([]);
    await cluster.close();
  },
);

test("an exception in apply stops that replica on every node, is seen in the status, and the nodes stay up [A-4, H-8]", async () => {
  const cluster = await started({ node: { settings: { commitsByHeartbeat: false, commitHintDelayMs: 0 } } });
  const spec = entryCommandTable.get("INCR");
  if (spec?.execute === undefined) throw new Error("no INCR");
  const { execute } = spec;
  const client = cluster.client(await cluster.untilLeader());
  client.send("SET", "k", "0");
  await cluster.until(() => client.isAnswered, "a reply");
  const broken = (keyspace: Keyspace): never => {
    throw new Error(`broken at ${keyspace.appliedIndex}`);
  };
  Reflect.set(spec, "execute", broken);
  try {
    client.send("SET", "k", "1");
    client.send("INCR", "k");
    client.send("SET", "k", "2");
    await cluster.until(() => client.isAnswered, "replies");
    await cluster.world.run(500);
  } finally {
    Reflect.set(spec, "execute", execute);
  }
  // Where it stopped, nothing more is known to have happened or not.
  expect(client.replies.slice(0, 2)).toEqual([okReply, okReply]);
  for (const reply of client.replies.slice(2)) expect(reply).toMatch(/^-UNCERTAIN/);
  for (const name of cluster.names) {
    expect(cluster.status(name)).toMatchObject({
      role: "stopped",
      stoppedBecause: expect.stringContaining("broken at"),
    });
  }
  const late = cluster.client("n1");
  late.send("GET", "k");
  expect(late.replies[0]).toMatch(/^-CLUSTERDOWN This node's replica has stopped/);
  expect(cluster.exits).toEqual([]);
  expect(cluster.crashes).toEqual([]);
  await cluster.close();
});

test("replicas compare digests, and one that differs from the majority stops [D-11, I-16]", async () => {
  const cluster = await started({ node: { settings: { checksumIntervalMs: 1_000 } } });
  const client = cluster.client(await cluster.untilLeader());
  for (let each = 0; each < 50; each++) client.send("SET", `k${each}`, "v");
  await cluster.until(() => client.isAnswered, "replies");
  await cluster.world.run(3_000);
  const status = await cluster.world.until(cluster.node("n2").status());
  const [common] = status.commonChecksums;
  expect(new Set(Object.values(common?.digests ?? {})).size).toBe(1);
  expect(Object.keys(common?.digests ?? {})).toEqual(["n1", "n2", "n3"]);
  // Memory goes bad on a follower.
  const follower = cluster.followers[0] as string;
  const { keyspace } = cluster.node(follower);
  const header = keyspace.header();
  Reflect.set(keyspace, "header", () => ({ ...header, clockMs: 1 }));
  await cluster.until(() => cluster.status(follower).role === "stopped", "a stop");
  expect(cluster.status(follower).stoppedBecause).toMatch(/its state at entry \d+ is not that of the majority/);
  expect(cluster.eventsOf("a replica differs from the majority and stops")).toHaveLength(1);
  client.send("GET", "k1");
  await cluster.until(() => client.isAnswered, "a reply");
  expect(client.replies.at(-1)).toBe(bulk("v"));
  await cluster.close();
});

test("who asks for digests of a shard at rest gets one of each replica, one that began from a snapshot included [D-11]", async () => {
  const cluster = await started({ node: { settings: { snapshotLogBytesMin: 1, snapshotTailBytes: 0 } } });
  const client = cluster.client(await cluster.untilLeader());
  const follower = cluster.followers[0] as string;
  /** Who has the digest of the newest state. */
  const holders = async (): Promise<readonly string[]> => {
    const { commonChecksums, nodes } = await cluster.world.until(cluster.node("n1").status());
    const [common] = commonChecksums;
    const isNewest = nodes.every(({ status }) => status?.groups[0]?.appliedIndex === common?.index);
    return isNewest ? Object.keys(common?.digests ?? {}) : [];
  };
  await cluster.world.run(1_000);
  client.send("SET", "k", "v");
  await cluster.until(() => client.isAnswered, "a reply");
  await holders();
  await cluster.world.run(2_000);
  const { snapshotIndex, appliedIndex } = cluster.status(follower);
  expect(snapshotIndex).toBe(appliedIndex);
  expect(await holders()).toEqual(["n1", "n2", "n3"]);
  cluster.kill(follower);
  await cluster.world.until(cluster.startNode(follower));
  await cluster.world.run(1_000);
  expect(cluster.status(follower).checksums).toEqual([]);
  expect(await holders()).toEqual([]);
  await cluster.world.run(1_000);
  expect(await holders()).toEqual(["n1", "n2", "n3"]);
  const { appliedIndex: restIndex } = cluster.status(follower);
  for (let question = 0; question < 10; question++) {
    await cluster.world.run(1_000);
    await holders();
  }
  expect(cluster.status(follower).appliedIndex).toBe(restIndex);
  await cluster.close();
});

test("a process that stood still fires no row of ticks when it goes on [H-4]", async () => {
  const cluster = await started();
  const follower = cluster.followers[0] as string;
  const before = cluster.status(follower).term;
  cluster.world.machine(follower).pause();
  await cluster.world.run(20_000);
  cluster.world.machine(follower).resume();
  await cluster.world.run(2_000);
  expect(cluster.node(follower).nodeStatus().missedTicks).toBeGreaterThan(150);
  expect(cluster.status(follower).term).toBe(before);
  await cluster.untilEqual();
  await cluster.close();
});

test("a killed leader is replaced in a few hundred milliseconds, over and over", async () => {
  const cluster = await started();
  const times: number[] = [];
  for (let each = 0; each < 12; each++) {
    await cluster.world.run(1_500);
    const leader = await cluster.untilLeader();
    const client = cluster.client(cluster.followers[each % 2] as string);
    const beforeMs = cluster.world.nowMs;
    cluster.kill(leader);
    client.send("SET", "k", String(each));
    await cluster.until(() => client.isAnswered, "a reply");
    times.push(cluster.world.nowMs - beforeMs);
    await cluster.start();
  }
  times.sort((left, right) => left - right);
  expect(times[6]).toBeLessThan(300);
  expect(times.at(-1)).toBeLessThan(2_500);
  await cluster.close();
});

test("a follower behind a slow connection is sent what it lacks once, and catches up", async () => {
  const cluster = await started({ network: { windowBytes: 4_096 } });
  const leader = await cluster.untilLeader();
  const [follower = ""] = cluster.followers;
  const client = cluster.client(leader);
  cluster.kill(follower);
  for (let each = 0; each < 20; each++) client.send("SET", `k${each}`, "x".repeat(50_000));
  await cluster.until(() => client.isAnswered, "replies");
  // Some 80 kB a second: the first append takes three seconds, during which heartbeats come and go.
  cluster.world.network.setLink({ from: leader, to: follower }, { latencyMs: 50 });
  await cluster.world.until(cluster.startNode(follower));
  const { lastIndex } = cluster.status(leader);
  await cluster.until(() => cluster.status(follower).appliedIndex >= lastIndex, "what was missed", 20_000);
  await cluster.close();
});
