/** Replicas whose storage is damaged are made anew from their peers, under new ids (CONSENSUS D-3, M-10, C-4). */
import { expect, test } from "vitest";
import type { Client } from "../../test/cluster/client.ts";
import {
  type LoggedEvent,
  SimulatedCluster,
  type SimulatedClusterOptions,
} from "../../test/cluster/simulated-cluster.ts";
import { watchMarks } from "../platform/index.ts";
import { SeededRandom } from "../simulation/index.ts";
import { replicaOf } from "./replica/replica-id.ts";
import type { NodeSettings } from "./settings.ts";

const small: Partial<NodeSettings> = {
  snapshotLogBytesMin: 65_536,
  snapshotTailBytes: 16_384,
  snapshotLagBytesMax: 32_768,
  snapshotRetryMs: 500,
};

async function started(options: SimulatedClusterOptions = {}, settings: Partial<NodeSettings> = {}) {
  const cluster = new SimulatedCluster({ ...options, node: { ...options.node, settings } });
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(200);
  return cluster;
}

async function load(cluster: SimulatedCluster, client: Client, rounds: number, bytes = 500): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    client.send("INCR", "counter");
    client.send("SET", `k${round % 50}`, String(round % 10).repeat(bytes));
    await cluster.world.run(10);
  }
  await cluster.until(() => client.isAnswered, "replies");
}

async function restartDamaged(cluster: SimulatedCluster, name: string): Promise<void> {
  cluster.kill(name);
  cluster.damageLog(name);
  await cluster.world.until(cluster.startNode(name));
  expect(cluster.status(name)).toMatchObject({ role: "stopped", stoppedBecause: "its log is damaged" });
}

/** Of the shard: the directory, which the same damage meets, is made anew as well. */
function shardEvents(cluster: SimulatedCluster, event: string): readonly LoggedEvent[] {
  return cluster.eventsOf(event).filter(({ fields }) => fields.group === 1);
}

async function untilRebuilt(cluster: SimulatedCluster, name: string, limitMs = 30_000): Promise<void> {
  const isRebuilt = (): boolean =>
    cluster.nodes.has(name) &&
    ["follower", "leader"].includes(cluster.status(name).role) &&
    cluster.status(name).rebuild === null;
  await cluster.until(isRebuilt, `rebuilt ${name}`, limitMs);
}

async function expectEqual(cluster: SimulatedCluster): Promise<void> {
  await cluster.untilEqual();
  const digests = [...cluster.nodes.values()].map(({ keyspace }) => keyspace.checksum());
  expect(new Set(digests).size).toBe(1);
  expect(cluster.crashes).toEqual([]);
}

test.for([
  { what: "the log", settings: {} },
  { what: "a snapshot and the log", settings: small },
])("a follower with a damaged log comes back under a new id, by $what [D-3, M-3]", async ({ what, settings }) => {
  const cluster = await started({}, settings);
  const leader = await cluster.untilLeader();
  const [victim = ""] = cluster.followers;
  const client = cluster.client(leader);
  await load(cluster, client, 100, 2_000);
  await cluster.world.run(2_000);
  if (what !== "the log") expect(cluster.status(leader).snapshotIndex).toBeGreaterThan(0);
  await restartDamaged(cluster, victim);
  await load(cluster, client, 20);
  await untilRebuilt(cluster, victim);
  await load(cluster, client, 20);
  await expectEqual(cluster);
  const nodeId = cluster.names.indexOf(victim) + 1;
  expect(cluster.status(victim).replica).toBe(replicaOf(nodeId, 1));
  expect(shardEvents(cluster, "a replica is made anew").map(({ fields }) => fields.step)).toEqual(["add", "swap"]);
  // It votes again: with the other follower gone there still is a majority.
  const other = cluster.followers.find((name) => name !== victim) ?? "";
  cluster.kill(other);
  await load(cluster, client, 5);
  await cluster.close();
});

test("five nodes, two damaged: nobody leads without the entry that one of them lost, and both come back [D-3]", async () => {
  const cluster = await started({ size: 5 });
  const leader = await cluster.untilLeader();
  const [one = "", two = "", three = "", four = ""] = cluster.followers;
  // Committed by the leader, one and two: three and four do not have it.
  cluster.world.network.partition([
    [leader, one, two],
    [three, four],
  ]);
  const client = cluster.client(leader);
  client.send("SET", "committed", "yes");
  await cluster.until(() => client.isAnswered, "a reply");
  await cluster.world.run(300);
  for (const name of [leader, one, two]) cluster.kill(name);
  for (const name of [one, two]) cluster.damageLog(name);
  cluster.world.network.healAll();
  for (const name of [one, two]) await cluster.world.until(cluster.startNode(name));
  await cluster.world.run(10_000);
  // Four of five run, and two of them have forgotten what they knew: no majority can speak for the entry.
  expect(cluster.leader).toBeUndefined();
  expect([one, two].map((name) => cluster.status(name).rebuild?.step)).toEqual(["asking", "asking"]);
  await cluster.world.until(cluster.startNode(leader));
  expect(await cluster.untilLeader()).toBe(leader);
  for (const name of [one, two]) await untilRebuilt(cluster, name, 60_000);
  await expectEqual(cluster);
  for (const name of cluster.names) expect(cluster.node(name).keyspace.keyCount).toBe(1);
  const ids = cluster.names.map((name) => cluster.status(name).replica);
  expect(new Set(ids).size).toBe(5);
  await cluster.close();
});

test("a majority damaged: nobody guesses, nobody leads, and all say so [D-3, M-7]", async () => {
  const cluster = await started();
  const client = cluster.client(await cluster.untilLeader());
  await load(cluster, client, 10);
  for (const name of ["n1", "n2"]) {
    cluster.kill(name);
    cluster.damageLog(name);
  }
  for (const name of ["n1", "n2"]) await cluster.world.until(cluster.startNode(name));
  await cluster.world.run(20_000);
  expect(cluster.leader).toBeUndefined();
  for (const name of ["n1", "n2"]) {
    expect(cluster.status(name)).toMatchObject({ role: "stopped", rebuild: { node: name, step: "asking" } });
  }
  await cluster.close();
});

test("damaged twice in a row it comes back each time, on ids that were never used [C-4]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const [victim = ""] = cluster.followers;
  const client = cluster.client(leader);
  const ids: number[] = [];
  for (let time = 0; time < 3; time++) {
    await load(cluster, client, 10);
    await cluster.world.run(200);
    await restartDamaged(cluster, victim);
    await untilRebuilt(cluster, victim);
    ids.push(cluster.status(victim).replica);
  }
  const nodeId = cluster.names.indexOf(victim) + 1;
  expect(ids).toEqual([1, 2, 3].map((generation) => replicaOf(nodeId, generation)));
  await expectEqual(cluster);
  await cluster.close();
});

test("the leader's own log is damaged while it runs: another leads, and makes it anew [D-3, D-8]", async () => {
  const cluster = await started({}, { logCacheBytes: 1_000, snapshotLagBytesMax: 1_000_000 });
  const leader = await cluster.untilLeader();
  const [laggard = ""] = cluster.followers;
  const client = cluster.client(leader);
  cluster.kill(laggard);
  await load(cluster, client, 30, 2_000);
  cluster.damageLog(leader);
  // It reads back, for the one that lacks them, entries that are bad.
  await cluster.world.until(cluster.startNode(laggard));
  await cluster.until(() => cluster.status(leader).role === "stopped", "a replica that stops");
  expect(await cluster.untilLeader(leader)).not.toBe(leader);
  await untilRebuilt(cluster, leader);
  await expectEqual(cluster);
  // Who was connected all the time is served again, without connecting anew.
  client.send("GET", "counter");
  await cluster.until(() => client.isAnswered, "a reply");
  expect(client.replies.at(-1)).toBe("$2\r\n30\r\n");
  await cluster.close();
});

test("entries that rot and that nobody asks for are found when all is read back, and the replica is made anew [D-3, D-8]", async () => {
  const cluster = await started({}, { scrubIntervalMs: 60_000 });
  const leader = await cluster.untilLeader();
  const [victim = ""] = cluster.followers;
  await load(cluster, cluster.client(leader), 30, 2_000);
  const scrub = (name: string) => cluster.node(name).nodeStatus().scrub;
  cluster.damageLog(victim);
  // The shard's, and the directory's.
  const found = (): boolean => scrub(victim)?.damageCount === 2;
  await cluster.until(found, "damage found", 70_000);
  await untilRebuilt(cluster, victim);
  expect(cluster.status(victim).replica).toBe(replicaOf(cluster.names.indexOf(victim) + 1, 1));
  const areRead = (): boolean => cluster.names.every((name) => (scrub(name)?.roundCount ?? 0) > 1);
  await cluster.until(areRead, "two rounds", 130_000);
  for (const name of cluster.names) expect(scrub(name)?.damageCount).toBe(name === victim ? 2 : 0);
  await expectEqual(cluster);
  await cluster.close();
});

test.for([
  { whose: "a leader", isLeader: true },
  { whose: "a follower", isLeader: false },
])("a snapshot of $whose that rots is replaced before anybody needs it [D-8, N-7]", async ({ isLeader }) => {
  const cluster = await started({}, { ...small, scrubIntervalMs: 60_000 });
  const leader = await cluster.untilLeader();
  const victim = isLeader ? leader : (cluster.followers[0] ?? "");
  await load(cluster, cluster.client(leader), 100, 2_000);
  await cluster.world.run(3_000);
  const { snapshotIndex } = cluster.status(victim);
  expect(snapshotIndex).toBeGreaterThan(0);
  const { disk } = cluster.world.machine(victim);
  const file = disk.files().find(({ path }) => path.startsWith("/data/log/") && path.endsWith(".snapshot"));
  disk.flipBit(file?.path ?? "", (file?.sizeBytes ?? 0) - 100);
  const found = (): boolean => cluster.node(victim).nodeStatus().scrub?.damageCount === 1;
  await cluster.until(found, "damage found", 70_000);
  await load(cluster, cluster.client(await cluster.untilLeader()), 1);
  await cluster.until(() => cluster.status(victim).snapshotIndex > snapshotIndex, "another snapshot");
  // A start is what reads it all.
  cluster.kill(victim);
  await cluster.world.until(cluster.startNode(victim));
  expect(cluster.status(victim).stoppedBecause).toBeNull();
  await expectEqual(cluster);
  expect(cluster.eventsOf("a replica is made anew")).toEqual([]);
  await cluster.close();
});

test("an id that was to begin and did not, since the process was killed, is used up: the next one begins [C-4, M-10]", async () => {
  const cluster = await started({ seed: 3 });
  const leader = await cluster.untilLeader();
  const [victim = ""] = cluster.followers;
  const nodeId = cluster.names.indexOf(victim) + 1;
  const client = cluster.client(leader);
  await load(cluster, client, 20);
  await cluster.world.run(200);
  await restartDamaged(cluster, victim);
  const machine = cluster.world.machine(victim);
  const isNoted = (): boolean =>
    Buffer.from(machine.disk.contentOf("/data/node.json") ?? []).includes(String(replicaOf(nodeId, 1)));
  // Between the file that says so and the log's record.
  await cluster.until(isNoted, "a note of the id that is to begin");
  machine.kill();
  await cluster.world.until(cluster.startNode(victim));
  expect(cluster.status(victim)).toMatchObject({ role: "stopped", replica: replicaOf(nodeId, 1) });
  await untilRebuilt(cluster, victim);
  expect(cluster.status(victim).replica).toBe(replicaOf(nodeId, 2));
  const steps = shardEvents(cluster, "a replica is made anew").map(({ fields }) => fields.step);
  expect(steps).toEqual(["add", "drop", "add", "swap"]);
  await expectEqual(cluster);
  await cluster.close();
});

test("on a slow disk, too, it says nothing before its beginning is durable [O-1, D-3]", async () => {
  const cluster = await started({ seed: 5 });
  const leader = await cluster.untilLeader();
  const [victim = ""] = cluster.followers;
  await load(cluster, cluster.client(leader), 20);
  await cluster.world.run(200);
  await restartDamaged(cluster, victim);
  const { disk } = cluster.world.machine(victim);
  const { settings } = disk;
  // The leader goes on talking to it meanwhile, ten times a second.
  disk.settings = { ...settings, syncMs: 400 };
  await cluster.until(() => cluster.status(victim).rebuild?.step === "beginning", "a beginning");
  await cluster.until(() => cluster.status(victim).rebuild?.step === "copying", "a replica that has begun");
  await cluster.world.run(2_000);
  disk.settings = settings;
  await untilRebuilt(cluster, victim);
  await expectEqual(cluster);
  expect(cluster.eventsOf("a replica has stopped")).toEqual([]);
  await cluster.close();
});

const parties = ["the leader", "the damaged node", "both"] as const;
const points = [
  "a lost replica gets a successor",
  "a replica begins anew",
  "a received snapshot is installed",
  "a successor takes the vote over",
  "a batch is durable",
] as const;

test.for(parties.flatMap((who) => points.map((point) => ({ who, point }))))(
  "$who crashes when $point: another goes on with it [D-3, M-6]",
  async ({ who, point }) => {
    const random = new SeededRandom(points.indexOf(point) + 10 * parties.indexOf(who));
    const cluster = await started({ seed: 50 }, small);
    const leader = await cluster.untilLeader();
    const [victim = ""] = cluster.followers;
    const client = cluster.client(leader);
    await load(cluster, client, 60, 2_000);
    // Time for a snapshot, and for the log to be cut behind it.
    await cluster.world.run(3_000);
    await restartDamaged(cluster, victim);
    let seen = 0;
    const down = new Set<string>();
    const crash = (): void => {
      for (const name of who === "both" ? [leader, victim] : [who === "the leader" ? leader : victim]) {
        if (down.has(name)) continue;
        down.add(name);
        cluster.world.machine(name).cutPower("random");
      }
    };
    const before = watchMarks((name) => {
      // After some, what a replica that begins says at first is on its way.
      if (name === point && seen++ === (point === "a batch is durable" ? 6 : 0))
        cluster.world.schedule(random.between(0, 3), crash);
    });
    try {
      await cluster.until(() => down.size > 0, point, 40_000);
    } finally {
      watchMarks(before);
    }
    await cluster.world.run(random.between(10, 4_000));
    for (const name of down) await cluster.world.until(cluster.startNode(name));
    await untilRebuilt(cluster, victim, 60_000);
    await load(cluster, cluster.client(victim), 5);
    await expectEqual(cluster);
    expect(cluster.status(victim).replica).toBeGreaterThan(65_536);
    await cluster.close();
  },
);
