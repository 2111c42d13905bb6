/** The ports of nodes that keep some of the shards: three nodes, each shard on two of them, in this process. */
import { Cluster as IoredisCluster } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { choosePorts } from "../../src/cli/demo-ports.ts";
import { Node } from "../../src/cluster/index.ts";
import { createNodePlatform, silentLogger } from "../../src/platform/index.ts";
import { ErrorReply } from "../../src/resp/index.ts";
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
  const listen = { platform, logger: silentLogger, host: "127.0.0.1", port: 0, clusterPort: 0 };
  for (const { name } of peers) {
    const node = await Node.start({ platform, logger: silentLogger, name, peers, shards, replicas: 2 });
    nodes.push(node);
    const server = await RedisServer.listen({ ...listen, node });
    servers.push(server);
    node.setAttribute(clusterAddressAttribute, `127.0.0.1:${server.clusterAddress?.port}`);
  }
  let before = "";
  await eventually("leaders that everybody knows, and that rest, on all nodes", () => {
    const leaders = nodes.map((node) =>
      node
        .topology()
        .shards.map(({ leader }) => leader)
        .join(),
    );
    const isKnown = new Set(leaders).size === 1 && !/^,|,,|,$/.test(leaders[0] ?? "");
    const isHeard = nodes.every((node) => node.topology().nodes.every(({ attributes }) => "cluster" in attributes));
    const isResting = isKnown && isHeard && leaders[0] === before;
    before = leaders[0] ?? "";
    return isResting ? true : undefined;
  });
}, 60_000);

afterAll(async () => {
  for (const server of servers) await server.close();
  for (const node of nodes) await node.close();
});

async function connect(at: number): Promise<RawClient> {
  return RawClient.connect(Number(servers[at]?.clusterAddress?.port));
}

test("every node shows all shards with the nodes that keep them, the leader first", async () => {
  const tables: unknown[] = [];
  for (const at of [0, 1, 2]) {
    const client = await connect(at);
    const slots = await client.run("CLUSTER", "SLOTS");
    expect(slots).toHaveLength(shards);
    for (const row of Array.isArray(slots) ? slots : []) expect(row).toHaveLength(2 + 2);
    tables.push(slots);
    client.close();
  }
  expect(tables[1]).toEqual(tables[0]);
  expect(tables[2]).toEqual(tables[0]);
  const kept = nodes.flatMap((node) => node.hostedShards).sort((a, b) => a - b);
  expect(kept).toEqual(Array.from({ length: 2 * shards }, (_, at) => Math.floor(at / 2)));
});

test("a node without a replica names the leader, and serves reads all the same behind READONLY", async () => {
  for (let shard = 0; shard < shards; shard++) {
    const without = nodes.findIndex((node) => !node.hostedShards.includes(shard));
    const { leader, slots } = nodes[without]?.topology().shards[shard] ?? { leader: 0, slots: { first: 0, last: 0 } };
    const key = Array.from({ length: 10_000 }, (_, at) => `key:${at}`).find((each) => {
      const slot = hashSlotOfText(each);
      return slot >= slots.first && slot <= slots.last;
    }) as string;
    const writer = await connect(Number(leader) - 1);
    expect(await writer.run("SET", key, String(shard))).toMatchObject({ text: "OK" });
    const reader = await connect(without);
    const moved = await reader.run("GET", key);
    const { port } = servers[Number(leader) - 1]?.clusterAddress ?? { port: 0 };
    expect(moved instanceof ErrorReply && moved.text).toBe(`MOVED ${hashSlotOfText(key)} 127.0.0.1:${port}`);
    await reader.run("READONLY");
    expect(await reader.run("GET", key)).toBe(String(shard));
    for (const client of [reader, writer]) client.close();
  }
});

test("INFO says of every shard who leads it, and of those that are here how far they are", async () => {
  for (const at of [0, 1, 2]) {
    const client = await connect(at);
    const info = String(await client.run("INFO", "raft"));
    const here = nodes[at]?.hostedShards ?? [];
    for (let shard = 0; shard < shards; shard++) {
      const [, line = ""] = new RegExp(`^raft_shard${shard}:(.*)\r$`, "m").exec(info) ?? [];
      if (here.includes(shard)) expect(line).toMatch(/^role=(leader|follower),term=\d+,leader=n[123],commit_index=\d+/);
      else expect(line).toMatch(/^role=none,leader=n[123]$/);
    }
    client.close();
  }
});

test("ioredis' Cluster finds every key", async () => {
  const names = Array.from({ length: 100 }, (_, at) => `name:${at}`);
  const cluster = new IoredisCluster([{ host: "127.0.0.1", port: Number(servers[2]?.clusterAddress?.port) }]);
  try {
    await Promise.all(names.map((name) => cluster.set(name, `of ${name}`)));
    expect(await Promise.all(names.map((name) => cluster.get(name)))).toEqual(names.map((name) => `of ${name}`));
  } finally {
    cluster.disconnect();
  }
});
