import { expect, test } from "vitest";
import { bulk, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import type { NodeSettings } from "./settings.ts";

const kibibyte = 1_024;
const windowBytes = 512 * kibibyte;

async function started(settings: Partial<NodeSettings> = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ node: { settings } });
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

test("a reply above what is forwarded is refused to a read, and leaves a write in doubt", async () => {
  const cluster = await started({ commandBytesMax: 1_048_576, assembledBytesMax: 1_048_576 });
  const client = cluster.client(cluster.followers[0] as string);
  const half = "v".repeat(600_000);
  client.send("APPEND", "k", half);
  client.send("APPEND", "k", half);
  client.send("GET", "k");
  client.send("MGET", "k", "k");
  client.send("GETRANGE", "k", "0", "9");
  client.send("GETEX", "k", "PERSIST");
  client.send("STRLEN", "k");
  await cluster.until(() => client.isAnswered, "replies");
  const tooLarge = expect.stringMatching(/^-ERR A reply of \d+ bytes or more is above/);
  const inDoubt = expect.stringMatching(/^-UNCERTAIN /);
  expect(client.replies.slice(2)).toEqual([tooLarge, tooLarge, bulk("v".repeat(10)), inDoubt, ":1200000\r\n"]);
  const atLeader = cluster.client(await cluster.untilLeader());
  atLeader.send("GET", "k");
  await cluster.until(() => atLeader.isAnswered, "a reply");
  expect(atLeader.replies[0] === bulk(half + half)).toBe(true);
  await cluster.close();
});
