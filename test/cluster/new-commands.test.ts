/** Commands of which the data's semantics level knows nothing yet: some are planted among the others. */
import { afterEach, expect, test, vi } from "vitest";
import { bulk, type Client, okReply } from "./client.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

vi.mock("../../src/keyspace/string-set.ts", async (importOriginal) => {
  const original: typeof import("../../src/keyspace/string-set.ts") = await importOriginal();
  const { stringSetCommands } = original;
  const planted = ["GET", "SET"].flatMap((name) => {
    const spec = stringSetCommands.find((each) => each.name === name);
    return spec === undefined ? [] : [{ ...spec, name: `NEW${name}`, semanticsLevel: 2 }];
  });
  return { ...original, stringSetCommands: [...stringSetCommands, ...planted] };
});

let cluster: SimulatedCluster;

afterEach(async () => {
  await cluster.close();
});

async function started(): Promise<void> {
  cluster = new SimulatedCluster({ node: { settings: { semanticsLevelMax: 2 } } });
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(200);
}

async function ask(client: Client, ...words: string[]): Promise<string> {
  const ticket = client.send(...words);
  await cluster.until(() => client.replies[ticket] !== undefined, "a reply");
  return client.replies[ticket] as string;
}

const refusal =
  /^-NOTUPGRADED NEW[GS]ET is of semantics level 2, and its shard is at level 1: it did not happen\. .*finish-upgrade/;

test("a command of a newer version is refused until the upgrade is finished, wherever it is called [A-2]", async () => {
  await started();
  const leader = await cluster.untilLeader();
  const clients = [leader, ...cluster.followers].map((name) => cluster.client(name));
  const sessions: string[] = [];
  for (const client of clients) {
    const id = (await ask(client, "COTERIE", "SESSION", "OPEN")).split("\r\n")[1] as string;
    sessions.push(id);
    const { lastIndex } = cluster.status(leader);
    expect(await ask(client, "NEWSET", "k", "v")).toMatch(refusal);
    expect(await ask(client, "NEWGET", "k")).toMatch(refusal);
    // Nothing of it came into the log.
    expect(cluster.status(leader).lastIndex).toBe(lastIndex);
    const run = (sequence: number, ...words: string[]): Promise<string> =>
      ask(client, "COTERIE", "SESSION", "RUN", id, String(sequence), "0", ...words);
    expect(await run(1, "NEWSET", "k", "v")).toMatch(refusal);
    // As any other reply it uses the number up.
    expect(await run(2, "SET", "other", "v")).toBe(okReply);
    expect(await ask(client, "GET", "k")).toBe("_\r\n");
  }
  expect(await cluster.world.until(cluster.node("n2").finishUpgrade())).toBe(2);
  for (const [at, client] of clients.entries()) {
    const run = (sequence: number, ...words: string[]): Promise<string> =>
      ask(client, "COTERIE", "SESSION", "RUN", sessions[at] as string, String(sequence), "0", ...words);
    expect(await run(1, "NEWSET", "k", "v")).toMatch(refusal);
    expect(await run(3, "NEWSET", "k", `s${at}`)).toBe(okReply);
    expect(await ask(client, "NEWGET", "k")).toBe(bulk(`s${at}`));
    expect(await ask(client, "NEWSET", "k", "v")).toBe(okReply);
  }
  await cluster.untilEqual();
  expect(cluster.digests(1).map(({ length }) => length)).toEqual([1]);
});

test("a leader that has not applied yet that the upgrade is finished refuses for now, not for good [A-2]", async () => {
  await started();
  const leader = await cluster.untilLeader();
  const clients = cluster.followers.map((name) => cluster.client(name));
  const ids: string[] = [];
  for (const client of clients) ids.push((await ask(client, "COTERIE", "SESSION", "OPEN")).split("\r\n")[1] as string);
  await cluster.world.run(500);
  expect(await cluster.world.until(cluster.node(leader).finishUpgrade())).toBe(2);
  // Nobody has told the followers yet that the entry is committed.
  const levels = cluster.followers.map((name) => cluster.status(name).semanticsLevel);
  expect(levels).toEqual([1, 1]);
  cluster.kill(leader);
  await cluster.world.run(20);
  // They wait for a leader, and reach it as soon as there is one.
  for (const [at, client] of clients.entries()) {
    client.send("NEWSET", "k", "v");
    client.send("COTERIE", "SESSION", "RUN", ids[at] as string, "1", "0", "NEWSET", "k", "v");
  }
  await cluster.until(() => clients.every(({ isAnswered }) => isAnswered), "replies");
  const replies = clients.flatMap(({ replies: all }) => all.slice(1));
  const expected = /^(\+OK|-TRYAGAIN The leader is new.* it did not happen.*)\r\n$/;
  for (const reply of replies) expect(reply).toMatch(expected);
  expect(replies.some((reply) => reply?.startsWith("-TRYAGAIN"))).toBe(true);
  await cluster.world.run(200);
  for (const [at, client] of clients.entries()) {
    expect(await ask(client, "NEWSET", "k", "v")).toBe(okReply);
    expect(await ask(client, "COTERIE", "SESSION", "RUN", ids[at] as string, "1", "0", "NEWSET", "k", "v")).toBe(
      okReply,
    );
  }
});
