import { expect, test } from "vitest";
import { bulk, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";

async function started(options: ConstructorParameters<typeof SimulatedCluster>[0] = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(options);
  await cluster.start();
  await cluster.untilLeader();
  return cluster;
}

test("a read right behind a write of its connection sees just that write, on the leader and elsewhere [R-9]", async () => {
  const cluster = await started();
  const clients = cluster.names.map((name) => cluster.client(name));
  for (const [at, client] of clients.entries()) {
    for (let each = 0; each < 50; each++) {
      client.send("SET", `k${at}`, String(each));
      client.send("GET", `k${at}`);
      client.send("STRLEN", `k${at}`);
    }
    client.send("GET", `k${at}`);
  }
  await cluster.until(() => clients.every((client) => client.isAnswered), "replies", 2_000);
  const expected = Array.from({ length: 50 }, (_, each) => [
    okReply,
    bulk(String(each)),
    `:${String(each).length}\r\n`,
  ]);
  for (const client of clients) expect(client.replies).toEqual([...expected.flat(), bulk("49")]);
  await cluster.close();
});

test("a read that came before a write of its connection does not see it, however they overlap [R-9]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const client = cluster.client(leader);
  client.send("SET", "k", "0");
  await cluster.until(() => client.isAnswered, "a reply");
  for (let each = 1; each <= 40; each++) {
    client.send("GET", "k");
    client.send("GET", "k");
    // Now and then the round of the reads is under way when the write comes.
    if (each % 3 === 0) await cluster.world.run(0.15);
    client.send("SET", "k", String(each));
    if (each % 5 === 0) await cluster.world.run(0.5);
  }
  await cluster.until(() => client.isAnswered, "replies", 2_000);
  const expected = Array.from({ length: 40 }, (_, each) => [bulk(String(each)), bulk(String(each)), okReply]);
  expect(client.replies.slice(1)).toEqual(expected.flat());
  await cluster.close();
});

test("a read behind a write that is under way waits for it, and for a proof that is younger than the read [R-1, R-9]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const client = cluster.client(leader);
  const { disk } = cluster.world.machine(leader);
  for (let each = 0; each < 20; each++) {
    client.send("SET", "k", String(each));
    await cluster.world.run(0.05);
    expect(disk).toBeDefined();
    client.send("GET", "k");
    await cluster.until(() => client.isAnswered, "replies", 1_000);
    expect(client.replies.slice(-2)).toEqual([okReply, bulk(String(each))]);
  }
  await cluster.close();
});

test("of other connections' writes a read sees all that were acknowledged before it came [R-1]", async () => {
  const cluster = await started();
  const writer = cluster.client(cluster.names[0] as string);
  const readers = cluster.names.map((name) => cluster.client(name));
  for (let each = 0; each < 30; each++) {
    writer.send("SET", "k", String(each));
    await cluster.until(() => writer.isAnswered, "a reply", 1_000);
    for (const reader of readers) reader.send("GET", "k");
    await cluster.until(() => readers.every((reader) => reader.isAnswered), "replies", 1_000);
    for (const reader of readers) expect(reader.replies.at(-1)).toBe(bulk(String(each)));
  }
  await cluster.close();
});

test("a follower that falls silent costs reads a few milliseconds, once, whichever of them it is", async () => {
  const cluster = await started({ network: { latencyMs: 0.2, jitterMs: 0.02, tailChance: 0, lossChance: 0 } });
  const leader = await cluster.untilLeader();
  const client = cluster.client(leader);
  const readMs = async (): Promise<number> => {
    const startMs = cluster.world.nowMs;
    client.send("GET", "k");
    while (!client.isAnswered) await cluster.world.run(0.1);
    return cluster.world.nowMs - startMs;
  };
  for (let each = 0; each < 20; each++) await readMs();
  const firsts: number[] = [];
  for (const follower of cluster.names.filter((name) => name !== leader)) {
    cluster.world.machine(follower).pause();
    firsts.push(await readMs());
    for (let each = 0; each < 20; each++) expect(await readMs()).toBeLessThan(2);
    cluster.world.machine(follower).resume();
    await cluster.world.run(500);
  }
  // Only one of them had been asked, and was waited for.
  const slowest = Math.max(...firsts);
  expect(slowest).toBeGreaterThan(3);
  expect(slowest).toBeLessThan(12);
  await cluster.close();
});

test("a leader that stood still while another took over never answers with what was true before [R-5, R-6]", async () => {
  for (const pausedAfterMs of [0, 0.1, 0.2, 0.3, 0.5, 1]) {
    const cluster = await started({ seed: Math.round(pausedAfterMs * 10) + 1 });
    const old = await cluster.untilLeader();
    const client = cluster.client(old);
    client.send("SET", "k", "old");
    await cluster.until(() => client.isAnswered, "a reply");
    // Asked for, and perhaps confirmed, when the process stops.
    const early = client.send("GET", "k");
    if (pausedAfterMs > 0) await cluster.world.run(pausedAfterMs);
    cluster.world.machine(old).pause();
    const other = cluster.client(await cluster.untilLeader(old));
    other.send("SET", "k", "new");
    await cluster.until(() => other.isAnswered, "a reply from the new leader");
    await cluster.world.run(5_000);
    cluster.world.machine(old).resume();
    // The first thing that it hears when it wakes, before any message.
    const late = client.send("GET", "k");
    await cluster.until(() => client.isAnswered, "replies");
    // The early one was asked when "old" was true, so both are right for it; an error is right for none to be sure.
    expect([bulk("old"), bulk("new"), undefined]).toContain(client.replies[early]);
    expect(client.replies[late]).toBe(bulk("new"));
    await cluster.close();
  }
});

test("a read behind a write that was proposed before it takes no old acknowledgement for a proof [R-1, R-6, R-9]", async () => {
  let staleChances = 0;
  for (let step = 0; step < 12; step++) {
    const cluster = await started({ seed: 40 + step, network: { tailChance: 0 } });
    const old = await cluster.untilLeader();
    const client = cluster.client(old);
    client.send("SET", "k", "mine");
    // Somewhere here the followers' acknowledgements have been sent, and wait in the old leader's sockets.
    await cluster.world.run(0.3 + step / 10);
    cluster.world.machine(old).pause();
    const other = cluster.client(await cluster.untilLeader(old));
    other.send("SET", "k", "new");
    await cluster.until(() => other.isAnswered, "a reply from the new leader");
    cluster.world.machine(old).resume();
    if (!client.isAnswered) staleChances++;
    const read = client.send("GET", "k");
    await cluster.until(() => client.isAnswered, "replies");
    expect(client.replies[read]).not.toBe(bulk("mine"));
    await cluster.close();
  }
  expect(staleChances).toBeGreaterThan(3);
});

test("a new leader serves no read before it has committed an entry of its own term [R-2, E-2]", async () => {
  const cluster = await started();
  const first = await cluster.untilLeader();
  const client = cluster.client(first);
  for (let each = 0; each < 20; each++) client.send("SET", `k${each}`, "v");
  await cluster.until(() => client.isAnswered, "replies");
  // All of them stop and come back: nobody knows the commit index any more.
  for (const name of cluster.names) cluster.kill(name);
  await cluster.start();
  const clients = cluster.names.map((name) => cluster.client(name));
  for (const each of clients) for (let key = 0; key < 20; key++) each.send("GET", `k${key}`);
  await cluster.until(() => clients.every((each) => each.isAnswered), "replies");
  for (const each of clients) expect(each.replies).toEqual(new Array(20).fill(bulk("v")));
  await cluster.close();
});

test("a read that meets a key which has just fallen due waits for the entry that says so, in its order [R-9, A-5]", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  for (let each = 0; each < 20; each++) {
    const client = cluster.client(leader);
    client.send("SET", "due", "x", "PX", "50");
    client.send("SET", "other", "0");
    await cluster.until(() => client.isAnswered, "replies");
    await cluster.world.run(49 + each / 4);
    client.send("GET", "due");
    client.send("GET", "other");
    client.send("SET", "other", "1");
    client.send("GET", "other");
    await cluster.until(() => client.isAnswered, "replies");
    expect([bulk("x"), "_\r\n"]).toContain(client.replies[2]);
    expect(client.replies.slice(3)).toEqual([bulk("0"), okReply, bulk("1")]);
  }
  await cluster.close();
});

test("keys fall due although nobody looks at them", async () => {
  const cluster = await started();
  const client = cluster.client(await cluster.untilLeader());
  for (let each = 0; each < 2_500; each++) client.send("SET", `k${each}`, "x", "PX", "300");
  await cluster.until(() => client.isAnswered, "replies");
  await cluster.until(
    () => cluster.names.every((name) => cluster.node(name).keyspace.heldKeyCount === 0),
    "empty keyspaces",
  );
  await cluster.close();
});
