import { describe, expect, test } from "vitest";
import type { Client } from "../../test/cluster/client.ts";
import { okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster, type SimulatedClusterOptions } from "../../test/cluster/simulated-cluster.ts";
import type { NodeSettings } from "./settings.ts";

/** Snapshots after some ten thousand bytes, and little that stays behind them. */
const small: Partial<NodeSettings> = {
  snapshotLogBytesMin: 262_144,
  snapshotTailBytes: 65_536,
  snapshotLagBytesMax: 131_072,
  snapshotRetryMs: 500,
};

async function started(options: SimulatedClusterOptions = {}, settings: Partial<NodeSettings> = {}) {
  const cluster = new SimulatedCluster({
    ...options,
    node: { ...options.node, settings: { ...small, ...settings } },
  });
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(200);
  return cluster;
}

/** Writes some kilobytes a turn, and counts with `INCR`; returns how many were acknowledged. */
async function load(cluster: SimulatedCluster, client: Client, rounds: number): Promise<number> {
  const before = client.sentCount;
  for (let round = 0; round < rounds; round++) {
    client.send("INCR", "counter");
    client.send("SET", `k${round % 200}`, String(round % 10).repeat(3_000));
    await cluster.world.run(10);
  }
  await cluster.until(() => client.isAnswered, "replies");
  return client.replies.slice(before).filter((reply) => reply?.startsWith(":") === true).length;
}

async function valueAt(cluster: SimulatedCluster, name: string, key: string): Promise<string | undefined> {
  const client = cluster.client(name);
  client.send("GET", key);
  await cluster.until(() => client.isAnswered, "a reply");
  return client.replies[0]?.split("\r\n")[1];
}

/** Every running replica holds the same state. */
async function expectEqual(cluster: SimulatedCluster): Promise<void> {
  await cluster.untilEqual();
  const digests = [...cluster.nodes.values()].map(({ keyspace }) => keyspace.checksum());
  expect(new Set(digests).size).toBe(1);
  expect(cluster.eventsOf("a replica has stopped")).toEqual([]);
  expect(cluster.crashes).toEqual([]);
}

/** Three nodes of which the one that is returned has been away for so long that its entries are gone everywhere. */
async function withLaggard(settings: Partial<NodeSettings> = {}, options: SimulatedClusterOptions = {}) {
  const cluster = await started(options, settings);
  const leader = await cluster.untilLeader();
  const [laggard = ""] = cluster.followers;
  const client = cluster.client(leader);
  await load(cluster, client, 5);
  cluster.kill(laggard);
  await load(cluster, client, 300);
  await cluster.world.run(3_000);
  for (const name of cluster.nodes.keys()) expect(cluster.status(name).snapshotIndex).toBeGreaterThan(100);
  return { cluster, leader, laggard, client };
}

async function start(cluster: SimulatedCluster, name: string): Promise<void> {
  await cluster.world.until(cluster.startNode(name));
}

describe("a node alone", () => {
  test.for([{ memory: false }, { memory: true }])(
    "makes snapshots as its log grows, and goes on meanwhile; in memory: $memory [N-1, N-6]",
    async ({ memory }) => {
      const cluster = await started({ size: 1, memory });
      const client = cluster.client("n1");
      let largest = 0;
      for (let part = 0; part < 8; part++) {
        expect(await load(cluster, client, 100)).toBe(100);
        largest = Math.max(largest, cluster.node("n1").nodeStatus().logBytes);
      }
      const { snapshotIndex, lastIndex } = cluster.status("n1");
      expect(snapshotIndex).toBeGreaterThan(lastIndex / 2);
      expect(cluster.eventsOf("snapshot").length).toBeGreaterThan(3);
      if (memory) expect(largest).toBeLessThan(1_500_000);
      await cluster.close();
    },
  );

  test("starts from its newest snapshot and the log behind it: nothing twice, nothing left out [O-7, N-2]", async () => {
    const cluster = await started({ size: 1 });
    let count = 0;
    for (let life = 0; life < 4; life++) {
      count += await load(cluster, cluster.client("n1"), 150);
      const digest = cluster.node("n1").keyspace.checksum();
      expect(cluster.status("n1").snapshotIndex).toBeGreaterThan(0);
      cluster.kill("n1");
      await start(cluster, "n1");
      await cluster.untilLeader();
      expect(await valueAt(cluster, "n1", "counter")).toBe(String(count));
      expect(cluster.node("n1").keyspace.checksum()).toBe(digest);
    }
    await cluster.close();
  });

  test.for(["kill", "cutPower"] as const)(
    "starts after a crash (%s) at whatever step of a snapshot, with all that it acknowledged [N-2, O-7, I-17]",
    async (crash) => {
      let stepCount = 0;
      for (let step = 0; step < 12; step++) {
        const cluster = await started({ size: 1, seed: 100 + step });
        const { world } = cluster;
        const client = cluster.client("n1");
        // Until a file is begun, and on for some moments: it is written, named, the log cut.
        const isBegun = (): boolean =>
          world
            .machine("n1")
            .disk.files()
            .some(({ path }) => path.endsWith(".writing"));
        for (let round = 0; round < 100; round++) client.send("SET", `k${round}`, "x".repeat(3_000));
        for (let round = 0; round < 4_000 && !isBegun(); round++) await world.run(0.5);
        expect(isBegun()).toBe(true);
        const isNamed = (): boolean => cluster.status("n1").snapshotIndex > 0;
        for (let moment = 0; moment < step * 7; moment++) {
          if (!isNamed()) stepCount++;
          client.send("INCR", "counter");
          await world.run(0.5);
        }
        const acknowledged = client.replies.filter((reply) => reply?.startsWith(":") === true).length;
        const sent = client.sentCount;
        if (crash === "kill") world.machine("n1").kill();
        else world.machine("n1").cutPower("random");
        await start(cluster, "n1");
        await cluster.untilLeader();
        const count = Number(await valueAt(cluster, "n1", "counter"));
        expect(count).toBeGreaterThanOrEqual(acknowledged);
        expect(count).toBeLessThanOrEqual(sent);
        const after = await load(cluster, cluster.client("n1"), 150);
        expect(Number(await valueAt(cluster, "n1", "counter"))).toBe(count + after);
        expect(cluster.status("n1").snapshotIndex).toBeGreaterThan(0);
        expect([...cluster.crashes, ...cluster.exits]).toEqual([]);
        await cluster.close();
      }
      expect(stepCount).toBeGreaterThan(10);
    },
  );

  test("takes no snapshot of half a large value", async () => {
    const cluster = await started({ size: 1 }, { pieceBytes: 65_536 });
    const client = cluster.client("n1");
    for (let round = 0; round < 12; round++) {
      for (let large = 0; large < 4; large++) client.send("SET", `large${large}`, String(round % 10).repeat(400_000));
      client.send("INCR", "counter");
      await cluster.world.run(200);
    }
    await cluster.until(() => client.isAnswered, "replies");
    await cluster.world.run(3_000);
    expect(cluster.status("n1").snapshotIndex).toBeGreaterThan(20);
    const digest = cluster.node("n1").keyspace.checksum();
    cluster.kill("n1");
    await start(cluster, "n1");
    await cluster.untilLeader();
    expect(await valueAt(cluster, "n1", "counter")).toBe("12");
    expect(cluster.node("n1").keyspace.checksum()).toBe(digest);
    await cluster.close();
  });

  test("a snapshot that holds too much is given up, and tried again when there is less to hold [N-8]", async () => {
    const cluster = await started({ size: 1 }, { snapshotHeldBytesMax: 1_000 });
    const client = cluster.client("n1");
    const givenUp = () => cluster.eventsOf("a snapshot was not finished");
    // A snapshot may happen to be done between two writes to keys that it has not come to.
    for (let round = 0; round < 10_000 && givenUp().length === 0; round++) {
      for (let each = 0; each < 10; each++) client.send("SET", `spread${(round * 10 + each) % 700}`, "y".repeat(300));
      await cluster.world.run(1);
    }
    await cluster.until(() => client.isAnswered, "replies");
    const given = givenUp();
    expect(given.length).toBeGreaterThan(0);
    expect(given.every(({ fields }) => fields.reason === "abandoned")).toBe(true);
    client.send("SET", "one more", "1");
    const givenIndex = Math.max(...given.map(({ fields }) => Number(fields.index)));
    await cluster.until(() => cluster.status("n1").snapshotIndex > givenIndex, "a snapshot");
    await cluster.close();
  });

  test("a disk without room for a snapshot stops nothing, and it is made when there is room [D-7]", async () => {
    const cluster = await started({ size: 1 });
    const { disk } = cluster.world.machine("n1");
    const lift = disk.inject({
      operation: "write",
      code: "ENOSPC",
      matches: (path) => path.endsWith(".writing"),
      count: Number.POSITIVE_INFINITY,
    });
    const client = cluster.client("n1");
    expect(await load(cluster, client, 300)).toBe(300);
    expect(cluster.eventsOf("a snapshot could not be written").length).toBeGreaterThan(0);
    expect(cluster.status("n1").snapshotIndex).toBe(0);
    lift();
    await cluster.until(() => cluster.status("n1").snapshotIndex > 0, "a snapshot");
    await cluster.close();
  });

  test("that cannot load its snapshot starts with its replica stopped, and says why [N-3]", async () => {
    const cluster = await started({ size: 1 });
    await load(cluster, cluster.client("n1"), 150);
    cluster.kill("n1");
    const { disk } = cluster.world.machine("n1");
    const file = disk.files().find(({ path }) => path.endsWith(".snapshot"));
    disk.flipBit(file?.path ?? "", (file?.sizeBytes ?? 0) - 5);
    await start(cluster, "n1");
    expect(cluster.status("n1").role).toBe("stopped");
    expect(cluster.status("n1").stoppedBecause).toMatch(/snapshot|damaged/);
    await cluster.close();
  });
});

describe("a follower that was away for too long", () => {
  test("gets a snapshot, replaces state and log by it, and starts from it later [N-3, N-4, I-16]", async () => {
    const { cluster, laggard, leader } = await withLaggard();
    await start(cluster, laggard);
    await expectEqual(cluster);
    expect(cluster.eventsOf("a snapshot was installed").map(({ node }) => node)).toEqual([laggard]);
    expect(cluster.eventsOf("a follower does not take its snapshot")).toEqual([]);
    await load(cluster, cluster.client(leader), 20);
    await expectEqual(cluster);
    cluster.kill(laggard);
    await start(cluster, laggard);
    await expectEqual(cluster);
    expect(cluster.eventsOf("a snapshot was installed").length).toBe(1);
    await cluster.close();
  });

  test("holds nobody up: writes, reads and heartbeats go on beside a slow snapshot [N-5]", async () => {
    const { cluster, client, laggard, leader } = await withLaggard({ snapshotBytesPerSecond: 100_000 });
    const { term } = cluster.status(leader);
    await start(cluster, laggard);
    let slowestMs = 0;
    const isInstalled = (): boolean => cluster.eventsOf("a snapshot was installed").length > 0;
    const beganMs = cluster.world.nowMs;
    for (let round = 0; round < 300 && !isInstalled(); round++) {
      const sentMs = cluster.world.nowMs;
      client.send("INCR", "counter");
      await cluster.until(() => client.isAnswered, "a reply");
      slowestMs = Math.max(slowestMs, cluster.world.nowMs - sentMs);
      await cluster.world.run(50);
    }
    expect(isInstalled()).toBe(true);
    expect(cluster.world.nowMs - beganMs).toBeGreaterThan(4_000);
    expect(slowestMs).toBeLessThan(60);
    await expectEqual(cluster);
    expect(cluster.status(leader)).toMatchObject({ role: "leader", term });
    await cluster.close();
  });

  test("goes on where it was when its connections break, over and over [N-4]", async () => {
    const { cluster, laggard, leader } = await withLaggard({ snapshotBytesPerSecond: 50_000 });
    await start(cluster, laggard);
    const isInstalled = (): boolean => cluster.eventsOf("a snapshot was installed").length > 0;
    let brokenCount = 0;
    for (; brokenCount < 60 && !isInstalled(); brokenCount++) {
      cluster.world.network.resetConnections(({ from, to }) => from === laggard || to === laggard);
      await cluster.world.run(700);
    }
    expect(isInstalled()).toBe(true);
    expect(brokenCount).toBeGreaterThan(3);
    expect(cluster.eventsOf("a snapshot is on its way here").length).toBe(1);
    await expectEqual(cluster);
    expect(cluster.status(leader).snapshotIndex).toBeGreaterThan(0);
    await cluster.close();
  });

  test.for([300, 500, 700, 900, 1_100, 1_300, 1_500])(
    "gets it over slow connections that break every %d ms [N-4]",
    async (everyMs) => {
      const { cluster, laggard } = await withLaggard();
      const { network } = cluster.world;
      // Some 200 kB a second: a piece takes longer than a connection may hold.
      network.settings = { ...network.settings, windowBytes: 4_096 };
      for (const from of cluster.names) network.setLink({ from, to: laggard }, { latencyMs: 20 });
      await start(cluster, laggard);
      const isInstalled = (): boolean => cluster.eventsOf("a snapshot was installed").length > 0;
      for (let brokenMs = 0; brokenMs < 40_000 && !isInstalled(); brokenMs += everyMs) {
        network.resetConnections(({ from, to }) => from === laggard || to === laggard);
        await cluster.world.run(everyMs);
      }
      expect(isInstalled()).toBe(true);
      expect(cluster.eventsOf("a snapshot is on its way here").length).toBe(1);
      await cluster.close();
    },
  );

  test.for([0, 3, 8, 21, 34, 55])(
    "starts after a power cut %d half milliseconds into the installation, and gets there [N-3, O-3, O-7]",
    async (moments) => {
      const { cluster, laggard } = await withLaggard();
      await start(cluster, laggard);
      const isComing = (): boolean =>
        cluster.world
          .machine(laggard)
          .disk.files()
          .some(({ path }) => path.endsWith(".writing"));
      await cluster.until(isComing, "a snapshot on its way");
      await cluster.world.run(moments / 2);
      cluster.world.machine(laggard).cutPower("random");
      await start(cluster, laggard);
      await expectEqual(cluster);
      await cluster.close();
    },
  );

  test.for([20, 200, 1_000])(
    "gets one from the next leader when the first one dies %d ms after the beginning [N-4]",
    async (waitMs) => {
      const { cluster, laggard, leader } = await withLaggard({ snapshotBytesPerSecond: 100_000 });
      await start(cluster, laggard);
      await cluster.until(() => cluster.eventsOf("a snapshot is on its way here").length > 0, "a snapshot");
      await cluster.world.run(waitMs);
      cluster.kill(leader);
      await cluster.untilLeader(leader);
      await expectEqual(cluster);
      await start(cluster, leader);
      await expectEqual(cluster);
      await cluster.close();
    },
  );

  test("is not waited for while it is dead: what it lacks is cut from the log [N-6]", async () => {
    const { cluster, client, leader } = await withLaggard({}, { memory: true });
    await load(cluster, client, 900);
    await cluster.world.run(3_000);
    // Nearly four megabytes were written; what stays is a snapshot of 600 kB, and what one may still lie above.
    expect(cluster.node(leader).nodeStatus().logBytes).toBeLessThan(1_500_000);
    await cluster.close();
  });

  test("gets it from another node when the leader cannot read its own: it hands over, and makes a new one [N-7]", async () => {
    const { cluster, laggard, leader } = await withLaggard();
    const { disk } = cluster.world.machine(leader);
    const file = disk.files().find(({ path }) => path.endsWith(".snapshot"));
    disk.flipBit(file?.path ?? "", (file?.sizeBytes ?? 0) - 5);
    await start(cluster, laggard);
    await cluster.until(() => cluster.eventsOf("this node cannot read its own snapshot").length > 0, "a bad read");
    await cluster.untilLeader(leader);
    await expectEqual(cluster);
    const { snapshotIndex } = cluster.status(leader);
    await load(cluster, cluster.client(cluster.leader ?? ""), 5);
    await cluster.until(() => cluster.status(leader).snapshotIndex > snapshotIndex, "a new snapshot");
    await cluster.close();
  });

  test("and led before: a write whose place a snapshot has taken is answered UNCERTAIN, no read with a value [O-8, R-5]", async () => {
    const cluster = await started({}, { resolveWaitMs: 60_000, electionWaitMs: 60_000 });
    const leader = await cluster.untilLeader();
    const client = cluster.client(leader);
    await load(cluster, client, 5);
    cluster.isolate(leader);
    const write = client.send("SET", "doubt", "1");
    await cluster.world.run(50);
    const other = cluster.client(await cluster.untilLeader(leader));
    await load(cluster, other, 300);
    await cluster.world.run(3_000);
    expect(client.replies[write]).toBeUndefined();
    cluster.world.network.healAll();
    await cluster.until(() => client.isAnswered, "a reply");
    expect(client.replies[write]).toMatch(/^-UNCERTAIN .*snapshot/);
    expect(cluster.eventsOf("a snapshot was installed").map(({ node }) => node)).toEqual([leader]);
    await expectEqual(cluster);
    // The connection goes on.
    client.send("SET", "doubt", "2");
    client.send("GET", "doubt");
    await cluster.until(() => client.isAnswered, "replies");
    expect(client.replies.slice(-2)).toEqual([okReply, "$1\r\n2\r\n"]);
    await cluster.close();
  });
});

test("a cluster makes, sends and installs snapshots under constant writing, with followers that come and go [I-16]", async () => {
  const cluster = await started({ seed: 4 }, { snapshotTailBytes: 0, snapshotLagBytesMax: 40_000 });
  for (let round = 0; round < 5; round++) {
    const away = cluster.followers[round % 2] ?? "";
    cluster.kill(away);
    await load(cluster, cluster.client(await cluster.untilLeader()), 130);
    const writing = load(cluster, cluster.client(await cluster.untilLeader()), 60);
    void cluster.startNode(away);
    await writing;
  }
  await expectEqual(cluster);
  expect(cluster.eventsOf("a snapshot was installed").length).toBeGreaterThan(1);
  await cluster.close();
});
