import { afterEach, expect, test } from "vitest";
import { Opened } from "../../test/server/clients.ts";
import { RawClient } from "../../test/server/raw-client.ts";
import type { Topology } from "../cluster/index.ts";
import { MapReply, type Reply, VerbatimReply } from "../resp/index.ts";
import { clusterAddressAttribute } from "./cluster-door.ts";

const opened = new Opened();

afterEach(() => opened.close());

/** n1 is asked and keeps the shards 0 and 1; n4 is not to be reached, and of n5 no address is known. */
const places: Topology = {
  clusterId: "0".repeat(32),
  nodes: [1, 2, 3, 4, 5].map((nodeId) => ({
    nodeId,
    name: `n${nodeId}`,
    isSelf: nodeId === 1,
    isUp: nodeId !== 4,
    attributes: nodeId === 5 ? {} : { [clusterAddressAttribute]: `10.0.0.${nodeId}:7000` },
  })),
  shards: [
    { leader: 2, replicas: [1, 2, 3] },
    { leader: 4, replicas: [4, 3, 1] },
    { leader: undefined, replicas: [5, 3, 2] },
    { leader: undefined, replicas: [4, 5] },
  ].map((shard, at) => ({ ...shard, shard: at, term: 3, slots: { first: 4_096 * at, last: 4_096 * at + 4_095 } })),
};

async function connect(seen: Topology = places): Promise<RawClient> {
  const served = await opened.start({ clusterPort: 0 });
  served.node.places = seen;
  return RawClient.connect(Number(served.server.clusterAddress?.port));
}

/** The last part of each node's address. */
const expected = [
  [0, 4_095, 2, 1, 3],
  // A leader that is not to be reached is asked by nobody.
  [4_096, 8_191, 1, 3, 4],
  [8_192, 12_287, 2, 3],
  // Where no replica is there, whoever was asked keeps the command until one is.
  [12_288, 16_383, 1, 4],
];

function lastPart(host: unknown): number {
  return Number(String(host).split(".").at(-1));
}

function items(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function fields(reply: Reply | undefined): ReadonlyMap<Reply, Reply> {
  const entries = reply instanceof MapReply ? reply.entries : [];
  return new Map(entries.flatMap((entry, at) => (at % 2 === 0 ? [[entry, entries[at + 1] ?? null]] : [])));
}

async function slotTable(client: RawClient): Promise<readonly (readonly unknown[])[]> {
  return items(await client.run("CLUSTER", "SLOTS")).map((row) => {
    const [first, last, ...nodes] = items(row);
    return [first, last, ...nodes.map((node) => lastPart(items(node)[0]))];
  });
}

test("every slot has a node to ask in CLUSTER SLOTS, whatever is known of its leader", async () => {
  const client = await connect();
  expect(await slotTable(client)).toEqual(expected);
  client.close();
});

test("a node that stops names others first in CLUSTER SLOTS, itself only where nobody else is there", async () => {
  const stopping = places.nodes.map((node) => (node.isSelf ? { ...node, isUp: false } : node));
  const client = await connect({ ...places, nodes: stopping });
  expect((await slotTable(client)).map(([, , head]) => head)).toEqual([2, 3, 2, 2]);
  client.close();
  const alone = await connect({ ...places, nodes: stopping.map((node) => ({ ...node, isUp: false })) });
  expect((await slotTable(alone)).map(([, , head]) => head)).toEqual([1, 1, 1, 1]);
  alone.close();
});

test("the node to ask is the master in CLUSTER SHARDS and CLUSTER NODES", async () => {
  const client = await connect();
  await client.run("HELLO", "3");
  const masters = items(await client.run("CLUSTER", "SHARDS")).map((shard) => {
    const nodes = items(fields(shard).get("nodes")).map(fields);
    const roles = nodes.map((node) => node.get("role"));
    expect(roles.filter((role) => role === "master")).toHaveLength(1);
    return lastPart(nodes[roles.indexOf("master")]?.get("ip"));
  });
  expect(masters).toEqual([2, 1, 2, 1]);
  const reply = await client.run("CLUSTER", "NODES");
  const lines = reply instanceof VerbatimReply ? reply.text.trim().split("\n") : [];
  expect(lines.map((line) => line.split(" ").slice(8))).toEqual([
    ["4096-8191", "12288-16383"],
    ["0-4095", "8192-12287"],
    [],
    [],
    [],
  ]);
  expect(lines.map((line) => line.split(" ")[2])).toEqual([
    "myself,master",
    "master",
    "slave",
    "slave,fail",
    "slave,noaddr",
  ]);
  client.close();
});
