import { expect, test } from "vitest";
import { bulk, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster, type SimulatedClusterOptions } from "../../test/cluster/simulated-cluster.ts";

async function started(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(options);
  await cluster.start();
  await cluster.untilLeader();
  return cluster;
}

const tryAgain = /^-TRYAGAIN .* did not happen/;
const uncertain = /^-UNCERTAIN /;

test("a deposed leader tells the truth: what never left it did not happen [O-8]", async () => {
  const cluster = await started();
  const old = await cluster.untilLeader();
  cluster.isolate(old);
  const client = cluster.client(old);
  client.send("SET", "k", "lost");
  client.send("GET", "k");
  const other = cluster.client(await cluster.untilLeader(old));
  other.send("SET", "k", "new");
  await cluster.until(() => other.isAnswered, "a reply");
  expect(client.replies).toEqual([]);
  cluster.world.network.healAll();
  await cluster.until(() => client.isAnswered, "replies", 5_000);
  expect(client.replies[0]).toMatch(tryAgain);
  other.send("GET", "k");
  await cluster.until(() => other.isAnswered, "a reply");
  expect(other.replies[1]).toBe(bulk("new"));
  await cluster.close();
});

test("a deposed leader tells the truth: what its successor had is answered as done [O-8]", async () => {
  let doneCount = 0;
  for (let step = 0; step < 8; step++) {
    const cluster = await started({ seed: 60 + step, network: { tailChance: 0 } });
    const old = await cluster.untilLeader();
    await cluster.world.run(200);
    const client = cluster.client(old);
    client.send("SET", "k", "mine");
    await cluster.world.run(0.15 + step / 20);
    cluster.world.machine(old).pause();
    await cluster.untilLeader(old);
    await cluster.world.run(1_000);
    cluster.world.machine(old).resume();
    await cluster.until(() => client.isAnswered, "a reply", 10_000);
    const reader = cluster.client(cluster.followers[0] as string);
    reader.send("GET", "k");
    await cluster.until(() => reader.isAnswered, "a reply");
    const [reply] = client.replies;
    if (reply === okReply) doneCount++;
    else expect(reply).toMatch(tryAgain);
    expect(reader.replies).toEqual([reply === okReply ? bulk("mine") : "_\r\n"]);
    await cluster.close();
  }
  expect(doneCount).toBeGreaterThan(0);
});

test("a deposed leader tells the truth: nobody has to write for it to learn that its last writes never happen [O-8]", async () => {
  const cluster = await started({ node: { settings: { resolveWaitMs: 60_000 } } });
  const old = await cluster.untilLeader();
  cluster.isolate(old);
  const client = cluster.client(old);
  // Each of them an entry of its own: the successor's log, which ends with its empty entry, is shorter.
  for (let each = 0; each < 3; each++) {
    client.send("SET", "k", "lost");
    await cluster.world.run(5);
  }
  await cluster.untilLeader(old);
  cluster.world.network.healAll();
  await cluster.until(() => client.isAnswered, "replies", 5_000);
  for (const reply of client.replies) expect(reply).toMatch(tryAgain);
  await cluster.close();
});

test("a write is UNCERTAIN only when its fate stays unknown for too long, or its node stops [O-8]", async () => {
  const cluster = await started({ node: { settings: { resolveWaitMs: 2_000, closeWaitMs: 100 } } });
  const old = await cluster.untilLeader();
  cluster.isolate(old);
  const client = cluster.client(old);
  client.send("SET", "k", "1");
  await cluster.until(() => client.isAnswered, "a reply", 10_000);
  expect(client.replies[0]).toMatch(uncertain);
  // It knows by now that it does not lead: this was never proposed.
  client.send("SET", "k", "2");
  await cluster.until(() => client.isAnswered, "a reply", 10_000);
  expect(client.replies[1]).toMatch(/^-CLUSTERDOWN .* did not happen/);
  await cluster.close();
});

test("without a leader commands wait in their order, and for no longer than electionWaitMs", async () => {
  const cluster = new SimulatedCluster();
  await cluster.world.until(cluster.startNode("n1"));
  const client = cluster.client("n1");
  client.send("SET", "k", "1");
  client.send("GET", "k");
  await cluster.world.run(2_900);
  expect(client.replies).toEqual([]);
  await cluster.world.run(300);
  for (const reply of client.replies)
    expect(reply).toMatch(/^-CLUSTERDOWN No leader within 3000 ms: the command did not/);
  expect(client.isAnswered).toBe(true);
  // Others that come in time are carried out, in order.
  for (let each = 0; each < 10; each++) {
    client.send("SET", "k", String(each));
    client.send("GET", "k");
  }
  await cluster.start();
  await cluster.until(() => client.isAnswered, "replies");
  const expected = Array.from({ length: 10 }, (_, each) => [okReply, bulk(String(each))]);
  expect(client.replies.slice(2)).toEqual(expected.flat());
  await cluster.close();
});

test("an election goes by unnoticed: what was not proposed is, by the next leader, in order [R-10]", async () => {
  const cluster = await started();
  const old = await cluster.untilLeader();
  const follower = cluster.followers[0] as string;
  const client = cluster.client(follower);
  await cluster.world.run(500);
  cluster.kill(old);
  for (let each = 0; each < 20; each++) {
    client.send("APPEND", "k", `${each},`);
    await cluster.world.run(10);
  }
  await cluster.until(() => client.isAnswered, "replies");
  const done = client.replies.filter((reply) => reply?.startsWith(":"));
  const unknown = client.replies.filter((reply) => reply !== undefined && uncertain.test(reply));
  expect(done.length + unknown.length).toBe(20);
  expect(unknown.length).toBeLessThan(3);
  client.send("GET", "k");
  await cluster.until(() => client.isAnswered, "a reply");
  const [, text] = (client.replies.at(-1) as string).split("\r\n") as [string, string];
  const found = text.split(",").slice(0, -1).map(Number);
  expect(found).toEqual(found.toSorted((left, right) => left - right));
  expect(found.length).toBeGreaterThanOrEqual(done.length);
  await cluster.close();
});

test("a node alone answers a write only after its own sync [O-2]", async () => {
  const cluster = new SimulatedCluster({ size: 1, machine: { disk: { syncMs: 50, tailChance: 0 } } });
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(500);
  for (let each = 0; each < 10; each++) {
    const client = cluster.client("n1");
    client.send("SET", "k", String(each));
    await cluster.until(() => client.isAnswered, "a reply", 2_000);
    cluster.world.machine("n1").cutPower("everything");
    await cluster.start();
    const reader = cluster.client("n1");
    reader.send("GET", "k");
    await cluster.until(() => reader.isAnswered, "a reply", 5_000);
    expect(reader.replies).toEqual([bulk(String(each))]);
  }
  await cluster.close();
});

test("many commands of a turn are one entry, and several batches are under way at a time", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const before = cluster.status(leader).lastIndex;
  const clients = Array.from({ length: 50 }, () => cluster.client(leader));
  for (const client of clients) for (let each = 0; each < 16; each++) client.send("INCR", "k");
  await cluster.until(() => clients.every((client) => client.isAnswered), "replies");
  expect(cluster.status(leader).lastIndex - before).toBe(1);
  expect(new Set(clients.flatMap((client) => client.replies)).size).toBe(800);
  await cluster.close();
});

test("a large value goes in pieces, and small ones do not wait behind it", async () => {
  const cluster = await started({ machine: { disk: { mebibyteMs: 20 } } });
  const value = "v".repeat(5 << 20);
  for (const name of cluster.names) {
    const large = cluster.client(name);
    const small = cluster.client(name);
    large.send("SET", "large", `${name}${value}`);
    large.send("STRLEN", "large");
    const startMs = cluster.world.nowMs;
    let slowestMs = 0;
    while (!large.isAnswered && cluster.world.nowMs - startMs < 20_000) {
      const sentMs = cluster.world.nowMs;
      small.send("SET", "small", "x");
      await cluster.until(() => small.isAnswered, "a small reply");
      slowestMs = Math.max(slowestMs, cluster.world.nowMs - sentMs);
    }
    const totalMs = cluster.world.nowMs - startMs;
    expect(large.replies).toEqual([okReply, `:${value.length + 2}\r\n`]);
    expect(slowestMs).toBeLessThan(totalMs / 2);
    const reader = cluster.client(name);
    reader.send("GETRANGE", "large", "0", "1");
    reader.send("GET", "large");
    reader.send("GET", "small");
    await cluster.until(() => reader.isAnswered, "replies");
    expect([reader.replies[0], reader.replies[2]]).toEqual([bulk(name), bulk("x")]);
    expect(reader.replies[1]).toBe(bulk(`${name}${value}`));
  }
  await cluster.untilEqual();
  await cluster.close();
});

test("a large value whose leader dies on the way happens whole or not at all [O-8]", async () => {
  for (let step = 0; step < 4; step++) {
    const cluster = await started({ seed: 80 + step, machine: { disk: { mebibyteMs: 20 } } });
    const old = await cluster.untilLeader();
    const client = cluster.client(cluster.followers[0] as string);
    client.send("SET", "k", "v".repeat(4 << 20));
    client.send("STRLEN", "k");
    await cluster.world.run(20 + step * 40);
    cluster.kill(old);
    await cluster.until(() => client.isAnswered, "replies");
    const reader = cluster.client(cluster.followers[0] as string);
    reader.send("STRLEN", "k");
    reader.send("SET", "l", "w".repeat(1 << 20));
    reader.send("STRLEN", "l");
    await cluster.until(() => reader.isAnswered, "replies");
    expect([":0\r\n", `:${4 << 20}\r\n`]).toContain(reader.replies[0]);
    if (client.replies[0] === okReply) expect(reader.replies[0]).toBe(`:${4 << 20}\r\n`);
    expect(reader.replies.slice(1)).toEqual([okReply, `:${1 << 20}\r\n`]);
    await cluster.close();
  }
});

test("a command above commandBytesMax is refused before it is proposed, wherever it is sent", async () => {
  const cluster = await started({ node: { settings: { commandBytesMax: 1 << 20 } } });
  const clients = cluster.names.map((name) => cluster.client(name));
  for (const client of clients) {
    client.send("SET", "k", "x".repeat(1 << 20));
    client.send("SET", "k", "small");
    client.send("GET", "k");
  }
  await cluster.until(() => clients.every((client) => client.isAnswered), "replies");
  for (const client of clients) {
    expect(client.replies[0]).toMatch(
      /^-ERR A command of 1048580 bytes is above commandBytesMax \(1048576\): it did not/,
    );
    expect(client.replies.slice(1)).toEqual([okReply, bulk("small")]);
  }
  await cluster.close();
});

test("queues are bounded: streams are paused, then refused, and nothing accepted is lost [H-6]", async () => {
  const settings = { queuedCommandsMax: 1_000, batchCommandsMax: 100 };
  const cluster = await started({ node: { settings } });
  const leader = await cluster.untilLeader();
  cluster.isolate(leader);
  const client = cluster.client(leader);
  for (let each = 0; each < 3_000; each++) client.send("INCR", "k");
  expect(client.stream.isPaused).toBe(true);
  const refused = client.replies.filter((reply) => reply !== undefined && tryAgain.test(reply)).length;
  expect(refused).toBeGreaterThan(500);
  cluster.world.network.healAll();
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.resumedCount).toBeGreaterThan(0);
  const done = client.replies.filter((reply) => reply?.startsWith(":")).length;
  expect(done).toBe(3_000 - refused);
  client.send("GET", "k");
  await cluster.until(() => client.isAnswered, "a reply");
  expect(client.replies.at(-1)).toBe(bulk(String(done)));
  await cluster.close();
});

test("WAIT counts the other replicas that hold the write on their disks", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const [follower, last] = cluster.followers as [string, string];
  for (const name of [leader, follower]) {
    const client = cluster.client(name);
    client.send("SET", "k", name);
    const both = client.wait(2, 0);
    await cluster.until(() => client.isAnswered, "replies");
    expect(client.replies[both]).toBe(":2\r\n");
    cluster.kill(last);
    client.send("SET", "k", "again");
    const one = client.wait(1, 0);
    const late = client.wait(2, 300);
    const beforeMs = cluster.world.nowMs;
    await cluster.until(() => client.isAnswered, "replies");
    expect(cluster.world.nowMs - beforeMs).toBeGreaterThan(299);
    expect([client.replies[one], client.replies[late]]).toEqual([":1\r\n", ":1\r\n"]);
    await cluster.start();
    await cluster.untilEqual();
  }
  await cluster.close();
});
