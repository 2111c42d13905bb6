/** The cluster port, as Redis Cluster's own clients use it: three nodes of several shards, in this process. */
import { Cluster as IoredisCluster } from "ioredis";
import { createCluster } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { choosePorts } from "../../src/cli/demo-ports.ts";
import { Node } from "../../src/cluster/index.ts";
import { createNodePlatform, silentLogger } from "../../src/platform/index.ts";
import { ErrorReply, MapReply, type Reply } from "../../src/resp/index.ts";
import { hashSlotOfText } from "../../src/ring/index.ts";
import { clusterAddressAttribute } from "../../src/server/cluster-door.ts";
import { RedisServer } from "../../src/server/redis-server.ts";
import { eventually } from "../processes/cluster.ts";
import { RawClient } from "./raw-client.ts";

const shards = 6;
const nodes: Node[] = [];
const servers: RedisServer[] = [];

beforeAll(async () => {
  const platform = createNodePlatform();
  const ports = await choosePorts(platform.random, 3, { port: 0, clusterPort: 0, httpPort: 0, peerPort: 0 });
  const peers = ports.map(({ peer }, at) => ({ name: `n${at + 1}`, host: "127.0.0.1", port: peer }));
  for (const { name } of peers) {
    const node = await Node.start({ platform, logger: silentLogger, name, peers, shards });
    nodes.push(node);
    const server = await RedisServer.listen({
      platform,
      logger: silentLogger,
      node,
      host: "127.0.0.1",
      port: 0,
      clusterPort: 0,
    });
    servers.push(server);
    node.setAttribute(clusterAddressAttribute, `127.0.0.1:${server.clusterAddress?.port}`);
  }
  await eventually("leaders that everybody knows, on all nodes", () => {
    const leaders = nodes.map((node) => node.topology().shards.map(({ leader }) => leader));
    const [first = []] = leaders;
    const isKnown = leaders.every((each) => each.join() === first.join() && !each.includes(undefined));
    const isHeard = nodes.every((node) => node.topology().nodes.every(({ attributes }) => "cluster" in attributes));
    // Two shards a node: then nobody hands any over by himself.
    const isSpread = [1, 2, 3].every((node) => first.filter((leader) => leader === node).length === shards / 3);
    return isKnown && isHeard && isSpread ? true : undefined;
  });
}, 60_000);

afterAll(async () => {
  for (const server of servers) await server.close();
  for (const node of nodes) await node.close();
});

async function connect(at: number, port: "plain" | "cluster" = "cluster"): Promise<RawClient> {
  const server = servers[at] as RedisServer;
  return RawClient.connect(port === "cluster" ? Number(server.clusterAddress?.port) : server.address.port);
}

/** The port of the node that leads the key's shard. */
function leaderOf(key: string): number {
  const slot = hashSlotOfText(key);
  const shard = nodes[0]?.topology().shards.find(({ slots }) => slot >= slots.first && slot <= slots.last);
  return Number(shard?.leader) - 1;
}

function errorText(reply: Reply | undefined): string {
  return reply instanceof ErrorReply ? reply.text : "no error";
}

function text(reply: Reply | undefined): string {
  return typeof reply === "string" ? reply : "";
}

const key = "somekey";
const slot = hashSlotOfText(key);

describe("the cluster port", () => {
  test("answers at the leader, and elsewhere with where the leader is", async () => {
    const leader = leaderOf(key);
    const address = `127.0.0.1:${servers[leader]?.clusterAddress?.port}`;
    for (const at of [0, 1, 2]) {
      const client = await connect(at);
      const reply = await client.run("SET", key, "1");
      if (at === leader) expect(reply).toMatchObject({ text: "OK" });
      else expect(errorText(reply)).toBe(`MOVED ${slot} ${address}`);
      client.close();
    }
  });

  test("serves reads everywhere to who has said READONLY, and they are not stale", async () => {
    let writer = await connect(leaderOf(key));
    const reader = await connect((leaderOf(key) + 1) % 3);
    let writtenCount = 0;
    expect(await reader.run("READONLY")).toMatchObject({ text: "OK" });
    for (let value = 0; value < 50; value++) {
      // Leadership may move at any time.
      if (errorText(await writer.run("SET", key, String(value))).startsWith("MOVED")) {
        writer.close();
        writer = await connect(leaderOf(key));
        continue;
      }
      writtenCount++;
      expect(await reader.run("GET", key)).toBe(String(value));
    }
    expect(writtenCount).toBeGreaterThan(0);
    const other = await connect((leaderOf(key) + 1) % 3);
    await other.run("READONLY");
    expect(errorText(await other.run("SET", key, "x"))).toMatch(/^MOVED /);
    expect(await other.run("READWRITE")).toMatchObject({ text: "OK" });
    expect(errorText(await other.run("GET", key))).toMatch(/^MOVED /);
    other.close();
    for (const client of [reader, writer]) client.close();
  });

  test("refuses keys of several slots, and other databases, in Redis' words", async () => {
    const client = await connect(leaderOf("a"));
    expect(errorText(await client.run("MSET", "a", "1", "b", "2"))).toBe(
      "CROSSSLOT Keys in request don't hash to the same slot",
    );
    expect(errorText(await client.run("DEL", "a", "b"))).toMatch(/^CROSSSLOT/);
    expect(await client.run("MSET", "{a}1", "1", "{a}2", "2")).toMatchObject({ text: "OK" });
    expect(errorText(await client.run("SELECT", "1"))).toBe("ERR SELECT is not allowed in cluster mode");
    expect(await client.run("ASKING")).toMatchObject({ text: "OK" });
    client.close();
  });

  test("tells the same slot table at every node, in all its forms", async () => {
    const tables: unknown[] = [];
    for (const at of [0, 1, 2]) {
      const client = await connect(at);
      const slots = await client.run("CLUSTER", "SLOTS");
      expect(slots).toHaveLength(shards);
      tables.push(slots);
      const id = text(await client.run("CLUSTER", "MYID"));
      expect(id).toMatch(/^[0-9a-f]{40}$/);
      const lines = text(await client.run("CLUSTER", "NODES")).split("\n");
      expect(lines.pop()).toBe("");
      expect(lines).toHaveLength(3);
      const own = lines.find((line) => line.includes("myself")) ?? "";
      expect(own).toMatch(
        new RegExp(
          `^${id} 127\\.0\\.0\\.1:${servers[at]?.clusterAddress?.port}@\\d+ myself,master - 0 0 \\d+ connected( \\d+-\\d+)+$`,
        ),
      );
      tables.push(lines.map((line) => line.replace("myself,", "")).toSorted());
      const info = text(await client.run("CLUSTER", "INFO"));
      expect(info).toMatch(
        /^cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n[\s\S]*cluster_known_nodes:3\r\ncluster_size:3\r\n/,
      );
      client.close();
    }
    expect(tables.slice(2, 4)).toEqual(tables.slice(0, 2));
    expect(tables.slice(4, 6)).toEqual(tables.slice(0, 2));
  });

  test("shows shards with their nodes, as maps to those who know maps", async () => {
    const client = await connect(0);
    const [first] = [await client.run("CLUSTER", "SHARDS")].flat() as Reply[];
    expect(first).toHaveLength(4);
    await client.run("HELLO", "3");
    const reply = await client.run("CLUSTER", "SHARDS");
    expect(reply).toHaveLength(shards);
    const [shard] = reply as readonly Reply[];
    expect(shard).toBeInstanceOf(MapReply);
    if (shard instanceof MapReply) {
      const [, slots, , members] = shard.entries;
      expect(slots).toEqual([0, 2_729]);
      expect(members).toHaveLength(3);
    }
    client.close();
  });

  test("counts and names the keys of a slot, wherever they are", async () => {
    const writer = await connect(leaderOf("{s}1"));
    for (const name of ["{s}1", "{s}2", "{s}3"]) await writer.run("SET", name, "1");
    const where = String(hashSlotOfText("{s}1"));
    for (const at of [0, 1, 2]) {
      const client = await connect(at);
      expect(await client.run("CLUSTER", "COUNTKEYSINSLOT", where)).toBe(3);
      expect(await client.run("CLUSTER", "GETKEYSINSLOT", where, "2")).toHaveLength(2);
      expect(await client.run("CLUSTER", "KEYSLOT", "{s}9")).toBe(Number(where));
      expect(errorText(await client.run("CLUSTER", "COUNTKEYSINSLOT", "16384"))).toBe("ERR Invalid slot");
      expect(errorText(await client.run("CLUSTER", "GETKEYSINSLOT", "1", "-1"))).toBe(
        "ERR Invalid slot or number of keys",
      );
      client.close();
    }
    writer.close();
  });

  test("answers for the shards that a node leads where a command is about all keys, as its clients add them up", async () => {
    const plain = await connect(0, "plain");
    await plain.run("FLUSHALL");
    for (let at = 0; at < 60; at++) await plain.run("SET", `k${at}`, "1");
    let count = 0;
    const found: Reply[] = [];
    const scanned: Reply[] = [];
    for (const at of [0, 1, 2]) {
      const client = await connect(at);
      count += Number(await client.run("DBSIZE"));
      found.push(...([await client.run("KEYS", "*")].flat() as Reply[]));
      for (let cursor = ""; cursor !== "0"; ) {
        const reply = (await client.run("SCAN", cursor === "" ? "0" : cursor, "COUNT", "5")) as readonly Reply[];
        cursor = text(reply[0]);
        scanned.push(...([reply[1] ?? []].flat() as Reply[]));
      }
      client.close();
    }
    const all = Array.from({ length: 60 }, (_, at) => `k${at}`).toSorted();
    expect(count).toBe(60);
    expect(found.toSorted()).toEqual(all);
    expect(scanned.toSorted()).toEqual(all);
    plain.close();
  });

  test("says that slots are not placed by hand, and that the plain port is no cluster", async () => {
    const client = await connect(0);
    expect(errorText(await client.run("CLUSTER", "MEET", "127.0.0.1", "1"))).toMatch(
      /^ERR CLUSTER MEET is not for Coterie, .*: nothing has changed\.$/,
    );
    expect(text(await client.run("INFO", "server"))).toContain("redis_mode:cluster");
    expect(text(await client.run("INFO", "cluster"))).toContain("cluster_enabled:1");
    client.close();
    const plain = await connect(0, "plain");
    for (const words of [["CLUSTER", "SLOTS"], ["CLUSTER", "COUNTKEYSINSLOT", "1"], ["READONLY"], ["ASKING"]])
      expect(errorText(await plain.run(...words))).toMatch(
        /^ERR This instance has cluster support disabled: clients of Redis Cluster are served at 127\.0\.0\.1:\d+$/,
      );
    expect(text(await plain.run("INFO"))).toContain("redis_mode:standalone");
    plain.close();
  });
});

const names = Array.from({ length: 300 }, (_, at) => `name:${at}`);

test("ioredis' Cluster finds every key", async () => {
  const cluster = new IoredisCluster([{ host: "127.0.0.1", port: Number(servers[0]?.clusterAddress?.port) }]);
  try {
    await Promise.all(names.map((name) => cluster.set(name, `of ${name}`)));
    expect(await Promise.all(names.map((name) => cluster.get(name)))).toEqual(names.map((name) => `of ${name}`));
    expect(cluster.nodes("master")).toHaveLength(3);
    const sizes = await Promise.all(cluster.nodes("master").map((node) => node.dbsize()));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(names.length);
    expect(await cluster.mset("{tag}1", "a", "{tag}2", "b")).toBe("OK");
    await expect(cluster.mset("name:1", "a", "name:2", "b")).rejects.toThrow(/CROSSSLOT/);
  } finally {
    cluster.disconnect();
  }
});

test("node-redis' createCluster finds every key", async () => {
  const cluster = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${servers[1]?.clusterAddress?.port}` }] });
  await cluster.connect();
  try {
    await Promise.all(names.map((name) => cluster.set(name, `by ${name}`)));
    expect(await Promise.all(names.map((name) => cluster.get(name)))).toEqual(names.map((name) => `by ${name}`));
    expect(cluster.masters).toHaveLength(3);
  } finally {
    await cluster.close();
  }
});
