import { expect, test } from "vitest";
import type { Client } from "../../test/cluster/client.ts";
import { bulk } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { type MarkName, watchMarks } from "../platform/index.ts";

interface Opened {
  readonly cluster: SimulatedCluster;
  readonly leader: string;
  readonly follower: string;
  readonly id: string;
}

/** A cluster, and the id of a session in it. */
async function opened(): Promise<Opened> {
  const cluster = new SimulatedCluster();
  await cluster.start();
  const leader = await cluster.untilLeader();
  await cluster.world.run(200);
  const client = cluster.client(leader);
  client.send("COTERIE", "SESSION", "OPEN");
  await cluster.until(() => client.isAnswered, "a session");
  const id = client.replies[0]?.split("\r\n")[1] ?? "";
  return { cluster, leader, follower: cluster.followers[0] as string, id };
}

/** Nothing is acknowledged. */
function run(client: Client, id: string, sequence: number, ...command: string[]): void {
  client.send("COTERIE", "SESSION", "RUN", id, String(sequence), "0", ...command);
}

/** How often each mark is passed while `work` is under way. */
async function marksOf(work: () => Promise<void>): Promise<Map<MarkName, number>> {
  const marks = new Map<MarkName, number>();
  const before = watchMarks((name) => marks.set(name, (marks.get(name) ?? 0) + 1));
  try {
    await work();
  } finally {
    watchMarks(before);
  }
  return marks;
}

const sentAgain = "a session command whose fate is open is sent again";
const answeredAgain = "a repeated session command is answered from what was kept";

test("a follower forwards, the leader commits, the reply is lost, the follower forwards again: one effect [S-5, I-18]", async () => {
  const { cluster, leader, follower, id } = await opened();
  const client = cluster.client(follower);
  const marks = await marksOf(async () => {
    // What the leader says does not arrive any more; what it hears does.
    cluster.world.network.cut({ from: leader, to: follower });
    run(client, id, 1, "INCR", "k");
    client.send("INCR", "plain");
    run(client, id, 2, "APPEND", "t", "a");
    client.send("GET", "k");
    await cluster.world.run(100);
    expect(client.replies).toEqual([]);
    expect(cluster.node(leader).keyspace.keyCount).toBe(3);
    cluster.world.network.resetConnections(({ from, to }) => from === follower || to === follower);
    cluster.world.network.healAll();
    await cluster.until(() => client.isAnswered, "replies");
  });
  expect(client.replies[0]).toBe(":1\r\n");
  expect(client.replies[1]).toMatch(/^-UNCERTAIN /);
  expect(client.replies[2]).toBe(":1\r\n");
  expect(client.replies[3]).toBe(bulk("1"));
  expect(marks.get(sentAgain)).toBe(2);
  // By each of the three replicas.
  await cluster.untilEqual();
  const checker = cluster.client(leader);
  checker.send("MGET", "k", "t");
  await cluster.until(() => checker.isAnswered, "a reply");
  expect(checker.replies[0]).toBe(`*2\r\n${bulk("1")}${bulk("a")}`);
  expect(marks.get(answeredAgain)).toBeGreaterThanOrEqual(2);
  await cluster.close();
});

test("the same number sent to another node after the leader has died is the same command [S-5, S-2, I-18]", async () => {
  const { cluster, leader, follower, id } = await opened();
  const first = cluster.client(leader);
  for (let sequence = 1; sequence <= 5; sequence++) run(first, id, sequence, "INCR", "k");
  await cluster.until(() => first.isAnswered, "replies");
  cluster.kill(leader);
  await cluster.untilLeader(leader);
  const second = cluster.client(follower);
  run(second, id, 5, "INCR", "k");
  run(second, id, 7, "INCR", "k");
  run(second, id, 6, "INCR", "k");
  run(second, id, 7, "INCR", "k");
  await cluster.until(() => second.isAnswered, "replies");
  expect(second.replies[0]).toBe(":5\r\n");
  expect(second.replies[1]).toMatch(/^-SEQUENCEGAP .* did not happen/);
  expect(second.replies.slice(2)).toEqual([":6\r\n", ":7\r\n"]);
  await cluster.close();
});

test("what was sent once and may have happened is never said not to have happened [S-5]", async () => {
  const { cluster, leader, follower, id } = await opened();
  const client = cluster.client(follower);
  cluster.world.network.cut({ from: leader, to: follower });
  run(client, id, 1, "INCR", "k");
  await cluster.world.run(100);
  for (const name of cluster.names) if (name !== follower) cluster.kill(name);
  // It never left this node: of that one it is known.
  run(client, id, 2, "INCR", "k");
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies[0]).toMatch(/^-UNCERTAIN /);
  expect(client.replies[1]).toMatch(/^-(CLUSTERDOWN|UNCERTAIN) /);
  await cluster.close();
});

test("a session goes on at a replica that was restored from a snapshot [S-2, N-3]", async () => {
  const settings = {
    snapshotLogBytesMin: 4_096,
    snapshotTailBytes: 0,
    snapshotLagBytesMax: 4_096,
    segmentBytes: 65_536,
  };
  const cluster = new SimulatedCluster({ size: 1, node: { settings } });
  await cluster.start();
  await cluster.untilLeader();
  const client = cluster.client("n1");
  client.send("COTERIE", "SESSION", "OPEN");
  await cluster.until(() => client.isAnswered, "a session");
  const id = client.replies[0]?.split("\r\n")[1] ?? "";
  run(client, id, 1, "INCR", "k");
  for (let count = 0; count < 50; count++) client.send("SET", "fill", "x".repeat(1_000));
  await cluster.until(() => cluster.eventsOf("snapshot").length > 0, "a snapshot");
  const before = cluster.eventsOf("snapshot").length;
  for (let count = 0; count < 300; count++) client.send("SET", "fill", "x".repeat(1_000));
  await cluster.until(() => cluster.eventsOf("snapshot").length > before, "another snapshot");
  cluster.kill("n1");
  await cluster.start();
  await cluster.untilLeader();
  const later = cluster.client("n1");
  run(later, id, 1, "INCR", "k");
  run(later, id, 2, "INCR", "k");
  await cluster.until(() => later.isAnswered, "replies");
  expect(later.replies).toEqual([":1\r\n", ":2\r\n"]);
  await cluster.close();
});

test("where there are several shards a session is of one, and says so to keys of another", async () => {
  const cluster = new SimulatedCluster({ node: { shards: 8 } });
  await cluster.start();
  await cluster.untilAllLed();
  const client = cluster.client("n1");
  const ask = async (...words: string[]): Promise<string> => {
    const ticket = client.send(...words);
    await cluster.until(() => client.isAnswered, "a reply");
    return client.replies[ticket] ?? "";
  };
  const session = (...words: string[]): Promise<string> => ask("COTERIE", "SESSION", ...words);
  const idOf = (reply: string): string => reply.split("\r\n")[1] ?? "";
  const id = idOf(await session("OPEN", "KEY", "{a}"));
  const other = idOf(await session("OPEN", "KEY", "{c}"));
  expect(Number.parseInt(id, 10)).not.toBe(Number.parseInt(other, 10));
  expect(await session("RUN", id, "1", "0", "INCR", "{a}k")).toBe(":1\r\n");
  expect(await session("RUN", other, "1", "0", "INCR", "{c}k")).toBe(":1\r\n");
  const elsewhere = /^-CROSSSLOT INCR has a key of another shard than its session: it did not happen/;
  expect(await session("RUN", id, "2", "1", "INCR", "{c}k")).toMatch(elsewhere);
  expect(await session("RUN", id, "2", "1", "MSET", "{a}k", "1", "{c}k", "1")).toMatch(/^-CROSSSLOT MSET needs/);
  expect(await session("RUN", id, "2", "1", "DEL", "{a}k", "{c}k")).toMatch(/^-CROSSSLOT DEL has/);
  expect(await session("RUN", id, "2", "1", "NOSUCH", "{c}k")).toMatch(/^-ERR unknown command/);
  expect(await session("RUN", id, "3", "2", "INCR", "{a}k")).toBe(":2\r\n");
  expect(await session("CLOSE", other)).toBe(":1\r\n");
  expect(await session("RUN", other, "2", "1", "INCR", "{c}k")).toMatch(/^-SESSIONEXPIRED/);
  await cluster.close();
});
