import { afterEach, describe, expect, test } from "vitest";
import { runChaos } from "../../test/cluster/chaos.ts";
import { bulk, type Client, okReply } from "../../test/cluster/client.ts";
import { answers, ShardedClusters } from "../../test/cluster/sharded-clusters.ts";
import type { SimulatedCluster, SimulatedClusterOptions } from "../../test/cluster/simulated-cluster.ts";

const clusters = new ShardedClusters();
const { shardCount: shards } = clusters;
const started = clusters.start.bind(clusters);
const shardOf = clusters.shardOf.bind(clusters);

afterEach(() => clusters.close());

/** The words of an array of bulk strings. */
function words(reply: unknown): string[] {
  return String(reply)
    .split("\r\n")
    .filter((line, at) => at > 0 && line !== "" && !line.startsWith("$") && !line.startsWith("*"));
}

const keys = Array.from({ length: 60 }, (_, at) => `key:${at}`);

async function filled(options: SimulatedClusterOptions = {}): Promise<{ cluster: SimulatedCluster; client: Client }> {
  const cluster = await started(options);
  const client = cluster.client("n2");
  const replies = await answers(cluster, client, ...keys.map((key) => `SET ${key} v${key}`));
  expect(new Set(replies)).toEqual(new Set([okReply]));
  return { cluster, client };
}

describe("a cluster of several shards", () => {
  test("keeps each key in the shard of its slot, and serves all of them at every node", async () => {
    const { cluster } = await filled();
    await cluster.untilEqual();
    for (const name of cluster.names) {
      const client = cluster.client(name);
      expect(await answers(cluster, client, ...keys.map((key) => `GET ${key}`))).toEqual(
        keys.map((key) => bulk(`v${key}`)),
      );
      const counts = Array.from({ length: shards }, (_, shard) => cluster.node(name).keyspaceOf(shard).keyCount);
      expect(counts).toEqual(counts.map((_, shard) => keys.filter((key) => shardOf(key) === shard).length));
      expect(cluster.node(name).info().keyCount).toBe(keys.length);
    }
  });

  test("divides commands whose keys have nothing to do with each other, and puts the replies together", async () => {
    const { cluster, client } = await filled();
    const [mget, exists, touch, del, unlink, left] = await answers(
      cluster,
      client,
      "MGET key:7 nothing key:1 key:7 key:30",
      "EXISTS key:1 key:2 key:1 nothing key:40",
      `TOUCH ${keys.join(" ")} nothing`,
      "DEL key:1 key:2 key:3 nothing",
      "UNLINK key:4 key:5 key:1",
      "DBSIZE",
    );
    expect(mget).toBe(`*5\r\n${bulk("vkey:7")}_\r\n${bulk("vkey:1")}${bulk("vkey:7")}${bulk("vkey:30")}`);
    expect([exists, touch, del, unlink, left]).toEqual([":4\r\n", ":60\r\n", ":3\r\n", ":2\r\n", ":55\r\n"]);
  });

  test("refuses what needs one atomic point over several, and names keys, shards and cure", async () => {
    const { cluster, client } = await filled();
    const [refused, unchanged, joined] = await answers(
      cluster,
      client,
      "MSET key:1 a key:2 b",
      "GET key:1",
      "MSET {t}key:1 a {t}key:2 b",
    );
    expect(refused).toBe(
      `-CROSSSLOT MSET needs its keys in one shard, not "key:1" (shard ${shardOf("key:1")}) and "key:2" (shard ${shardOf("key:2")}): ` +
        'it did not happen. A common hash tag keeps keys together: "{tag}key:1", "{tag}key:2".\r\n',
    );
    expect(unchanged).toBe(bulk("vkey:1"));
    expect(joined).toBe(okReply);
    for (const command of ["RENAME key:1 key:2", "COPY key:1 key:2", "MSETNX key:1 a key:2 b", "LCS key:1 key:2"]) {
      expect((await answers(cluster, client, command))[0]).toMatch(/^-CROSSSLOT \w+ needs its keys in one shard/);
    }
  });

  test("is scanned whole, shard by shard, by cursors that hold at every node", async () => {
    const { cluster } = await filled();
    const found: string[] = [];
    let cursor = "0";
    let callCount = 0;
    do {
      const client = cluster.client(cluster.names[callCount++ % 3] as string);
      const [reply] = await answers(cluster, client, `SCAN ${cursor} COUNT 7`);
      const [next = "", ...page] = words(reply);
      cursor = next;
      found.push(...page);
    } while (cursor !== "0");
    expect(found.toSorted()).toEqual(keys.toSorted());
    expect(callCount).toBeGreaterThan(shards);
    const client = cluster.client("n1");
    const [beyond, wrong] = await answers(cluster, client, "SCAN 99999999999999999", "SCAN what");
    expect(beyond).toBe(`*2\r\n${bulk("0")}*0\r\n`);
    expect(wrong).toBe("-ERR invalid cursor\r\n");
  });

  test("answers for all shards where a command is about all keys", async () => {
    const { cluster, client } = await filled();
    const [found, some, size, any, flushed, empty, none] = await answers(
      cluster,
      client,
      "KEYS *",
      "KEYS *:1?",
      "DBSIZE",
      "RANDOMKEY",
      "FLUSHALL",
      "DBSIZE",
      "RANDOMKEY",
    );
    expect(words(found).toSorted()).toEqual(keys.toSorted());
    expect(words(some)).toHaveLength(10);
    expect([size, flushed, empty, none]).toEqual([":60\r\n", okReply, ":0\r\n", "_\r\n"]);
    expect(keys).toContain(String(any).split("\r\n")[1]);
    const alone = keys[5] as string;
    await answers(cluster, client, `SET ${alone} 1`);
    expect(await answers(cluster, client, "RANDOMKEY")).toEqual([bulk(alone)]);
  });

  test("keeps a connection's order within a shard, also around what goes to all of them", async () => {
    const { cluster, client } = await filled();
    const replies = await answers(
      cluster,
      client,
      "SET a 1",
      "GET a",
      "FLUSHALL",
      "GET a",
      "SET a 2",
      "EXISTS a b c d",
      "DEL a b c d",
      "GET a",
    );
    expect(replies).toEqual([okReply, bulk("1"), okReply, "_\r\n", okReply, ":1\r\n", ":1\r\n", "_\r\n"]);
  });

  test("counts for WAIT the replicas that hold the writes of all shards", async () => {
    const { cluster, client } = await filled();
    const all = client.wait(2, 1_000);
    await cluster.until(() => client.isAnswered, "a reply");
    expect(client.replies[all]).toBe(":2\r\n");
    cluster.kill("n3");
    await cluster.untilAllLed();
    await answers(cluster, client, ...keys.map((key) => `SET ${key} again`));
    const one = client.wait(2, 500);
    await cluster.until(() => client.isAnswered, "a reply");
    expect(client.replies[one]).toBe(":1\r\n");
  });

  test("says UNCERTAIN where only some shards did their part", async () => {
    const cluster = await started({ node: { settings: { electionWaitMs: 500, resolveWaitMs: 500 } } });
    const client = cluster.client("n1");
    await answers(cluster, client, ...keys.map((key) => `SET ${key} 1`));
    // The shards that n1 does not lead have no leader for it any more.
    cluster.isolate("n1");
    const led = new Set(
      cluster
        .node("n1")
        .info()
        .shards.filter(({ leader }) => leader === "n1")
        .map(({ shard }) => shard),
    );
    expect(led.size).toBeGreaterThan(0);
    expect(led.size).toBeLessThan(shards);
    const [reply] = await answers(cluster, client, `DEL ${keys.join(" ")}`);
    expect(reply).toMatch(/^-UNCERTAIN /);
  });

  test("spreads its leaders over the nodes, also after one was away [H-5]", async () => {
    const cluster = await started({ seed: 3 });
    const counts = (): number[] => {
      const leaders = cluster
        .node("n1")
        .info()
        .shards.map(({ leader }) => leader);
      return cluster.names.map((name) => leaders.filter((leader) => leader === name).length);
    };
    const isSpread = (): boolean => Math.max(...counts()) - Math.min(...counts()) <= 1;
    await cluster.until(isSpread, "balance", 60_000);
    cluster.kill("n2");
    await cluster.untilAllLed();
    expect(counts()[1]).toBe(0);
    await cluster.world.until(cluster.startNode("n2"));
    await cluster.until(isSpread, "balance", 60_000);
    const terms = (): number[] =>
      cluster
        .node("n1")
        .info()
        .shards.map(({ term }) => term);
    const before = terms();
    await cluster.world.run(60_000);
    expect(terms(), "it has come to rest").toEqual(before);
  });

  test("is as large as it was created: another number of shards is refused", async () => {
    const cluster = await started();
    cluster.kill("n1");
    await expect(cluster.world.until(cluster.startNode("n1", { shards: 4 }))).rejects.toMatchObject({
      code: "IDENTITY",
      message: "/data has 8 shards, not 4. The number of shards is fixed when a cluster is created.",
    });
    cluster.world.machine("n1").kill();
    await cluster.world.until(cluster.startNode("n1", { shards: undefined }));
    expect(cluster.node("n1").info().shards).toHaveLength(8);
  });

  test("has no place for a node that was created with another number", async () => {
    const cluster = clusters.make();
    await Promise.all([
      cluster.world.until(
        Promise.all(cluster.names.map((name) => cluster.startNode(name, { shards: name === "n3" ? 4 : 8 }))),
      ),
    ]);
    await cluster.until(() => cluster.exits.length > 0, "a refusal");
    expect(cluster.exits).toEqual([
      { node: "n3", code: 2, reason: expect.stringMatching(/WRONG_NAMES: .*another number of shards.* with 8 shards/) },
    ]);
  });

  test.for([1, 2, 3])("under faults every connection sees its own writes in order, seed %i [R-9]", async (seed) => {
    const result = await runChaos(seed, 6, {}, { shards: 5 });
    expect(result.complaints).toEqual([]);
    expect(result.okCount).toBeGreaterThan(100);
    expect(result.readCount).toBeGreaterThan(100);
  });
});
