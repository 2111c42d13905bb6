/** Clusters whose data fill their disks are emptied by their clients. */
import { expect, test } from "vitest";
import { bulk, type Client, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";

const mebibyte = 1_048_576;
const wide = "x".repeat(100_000);
const keysPerDelete = 20;

async function answered(cluster: SimulatedCluster, client: Client, ...words: string[]): Promise<string> {
  const ticket = client.send(...words);
  await cluster.until(() => client.replies[ticket] !== undefined, "a reply", 20_000);
  return client.replies[ticket] as string;
}

function fullNodes(cluster: SimulatedCluster): readonly string[] {
  return cluster.names.filter((name) => cluster.nodes.has(name) && cluster.node(name).nodeStatus().isDiskFull);
}

/** Three nodes with disks of these sizes, of which 16 MiB are kept from the log's entries. */
async function onSmallDisks(mebibytes: readonly number[]): Promise<SimulatedCluster> {
  const settings = {
    segmentBytes: 2 * mebibyte,
    snapshotLogBytesMin: mebibyte,
    snapshotTailBytes: 65_536,
    snapshotRetryMs: 2_000,
  };
  const cluster = new SimulatedCluster({ node: { settings } });
  for (const [at, size] of mebibytes.entries()) {
    const { disk } = cluster.world.machine(cluster.names[at] as string);
    disk.settings = { ...disk.settings, capacityBytes: size * mebibyte };
  }
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(200);
  return cluster;
}

/** Writes keys `k0`, `k1`, … one by one until there is no space, and none that snapshots free. Gives how many there are. */
async function filled(cluster: SimulatedCluster, client: Client): Promise<number> {
  let refusedCount = 0;
  for (let count = 0; count < 1_000; count++) {
    const reply = await answered(cluster, client, "SET", `k${count}`, wide);
    refusedCount = reply.startsWith("-DISKFULL") ? refusedCount + 1 : 0;
    if (refusedCount === 2) return count;
    if (refusedCount === 1) await cluster.world.run(5_000);
    // One that was on its way to a follower whose disk was full already.
    else if (reply !== okReply) expect(reply).toMatch(/^-UNCERTAIN/);
  }
  throw new Error("the disks are not full");
}

async function emptied(cluster: SimulatedCluster, client: Client, count: number): Promise<void> {
  for (let from = 0; from < count; from += keysPerDelete) {
    const keys = Array.from({ length: Math.min(keysPerDelete, count - from) }, (_, at) => `k${from + at}`);
    const there = await answered(cluster, client, "EXISTS", ...keys);
    expect(there).not.toBe(":0\r\n");
    expect(await answered(cluster, client, "DEL", ...keys)).toBe(there);
  }
}

test.for([
  { disks: "alike", mebibytes: [40, 40, 40] },
  { disks: "one smaller", mebibytes: [40, 40, 30] },
  { disks: "one larger", mebibytes: [60, 40, 40] },
])("a client deletes on full disks, and there is space again without an operator: $disks [D-7]", async (given) => {
  const cluster = await onSmallDisks(given.mebibytes);
  const client = cluster.client(await cluster.untilLeader());
  expect(await answered(cluster, client, "SET", "kept", "1")).toBe(okReply);
  const count = await filled(cluster, client);
  expect(await answered(cluster, client, "SET", "late", "1")).toMatch(/^-DISKFULL/);
  await emptied(cluster, client, count);
  await cluster.until(() => fullNodes(cluster).length === 0, "space", 40_000);
  // By then all of them have heard of it.
  await cluster.world.run(2_000);
  for (let at = 0; at < 20; at++) expect(await answered(cluster, client, "SET", `k${at}`, wide)).toBe(okReply);
  expect(await answered(cluster, client, "MGET", "kept", "late")).toBe(`*2\r\n${bulk("1")}_\r\n`);
  await cluster.untilEqual();
  await cluster.close();
});

/** Three nodes with not a byte left, but for what they have allocated; there are keys `k` and `ballast`. */
async function onFullDisks(): Promise<{ readonly cluster: SimulatedCluster; readonly client: Client }> {
  const cluster = new SimulatedCluster({ node: { settings: { segmentBytes: 2 * mebibyte } } });
  await cluster.start();
  const client = cluster.client(await cluster.untilLeader());
  await cluster.world.run(200);
  expect(await answered(cluster, client, "SET", "k", "1")).toBe(okReply);
  for (const name of cluster.names) {
    const { disk } = cluster.world.machine(name);
    disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
  }
  for (let count = 0; count < 400 && fullNodes(cluster).length < 3; count++) {
    await answered(cluster, client, "SET", "ballast", "x".repeat(5_000));
    await cluster.world.run(20);
  }
  expect(fullNodes(cluster)).toHaveLength(3);
  await cluster.world.run(1_000);
  return { cluster, client };
}

test.for([
  { name: "DEL", words: ["DEL", "k"], reply: ":1\r\n" },
  { name: "UNLINK", words: ["UNLINK", "k", "ballast"], reply: ":2\r\n" },
  { name: "GETDEL", words: ["GETDEL", "k"], reply: bulk("1") },
  { name: "FLUSHALL", words: ["FLUSHALL"], reply: okReply },
  { name: "FLUSHDB", words: ["FLUSHDB"], reply: okReply },
])("$name is carried out on full disks, and what writes beside it in its connection is not [D-7]", async (given) => {
  const { cluster, client } = await onFullDisks();
  const from = client.sentCount;
  client.send("SET", "k", "2");
  client.send(...given.words);
  client.send("EXISTS", "k");
  client.send("APPEND", "k", "3");
  client.send("EXISTS", "k");
  await cluster.until(() => client.isAnswered, "replies", 10_000);
  const diskFull: unknown = expect.stringMatching(/^-DISKFULL/);
  expect(client.replies.slice(from)).toEqual([diskFull, given.reply, ":0\r\n", diskFull, ":0\r\n"]);
  expect(fullNodes(cluster)).toHaveLength(3);
  await cluster.close();
});

test("commands that may take space are refused on full disks, as are deletes in more than one piece [D-7]", async () => {
  const { cluster, client } = await onFullDisks();
  const long = "x".repeat(300_000);
  for (const words of [
    ["EXPIRE", "k", "100"],
    ["RENAME", "k", "other"],
    ["GETEX", "k", "PERSIST"],
    ["DEL", "k", long],
  ])
    expect(await answered(cluster, client, ...words)).toMatch(/^-DISKFULL/);
  expect(await answered(cluster, client, "GET", "k")).toBe(bulk("1"));
  await cluster.close();
});

test("deletes have a part of the reserve: those beyond it did not happen, and elections go on [D-7]", async () => {
  const { cluster, client } = await onFullDisks();
  const absent = "x".repeat(30_000);
  let count = 0;
  for (let isRefused = false; !isRefused; count++) {
    const reads = [client.send("GET", "k"), client.send("DEL", absent), client.send("GET", "k")];
    await cluster.until(() => client.isAnswered, "replies", 10_000);
    const [before, deleted, after] = reads.map((ticket) => client.replies[ticket]);
    // Reads go on around it.
    expect([before, after]).toEqual([bulk("1"), bulk("1")]);
    isRefused = deleted !== ":0\r\n";
    if (isRefused) expect(deleted).toMatch(/^-DISKFULL .* did not happen/);
  }
  // What is kept for entries under way, and three eighths of the reserve.
  expect(count).toBeGreaterThan(10);
  expect(count).toBeLessThan((1.5 * 0.5 * mebibyte) / 30_000);
  const leader = await cluster.untilLeader();
  cluster.kill(leader);
  const next = cluster.client(await cluster.untilLeader(leader));
  expect(await answered(cluster, next, "GET", "k")).toBe(bulk("1"));
  await cluster.close();
});

test("a delete in a session is carried out on full disks, once, and opening one is not [D-7]", async () => {
  const cluster = await onSmallDisks([40, 40, 40]);
  const client = cluster.client(await cluster.untilLeader());
  const opened = await answered(cluster, client, "COTERIE", "SESSION", "OPEN");
  const [, id = ""] = /\r\n(\S+)\r\n$/.exec(opened) ?? [];
  const count = await filled(cluster, client);
  const run = (sequence: number, ...words: string[]): Promise<string> =>
    answered(cluster, client, "COTERIE", "SESSION", "RUN", id, `${sequence}`, "0", ...words);
  expect(await run(1, "SET", "k", "1")).toMatch(/^-DISKFULL/);
  expect(await answered(cluster, client, "COTERIE", "SESSION", "OPEN")).toMatch(/^-DISKFULL/);
  expect(count).toBeGreaterThan(1);
  for (let each = 0; each < 2; each++) expect(await run(1, "DEL", "k0")).toBe(":1\r\n");
  await cluster.close();
});

// The leader has space, and entries are under way that the others have none for.
test.for([1, 2, 3])(
  "what waits for space goes with the delete behind it, and had its true answer, seed %i [D-7]",
  async (seed) => {
    const cluster = new SimulatedCluster({ seed, node: { settings: { segmentBytes: 8 * mebibyte } } });
    await cluster.start();
    const client = cluster.client(await cluster.untilLeader());
    await cluster.world.run(200);
    const half = wide.slice(50_000);
    expect(await answered(cluster, client, "SET", "k", "1")).toBe(okReply);
    // A run begins with a smaller segment.
    for (let count = 0; count < 70; count++) expect(await answered(cluster, client, "SET", "b", half)).toBe(okReply);
    await cluster.world.run(1_000);
    for (const name of cluster.followers) {
      const { disk } = cluster.world.machine(name);
      disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
    }
    const tickets = new Map<string, number>();
    for (let round = 0; round < 200 && fullNodes(cluster).length < 2; round++) {
      for (let each = 0; each < 20; each++) {
        const key = `k${round}-${each}`;
        tickets.set(key, client.send("SET", key, half));
      }
      await cluster.world.run(2);
    }
    await cluster.until(() => client.isAnswered, "replies", 10_000);
    expect(fullNodes(cluster)).toEqual(cluster.followers);
    expect(await answered(cluster, client, "DEL", "k")).toBe(":1\r\n");
    const kinds = new Set<string>();
    for (const [key, ticket] of tickets) {
      const kind = /^[+-]\w+/.exec(client.replies[ticket] ?? "")?.[0] as string;
      kinds.add(kind);
      expect(await answered(cluster, client, "EXISTS", key)).toBe(kind === "-DISKFULL" ? ":0\r\n" : ":1\r\n");
    }
    expect([...kinds]).toEqual(expect.arrayContaining(["+OK", "-UNCERTAIN"]));
    await cluster.close();
  },
);
