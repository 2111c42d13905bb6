import { afterEach, expect, test } from "vitest";
import { Opened } from "../../test/server/clients.ts";
import type { RawClient } from "../../test/server/raw-client.ts";
import { JoinAsking, type JoinGrant, type JoinRequest } from "../cluster/index.ts";
import { createNodePlatform } from "../platform/index.ts";
import { ErrorReply, ok, type Reply } from "../resp/index.ts";

const opened = new Opened();

afterEach(() => opened.close());

const { random } = createNodePlatform();
const request: JoinRequest = {
  directoryId: "4".repeat(32),
  name: "n4",
  peerAddress: { host: "127.0.0.1", port: 17_004 },
  zone: "",
  weight: 100,
  clusterId: undefined,
};

async function grantFor({ directoryId, name, peerAddress }: JoinRequest): Promise<JoinGrant> {
  const joined = { id: 2, name, state: "joining", directoryId, peerAddress } as const;
  const first = { id: 1, name: "n1", state: "active", directoryId: undefined, peerAddress: undefined } as const;
  const cluster = { clusterId: "c".repeat(32), names: ["n1"], shardCount: 1, replicaCount: 3 };
  return { ...cluster, nodeId: 2, members: [first, joined] };
}

async function run(client: RawClient, words: readonly string[]): Promise<Reply> {
  return (await client.run(...words)) ?? null;
}

async function join(client: RawClient, secret = "the cluster's secret"): Promise<JoinGrant> {
  const asking = new JoinAsking({ secret, random, where: "n1" });
  const greeting = await run(client, asking.hello());
  return asking.grant(await run(client, asking.request(greeting, request)));
}

test("a node joins over the Redis port, without the password, and neither MONITOR nor SLOWLOG shows how", async () => {
  const served = await opened.start({ password: "sesame" });
  served.node.admit = grantFor;
  const monitor = await opened.connect(served);
  expect([await monitor.run("AUTH", "sesame"), await monitor.run("MONITOR")]).toEqual([ok, ok]);
  const operator = await opened.connect(served);
  await operator.run("AUTH", "sesame");
  await operator.run("CONFIG", "SET", "slowlog-log-slower-than", "0");
  expect(await join(await opened.connect(served))).toMatchObject({ nodeId: 2, names: ["n1"] });
  const slow = JSON.stringify(await operator.run("SLOWLOG", "GET", "100"));
  await operator.run("PING");
  await expect.poll(() => monitor.received).toMatch(/PING/i);
  expect(slow).toMatch(/CONFIG/i);
  expect(`${slow}${monitor.received}`).not.toMatch(/JOIN|HELLO|REQUEST/i);
});

test("where the cluster has no secret, the password is asked for", async () => {
  const served = await opened.start({ password: "sesame" });
  served.node.secret = undefined;
  const client = await opened.connect(served);
  const hello = ["COTERIE", "JOIN", "HELLO", "1", "0".repeat(64)];
  expect(await client.run(...hello)).toEqual(new ErrorReply("NOAUTH Authentication required."));
  await client.run("AUTH", "sesame");
  expect(String(await client.run(...hello))).toMatch(/^\{"nonce":"[0-9a-f]{64}","openNames":\["n1"\]\}$/);
});

test("each connection has an exchange of its own", async () => {
  const served = await opened.start();
  served.node.admit = grantFor;
  const [one, other] = [await opened.connect(served), await opened.connect(served)];
  const asking = new JoinAsking({ secret: "the cluster's secret", random, where: "n1" });
  const words = asking.request(await run(one, asking.hello()), request);
  const refusals = [await other.run(...words), await one.run(...words), await one.run(...words)];
  expect(refusals.map((reply) => reply instanceof ErrorReply)).toEqual([true, false, true]);
});

test.for<{ words: readonly string[]; text: RegExp }>([
  { words: ["HELLO", "1", "short"], text: /^ERR COTERIE JOIN is for nodes that join/ },
  { words: ["HELLO", "9", "0".repeat(64)], text: /^WRONG_VERSION / },
  { words: ["REQUEST", "{}", "0".repeat(64)], text: /^ERR COTERIE JOIN is for nodes that join/ },
  { words: ["NOSUCH", "1", "2"], text: /^ERR syntax error/ },
  { words: ["HELLO", "1", "2", "3"], text: /^ERR wrong number of arguments/ },
  { words: ["HELLO", "1"], text: /^ERR wrong number of arguments/ },
])("what makes no sense is refused: $words", async ({ words, text }) => {
  const client = await opened.connect(await opened.start());
  const reply = await client.run("COTERIE", "JOIN", ...words);
  expect(reply instanceof ErrorReply ? reply.text : reply).toMatch(text);
});
