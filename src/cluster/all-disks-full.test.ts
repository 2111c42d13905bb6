/** Clusters in which all disks are full, some of them earlier than others. */
import { expect, test } from "vitest";
import { bulk, type Client, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";

const segmentBytes = 2 * 1_048_576;
const behind = "n3";

interface Filling {
  readonly cluster: SimulatedCluster;
  readonly client: Client;
  /** Its disk and that of one follower are full; the other follower's was before. */
  readonly leader: string;
  readonly other: string;
}

/** Takes the free space of a node's disk, but for what it has allocated. */
function fill(cluster: SimulatedCluster, name: string): void {
  const { disk } = cluster.world.machine(name);
  disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
}

function isFull(cluster: SimulatedCluster, name: string): boolean {
  return cluster.node(name).nodeStatus().isDiskFull;
}

/** The segments of {@link behind} are smaller by so much: its disk is full earlier, by half of that. */
async function filled(lackingBytes: number): Promise<Filling> {
  const cluster = new SimulatedCluster();
  const start = (name: string, bytes: number): unknown =>
    cluster.startNode(name, { settings: { segmentBytes: bytes, appendBytesMax: 8_192 } });
  const [one = "", two = ""] = cluster.names.filter((name) => name !== behind);
  start(one, segmentBytes);
  start(two, segmentBytes);
  await cluster.until(() => cluster.nodes.size === 2, "nodes");
  const leader = await cluster.untilLeader();
  const other = leader === one ? two : one;
  start(behind, segmentBytes - Math.ceil(lackingBytes / 4_096) * 4_096);
  await cluster.until(() => cluster.nodes.size === 3, "the third node");
  await cluster.world.run(200);
  const client = cluster.client(leader);
  client.send("SET", "k", "0");
  await cluster.until(() => client.isAnswered, "a reply");
  for (const name of cluster.names) fill(cluster, name);
  const areFull = (): boolean => cluster.names.every((name) => isFull(cluster, name));
  for (let count = 0; count < 400 && !areFull(); count++) {
    client.send("SET", "ballast", "x".repeat(5_000));
    await cluster.world.run(20);
  }
  expect(areFull()).toBe(true);
  return { cluster, client, leader, other };
}

async function read(cluster: SimulatedCluster, name: string, key: string): Promise<string | undefined> {
  const client = cluster.client(name);
  client.send("GET", key);
  await cluster.until(() => client.isAnswered, "a reply", 10_000);
  return client.replies[0];
}

test("what a full follower lacks of its new leader's log is stored with the entry by which it begins [D-7]", async () => {
  const { cluster, leader, other } = await filled(250_000);
  const lacking = cluster.status(leader).lastIndex - cluster.status(behind).lastIndex;
  // Many appends' worth.
  expect(lacking).toBeGreaterThan(10);
  cluster.kill(leader);
  expect(await cluster.untilLeader(leader)).toBe(other);
  expect(await read(cluster, other, "k")).toBe(bulk("0"));
  expect(cluster.status(behind).lastIndex).toBe(cluster.status(other).lastIndex);
  expect(cluster.names.filter((name) => cluster.nodes.has(name)).every((name) => isFull(cluster, name))).toBe(true);
  await cluster.close();
});

test("more than the reserve holds is not taken: until there is space nothing is committed, and votes go on [D-7]", async () => {
  const { cluster, leader, other } = await filled(1_450_000);
  const { lastIndex } = cluster.status(behind);
  const { term } = cluster.status(other);
  cluster.kill(leader);
  await cluster.untilLeader(leader);
  const client = cluster.client(other);
  client.send("GET", "k");
  await cluster.world.run(2_000);
  expect(client.isAnswered).toBe(false);
  expect(cluster.status(behind).lastIndex).toBe(lastIndex);
  expect(cluster.status(behind).term).toBeGreaterThan(term);
  const { disk } = cluster.world.machine(behind);
  disk.settings = { ...disk.settings, capacityBytes: 2 ** 30 };
  await cluster.until(() => client.isAnswered, "a reply");
  expect(client.replies.at(-1)).toBe(bulk("0"));
  await cluster.close();
});

test("a full follower's reserve is left alone while the others are a majority [D-7]", async () => {
  const cluster = new SimulatedCluster();
  await cluster.start();
  const leader = await cluster.untilLeader();
  const [full = "", other = ""] = cluster.followers;
  await cluster.world.run(200);
  fill(cluster, full);
  const client = cluster.client(leader);
  while (!isFull(cluster, full)) {
    client.send("SET", "ballast", "x".repeat(5_000));
    await cluster.world.run(20);
  }
  await cluster.world.run(1_000);
  for (let each = 0; each < 4; each++) client.send("SET", "k", String(each));
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies.at(-1)).toBe(okReply);
  await cluster.world.run(500);
  const { lastIndex } = cluster.status(full);
  expect(cluster.status(leader).lastIndex).toBeGreaterThan(lastIndex);
  // A leader whose clock is off hands over.
  cluster.world.machine(leader).clock.jumpWall(-3_600_000);
  expect(await cluster.untilLeader(leader)).toBe(other);
  expect(await read(cluster, other, "k")).toBe(bulk("3"));
  await cluster.world.run(2_000);
  expect(cluster.status(full).lastIndex).toBe(lastIndex);
  await cluster.close();
});

// Entries are left over that some of the disks have no space for, or none has.
test.for([2, 27, 37, 55])(
  "where all disks fill under load a leader is elected and answers reads, seed %i [D-7]",
  async (seed) => {
    const cluster = new SimulatedCluster({ seed, node: { settings: { segmentBytes: 4 * segmentBytes } } });
    await cluster.start();
    const client = cluster.client(await cluster.untilLeader());
    await cluster.world.run(200);
    client.send("SET", "k", "0");
    const wide = "x".repeat(50_000);
    // A run begins with a smaller segment.
    for (let count = 0; count < 70; count++) {
      client.send("SET", "ballast", wide);
      await cluster.world.run(30);
    }
    await cluster.until(() => client.isAnswered, "replies");
    await cluster.world.run(1_000);
    for (const name of cluster.names) fill(cluster, name);
    const areFull = (): boolean => cluster.names.every((name) => isFull(cluster, name));
    for (let round = 0; round < 200 && !areFull(); round++) {
      for (let each = 0; each < 60; each++) client.send("SET", "ballast", wide);
      await cluster.world.run(2);
    }
    expect(areFull()).toBe(true);
    await cluster.world.run(3_000);
    const { leader = "" } = cluster;
    cluster.kill(leader);
    const next = await cluster.untilLeader(leader);
    expect(await read(cluster, next, "k")).toBe(bulk("0"));
    await cluster.close();
  },
);
