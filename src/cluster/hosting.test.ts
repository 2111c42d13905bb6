/** Shards that are on some of the nodes, and come and go while clients write. */
import { afterEach, describe, expect, test } from "vitest";
import { runChaos } from "../../test/cluster/chaos.ts";
import { bulk, okReply } from "../../test/cluster/client.ts";
import { MovedByHand } from "../../test/cluster/moved-by-hand.ts";
import { answers, ShardedClusters } from "../../test/cluster/sharded-clusters.ts";
import type { SimulatedCluster, SimulatedClusterOptions } from "../../test/cluster/simulated-cluster.ts";
import { replicaOf } from "./replica/replica-id.ts";

const clusters = new ShardedClusters({ size: 5, node: { replicas: 3 } });
const { shardCount: shards } = clusters;
const started = clusters.start.bind(clusters);
const shardOf = clusters.shardOf.bind(clusters);
const keys = Array.from({ length: 40 }, (_, at) => `key:${at}`);

afterEach(() => clusters.close());

function hostsOf(cluster: SimulatedCluster, shard: number): readonly string[] {
  return cluster.names.filter((name) => cluster.nodes.get(name)?.hostedShards.includes(shard));
}

async function expectSame(cluster: SimulatedCluster, shardCount = shards): Promise<void> {
  await cluster.untilEqual();
  expect(cluster.digests(shardCount).map(({ length }) => length)).toEqual(Array(shardCount).fill(1));
  expect(cluster.crashes).toEqual([]);
}

describe("five nodes, three of which keep each shard", () => {
  test("share the shards, serve all of them at every node, and so again after a restart", async () => {
    const cluster = await started();
    const isSpread = (): void => {
      for (let shard = 0; shard < shards; shard++) expect(hostsOf(cluster, shard)).toHaveLength(3);
      for (const name of cluster.names) {
        const { hostedShards } = cluster.node(name);
        expect(hostedShards.length).toBeGreaterThanOrEqual(4);
        expect(hostedShards.length).toBeLessThanOrEqual(6);
        expect(cluster.node(name).nodeStatus().groups).toHaveLength(hostedShards.length);
      }
    };
    isSpread();
    for (const name of cluster.names) {
      const replies = await answers(cluster, cluster.client(name), ...keys.map((key) => `SET ${key} ${name}`));
      expect(new Set(replies)).toEqual(new Set([okReply]));
      for (const reader of cluster.names) {
        expect(await answers(cluster, cluster.client(reader), ...keys.map((key) => `GET ${key}`))).toEqual(
          keys.map(() => bulk(name)),
        );
      }
    }
    await expectSame(cluster);
    for (const name of cluster.names) cluster.kill(name);
    await cluster.start();
    await cluster.untilAllLed();
    isSpread();
    expect(await answers(cluster, cluster.client("n2"), "DBSIZE")).toEqual([`:${keys.length}\r\n`]);
  });

  test("say at every node where all shards are, and hold what their status compares", async () => {
    const cluster = await started({ seed: 6, node: { settings: { checksumIntervalMs: 500 } } });
    await answers(cluster, cluster.client("n3"), ...keys.map((key) => `SET ${key} 1`));
    const [first] = cluster.names;
    for (const name of cluster.names) {
      const { shards: seen } = cluster.node(name).topology();
      for (const { shard, replicas, leader } of seen) {
        expect(replicas.map((node) => `n${node}`)).toEqual(hostsOf(cluster, shard));
        expect(replicas).toContain(leader);
      }
    }
    await cluster.world.run(3_000);
    const status = await cluster.world.until(cluster.node(first ?? "").status());
    expect(status.shardCount).toBe(shards);
    expect(status.commonChecksums.map(({ group }) => group - 1)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const { group, digests } of status.commonChecksums) {
      expect(Object.keys(digests)).toEqual(hostsOf(cluster, group - 1));
      expect(new Set(Object.values(digests)).size).toBe(1);
    }
  });

  test("carry out commands about all keys, wherever they are asked", async () => {
    const cluster = await started({ seed: 8 });
    await answers(cluster, cluster.client("n4"), ...keys.map((key) => `SET ${key} 1`));
    for (const name of cluster.names) {
      const client = cluster.client(name);
      const [size, all, any, exists] = await answers(
        cluster,
        client,
        "DBSIZE",
        "KEYS *",
        "RANDOMKEY",
        "EXISTS key:1 key:9",
      );
      expect([size, exists]).toEqual([`:${keys.length}\r\n`, ":2\r\n"]);
      expect(all).toMatch(new RegExp(`^\\*${keys.length}\r\n`));
      expect(any).toMatch(/^\$5|^\$6/);
      let cursor = "0";
      const found = new Set<string>();
      do {
        const [reply] = await answers(cluster, client, `SCAN ${cursor} COUNT 9`);
        const [next = "", ...page] = String(reply)
          .split("\r\n")
          .filter((line) => /^(\d+|key:\d+)$/.test(line));
        cursor = next;
        for (const key of page) found.add(key);
      } while (cursor !== "0");
      expect(found.size).toBe(keys.length);
    }
    const client = cluster.client("n1");
    const wait = client.wait(2, 2_000);
    await cluster.until(() => client.isAnswered, "a reply");
    expect(client.replies[wait]).toBe(":2\r\n");
    expect(await answers(cluster, client, "FLUSHALL", "DBSIZE")).toEqual([okReply, ":0\r\n"]);
    expect(await answers(cluster, cluster.client("n5"), "DBSIZE", "RANDOMKEY")).toEqual([":0\r\n", "_\r\n"]);
  });

  test("go on with two of them gone, wherever a client is", async () => {
    const cluster = await started({ seed: 4 });
    const client = cluster.client("n5");
    await answers(cluster, client, ...keys.map((key) => `SET ${key} 1`));
    cluster.kill("n1");
    await cluster.untilAllLed();
    const replies = await answers(cluster, client, ...keys.map((key) => `INCR ${key}`));
    expect(new Set(replies)).toEqual(new Set([":2\r\n"]));
    await cluster.world.until(cluster.startNode("n1"));
    await cluster.untilAllLed();
    await expectSame(cluster);
  });

  test("find any key in the shards that answer, and do not say that there is none where one does not", async () => {
    const cluster = await started({ seed: 4, node: { settings: { electionWaitMs: 300 } } });
    const client = cluster.client("n5");
    await answers(cluster, client, ...keys.map((key) => `SET ${key} 1`));
    const hosts = Array.from({ length: shards }, (_, shard) => hostsOf(cluster, shard));
    const [first, second] = (hosts.find((names) => !names.includes("n5")) ?? hosts[0] ?? []) as [string, string];
    for (const name of [first, second]) cluster.kill(name);
    const isDark = (shard: number): boolean => {
      return (hosts[shard] ?? []).filter((name) => name !== first && name !== second).length < 2;
    };
    const darkKeys = keys.filter((key) => isDark(shardOf(key)));
    const lightKeys = keys.filter((key) => !isDark(shardOf(key)));
    expect([darkKeys.length > 0, lightKeys.length > 0]).toEqual([true, true]);
    const isServed = async (key: string): Promise<boolean> =>
      (await answers(cluster, client, `EXISTS ${key}`))[0] === ":1\r\n";
    for (const key of lightKeys) while (!(await isServed(key)));
    for (let times = 0; times < 20; times++) {
      const [reply] = await answers(cluster, client, "RANDOMKEY");
      expect(lightKeys).toContain(String(reply).split("\r\n")[1]);
    }
    await answers(cluster, client, ...lightKeys.map((key) => `DEL ${key}`));
    for (let times = 0; times < 5; times++) {
      expect((await answers(cluster, client, "RANDOMKEY"))[0]).toMatch(/^-CLUSTERDOWN /);
    }
  });

  test("give leadership only to nodes with a replica, and come to rest [H-5]", async () => {
    const cluster = await started({ seed: 2 });
    const leaders = (): readonly (number | undefined)[] =>
      cluster
        .node("n1")
        .topology()
        .shards.map(({ leader }) => leader);
    const counts = (): number[] => cluster.names.map((_, at) => leaders().filter((node) => node === at + 1).length);
    const isSpread = (): boolean => Math.max(...counts()) <= 2 && !leaders().includes(undefined);
    await cluster.until(isSpread, "balance", 60_000);
    await cluster.world.run(20_000);
    for (const [shard, leader] of leaders().entries()) expect(hostsOf(cluster, shard)).toContain(`n${leader}`);
    const before = leaders();
    await cluster.world.run(30_000);
    expect(leaders()).toEqual(before);
  });

  test.for([1, 2])("under faults every connection sees its own writes in order, seed %i [R-9]", async (seed) => {
    const result = await runChaos(seed, 5, {}, { shards, size: 5, replicas: 3 });
    expect(result.complaints).toEqual([]);
    expect(result.okCount).toBeGreaterThan(100);
    expect(result.readCount).toBeGreaterThan(100);
  });
});

/** Four nodes, one shard on n1, n2 and n3. */
async function startedToMove(options: SimulatedClusterOptions = {}) {
  const placement = new MovedByHand();
  const node = { shards: 1, replicas: 3, placement, ...options.node };
  const cluster = await started({ size: 4, ...options, node });
  const hosts = hostsOf(cluster, 0);
  const [away = ""] = cluster.names.filter((name) => !hosts.includes(name));
  return { cluster, placement, hosts, away };
}

function numberOf(name: string): number {
  return Number(name.slice(1));
}

describe("a shard that moves", () => {
  test("is served on the way, begins where it comes to, and is gone where it was, for good [M-10, C-4]", async () => {
    const { cluster, placement, hosts, away } = await startedToMove();
    const client = cluster.client(away);
    await answers(cluster, client, ...keys.map((key) => `SET ${key} 1`));
    const [leaver = "", ...stay] = hosts.toSorted((one) => (cluster.status(one).role === "leader" ? 1 : -1));
    const wished = [...stay, away].map(numberOf).sort((a, b) => a - b);
    placement.wish(0, ...wished);
    const tickets = keys.map((key) => client.send("INCR", key));
    await placement.untilMoved(cluster, 0);
    expect(client.isAnswered).toBe(true);
    expect(new Set(tickets.map((ticket) => client.replies[ticket]))).toEqual(new Set([":2\r\n"]));
    expect(cluster.status(away)).toMatchObject({ replica: replicaOf(numberOf(away), 1) });
    placement.report(cluster, 0);
    await cluster.until(() => hostsOf(cluster, 0).length === 3, "an end");
    expect(hostsOf(cluster, 0)).toEqual(wished.map((node) => `n${node}`));
    expect(cluster.node(leaver).nodeStatus()).toMatchObject({ groups: [] });
    expect(cluster.node(leaver).info().keyCount).toBe(0);
    expect(await answers(cluster, cluster.client(leaver), "DBSIZE", "GET key:1")).toEqual([":40\r\n", bulk("2")]);
    await cluster.world.run(100);
    // Nothing of it comes back, and it comes back as another one.
    for (const name of [leaver, away]) {
      cluster.kill(name);
      await cluster.world.until(cluster.startNode(name));
    }
    await cluster.untilAllLed();
    expect(hostsOf(cluster, 0)).toEqual(wished.map((node) => `n${node}`));
    placement.wish(0, ...hosts.map(numberOf));
    await placement.untilMoved(cluster, 0);
    placement.report(cluster, 0);
    await cluster.until(() => hostsOf(cluster, 0).length === 3, "an end");
    expect(hostsOf(cluster, 0)).toEqual(hosts);
    expect(cluster.status(leaver).replica).toBe(replicaOf(numberOf(leaver), 2));
    await expectSame(cluster, 1);
    expect(await answers(cluster, cluster.client(away), "DBSIZE")).toEqual([":40\r\n"]);
  });

  test("is not said to be made anew where it leaves, and is where it comes to", async () => {
    const { cluster, placement, hosts, away } = await startedToMove();
    const [leaver = "", ...stay] = hosts;
    const told = new Set<string>();
    placement.wish(0, ...[...stay, away].map(numberOf).sort((a, b) => a - b));
    await cluster.until(() => {
      for (const name of [...hosts, away]) {
        for (const { rebuild } of cluster.node(name).nodeStatus().groups) if (rebuild !== null) told.add(rebuild.node);
      }
      placement.report(cluster, 0);
      return hostsOf(cluster, 0).length === 3 && !hostsOf(cluster, 0).includes(leaver);
    }, "the end of the move");
    expect([...told]).toEqual([away]);
  });

  test.for([1, 2, 3])(
    "under faults and moves no write and no order is lost, seed %i [R-9, M-10, B-2]",
    async (seed) => {
      const result = await runChaos(seed, 4, {}, { shards: 4, size: 5, replicas: 3, moves: true });
      expect(result.complaints).toEqual([]);
      expect(result.okCount).toBeGreaterThan(100);
      expect(result.readCount).toBeGreaterThan(100);
      expect(result.goneCount).toBeGreaterThan(2);
    },
  );
});
