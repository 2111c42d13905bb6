import { expect, test } from "vitest";
import { bulk, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";

const kibibyte = 1_024;
const windowBytes = 512 * kibibyte;

async function started(): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster();
  await cluster.start();
  await cluster.untilLeader();
  return cluster;
}

test.for([
  { what: "small", bytes: kibibyte, commands: 1_000 },
  { what: "large", bytes: 100 * kibibyte, commands: 60 },
  { what: "bulky", bytes: 600 * kibibyte, commands: 12 },
])("$what replies that a client does not take stay with the leader, and come in order once it does", async (size) => {
  const cluster = await started();
  const client = cluster.client(cluster.followers[0] as string);
  const value = "v".repeat(size.bytes);
  client.send("SET", "k", value);
  await cluster.until(() => client.isAnswered, "the write");
  client.isBehind = true;
  for (let sent = 0; sent < size.commands; sent++) client.send("GET", "k");
  client.send("SET", "k", "new");
  client.send("GET", "k");
  await cluster.world.run(2_000);
  const came = client.replies.length - 1;
  // A reply that begins within the window is sent whole.
  expect(came * size.bytes).toBeLessThan(windowBytes + 2 * size.bytes);
  expect(came).toBeGreaterThan(0);
  // Others notice nothing.
  const other = cluster.client(cluster.followers[0] as string);
  other.send("STRLEN", "k");
  await cluster.until(() => other.isAnswered, "a reply to somebody else");
  expect(other.replies).toEqual([":3\r\n"]);
  client.isBehind = false;
  client.stream.taken();
  await cluster.until(() => client.isAnswered, "all replies", 10_000);
  const expected = [okReply, ...new Array(size.commands).fill(bulk(value)), okReply, bulk("new")];
  expect(client.replies.length).toBe(expected.length);
  expect(client.replies.every((reply, ticket) => reply === expected[ticket])).toBe(true);
  await cluster.close();
});

test("a client that leaves with replies untaken leaves nothing behind at the leader", async () => {
  const cluster = await started();
  const follower = cluster.followers[0] as string;
  const client = cluster.client(follower);
  client.send("SET", "k", "v".repeat(300 * kibibyte));
  await cluster.until(() => client.isAnswered, "the write");
  client.isBehind = true;
  for (let sent = 0; sent < 40; sent++) client.send("GET", "k");
  await cluster.world.run(1_000);
  const came = client.replies.length;
  client.stream.close();
  const next = cluster.client(follower);
  for (let sent = 0; sent < 40; sent++) next.send("GET", "k");
  await cluster.until(() => next.isAnswered, "the replies of the next client", 10_000);
  expect(client.replies.length).toBe(came);
  await cluster.close();
});
