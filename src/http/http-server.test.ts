import { afterEach, describe, expect, test } from "vitest";
import { Node } from "../cluster/index.ts";
import { semanticsLevelMax } from "../keyspace/index.ts";
import { createNodePlatform, silentLogger } from "../platform/index.ts";
import { RedisServer } from "../server/index.ts";
import { healthOf } from "./health.ts";
import { HttpServer } from "./http-server.ts";

const platform = createNodePlatform();
let opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of opened.reverse()) await each.close();
  opened = [];
});

interface Served {
  readonly url: string;
  readonly redis: RedisServer;
}

async function serve(shards = 1, password?: string): Promise<Served> {
  const node = await Node.start({ platform, logger: silentLogger, name: "n1", shards });
  opened.push(node);
  const redis = await RedisServer.listen({ platform, logger: silentLogger, node, host: "127.0.0.1", port: 0 });
  opened.push(redis);
  const figures = (): ReturnType<RedisServer["figures"]> => redis.figures();
  const http = await HttpServer.listen({ logger: silentLogger, node, figures, host: "127.0.0.1", port: 0, password });
  opened.push(http);
  return { url: `http://127.0.0.1:${http.address.port}`, redis };
}

function get(url: string, authorization?: string): Promise<Response> {
  return fetch(url, authorization === undefined ? {} : { headers: { authorization } });
}

describe("over HTTP", () => {
  test("the cluster is JSON", async () => {
    const { url } = await serve(3);
    const response = await get(`${url}/v1/cluster`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const status: unknown = await response.json();
    expect(status).toMatchObject({
      askedNode: "n1",
      shardCount: 3,
      semantics: { nodes: [{ name: "n1", knows: semanticsLevelMax }], isUpgradeFinished: true },
      nodes: [{ name: "n1", status: { groups: [{ group: 1 }, { group: 2 }, { group: 3 }] } }],
      warnings: [],
    });
  });

  test("a node is alive, and ready once every shard has a leader", async () => {
    const { url } = await serve(2);
    expect(await (await get(`${url}/livez`)).text()).toBe("ok\n");
    await expect.poll(async () => (await get(`${url}/readyz`)).status).toBe(200);
    expect(await (await get(`${url}/readyz?verbose`)).text()).toBe("[+]shard 0 ok\n[+]shard 1 ok\n[+]disk ok\nok\n");
  });

  test("metrics are Prometheus' own, and count", async () => {
    const { url } = await serve(2);
    const response = await get(`${url}/metrics`);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).toContain('# TYPE coterie_shard_applied_index gauge\ncoterie_shard_applied_index{shard="0"} ');
    expect(text).toContain("# TYPE coterie_commands_total counter\ncoterie_commands_total 0\n");
    expect(text).toContain("# TYPE coterie_gossip_peers gauge\n");
    expect(text).toContain(`\ncoterie_semantics_level_known ${semanticsLevelMax}\n`);
    expect(text).toContain('\ncoterie_shard_semantics_level{shard="1"} 1\n');
    expect(text).toContain("\ncoterie_directory_warnings 0\n");
    expect(text).toContain("# TYPE coterie_gossip_sent_total counter\n");
    expect(text).toMatch(/coterie_shard_role\{shard="1",role="(leader|follower|candidate|preCandidate)"\} 1/);
    const lines = text.split("\n").filter((line) => line !== "");
    for (const line of lines) expect(line).toMatch(/^(#|coterie_[a-z_]+(\{[^}]*\})? -?[0-9.e+-]+$)/);
  });

  test("what is not there is said, with what is", async () => {
    const { url } = await serve();
    const missing = await get(`${url}/v1/nodes`);
    expect([missing.status, await missing.json()]).toEqual([
      404,
      {
        error: {
          code: "NOT_FOUND",
          message: "There is no /v1/nodes; there is /v1/cluster, /livez, /readyz?verbose, /metrics.",
        },
      },
    ]);
    const posted = await fetch(`${url}/v1/cluster`, { method: "POST" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("with a password only probes go without it", async () => {
    const { url } = await serve(1, Buffer.from("pâss", "utf8").toString("latin1"));
    const basic = (user: string, password: string): string =>
      `Basic ${Buffer.from(`${user}:${password}`, "utf8").toString("base64")}`;
    for (const path of ["/v1/cluster", "/metrics"]) {
      expect((await get(url + path)).status).toBe(401);
      expect((await get(url + path, basic("default", "wrong"))).status).toBe(401);
      expect((await get(url + path, basic("other", "pâss"))).status).toBe(401);
      expect((await get(url + path, "Bearer wrong")).status).toBe(401);
      expect((await get(url + path, basic("default", "pâss"))).status).toBe(200);
    }
    expect((await get(`${url}/livez`)).status).toBe(200);
    expect((await get(`${url}/readyz`)).status).toBeLessThanOrEqual(503);
  });

  test("a port that is in use is refused", async () => {
    const { redis } = await serve();
    const port = redis.address.port;
    const node = { info: () => never(), nodeStatus: () => never(), topology: () => never(), status: () => never() };
    const options = { logger: silentLogger, node, figures: () => never(), host: "127.0.0.1", port };
    await expect(HttpServer.listen(options)).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      address: { host: "127.0.0.1", port },
    });
  });
});

function never(): never {
  throw new Error("not to be asked");
}

test("a node is not ready without a leader or with a stopped replica; a full disk is told and does not count, nor does what is left to an operator", async () => {
  const node = await Node.start({ platform, logger: silentLogger, name: "n1", shards: 3 });
  opened.push(node);
  const status = node.nodeStatus();
  const topology = node.topology();
  const groups = status.groups.map((group, at) => ({
    ...group,
    stoppedBecause: at === 1 ? "entry 7 cannot be read" : null,
  }));
  const led = (leader: number | undefined) => ({
    ...topology,
    shards: topology.shards.map((shard, at) => ({ ...shard, leader: at === 0 ? leader : 1 })),
  });
  // As where it leads the directory.
  const directory = status.directory && { ...status.directory, warnings: ["1 shard has no live majority (2)."] };
  const isFull = { ...status, isDiskFull: true, directory };
  // It has no replica of the last one.
  const here = groups.slice(0, 2);
  expect(healthOf({ nodeStatus: () => ({ ...isFull, groups: here }), topology: () => led(undefined) })).toEqual({
    isReady: false,
    lines: [
      "[-]shard 0 has no leader that is known here",
      "[-]shard 1 its replica here has stopped: entry 7 cannot be read",
      "[+]shard 2 ok",
      "[!]disk is full: writes are refused until there is space",
      "[!]1 shard has no live majority (2).",
    ],
  });
  const ready = groups.map((group) => ({ ...group, stoppedBecause: null }));
  expect(healthOf({ nodeStatus: () => ({ ...isFull, groups: ready }), topology: () => led(1) }).isReady).toBe(true);
});
