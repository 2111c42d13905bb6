import { expect, test } from "vitest";
import { bulk, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";

test.for([{ memory: true }, { memory: false }])(
  "a node alone carries out commands in order ($memory)",
  async (options) => {
    const cluster = new SimulatedCluster({ size: 1, ...options });
    await cluster.start();
    const client = cluster.client("n1");
    client.send("SET", "a", "1");
    client.send("GET", "a");
    client.send("INCR", "a");
    client.send("GET", "a");
    client.send("GET", "b");
    await cluster.until(() => client.isAnswered, "replies", 1_000);
    expect(client.replies).toEqual([okReply, bulk("1"), ":2\r\n", bulk("2"), "_\r\n"]);
    await cluster.close();
  },
);

test("three nodes elect a leader, write, and read it everywhere", async () => {
  const cluster = new SimulatedCluster();
  await cluster.start();
  await cluster.untilLeader();
  const clients = cluster.names.map((name) => cluster.client(name));
  for (const [at, client] of clients.entries()) {
    client.send("SET", `key${at}`, `value${at}`);
    client.send("GET", `key${at}`);
  }
  await cluster.until(() => clients.every((client) => client.isAnswered), "replies", 2_000);
  for (const [at, client] of clients.entries()) expect(client.replies).toEqual([okReply, bulk(`value${at}`)]);
  for (const [at, client] of clients.entries()) client.send("GET", `key${(at + 1) % 3}`);
  await cluster.until(() => clients.every((client) => client.isAnswered), "replies", 1_000);
  for (const [at, client] of clients.entries()) expect(client.replies[2]).toBe(bulk(`value${(at + 1) % 3}`));
  await cluster.close();
  expect(cluster.exits).toEqual([]);
});

test("acknowledged writes survive the leader's death, and writes flow again", async () => {
  const cluster = new SimulatedCluster();
  await cluster.start();
  const first = await cluster.untilLeader();
  const client = cluster.client(first);
  for (let each = 0; each < 100; each++) client.send("SET", `key${each}`, `value${each}`);
  await cluster.until(() => client.isAnswered, "replies", 2_000);
  const beforeMs = cluster.world.nowMs;
  cluster.kill(first);
  const second = await cluster.untilLeader(first);
  const other = cluster.client(second);
  other.send("SET", "after", "1");
  for (let each = 0; each < 100; each++) other.send("GET", `key${each}`);
  await cluster.until(() => other.isAnswered, "replies", 2_000);
  expect(cluster.world.nowMs - beforeMs).toBeLessThan(500);
  expect(other.replies).toEqual([okReply, ...Array.from({ length: 100 }, (_, each) => bulk(`value${each}`))]);
  await cluster.world.until(cluster.startNode(first));
  await cluster.untilEqual();
  await cluster.close();
});
