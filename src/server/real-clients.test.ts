/** The clients that Node programs use, against one node in memory: what they send on connect, and what they are used for. */
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Node } from "../cluster/index.ts";
import { createNodePlatform, silentLogger } from "../platform/index.ts";
import { RedisServer } from "./redis-server.ts";

let node: Node;
let server: RedisServer;

async function start(password?: string): Promise<void> {
  const platform = createNodePlatform();
  node = await Node.start({ platform, logger: silentLogger, name: "n1" });
  server = await RedisServer.listen({
    platform,
    logger: silentLogger,
    node,
    host: "127.0.0.1",
    port: 0,
    ...(password === undefined ? {} : { password }),
  });
}

beforeEach(() => start());

afterEach(async () => {
  await server.close();
  await node.close();
});

describe("ioredis", () => {
  let redis: Redis;

  beforeEach(() => {
    redis = new Redis({ port: server.address.port, host: "127.0.0.1" });
  });

  afterEach(() => redis.disconnect());

  test("is ready, and reads what it wrote", async () => {
    expect(await redis.set("greeting", "hello")).toBe("OK");
    expect(await redis.get("greeting")).toBe("hello");
    expect(await redis.getBuffer("greeting")).toEqual(Buffer.from("hello"));
    expect(await redis.incrby("visits", 41)).toBe(41);
    expect(await redis.incr("visits")).toBe(42);
    expect(await redis.mget("greeting", "nosuch", "visits")).toEqual(["hello", null, "42"]);
    expect(await redis.expire("greeting", 100)).toBe(1);
    expect(await redis.ttl("greeting")).toBeGreaterThan(98);
    expect(await redis.del("greeting", "visits")).toBe(2);
  });

  test("a pipeline's replies are its commands' replies, errors among them", async () => {
    const results = await redis.pipeline().set("n", "x").incr("n").get("n").strlen("n").client("ID").echo("e").exec();
    const values = results?.map(([error, value]) => error?.message ?? value);
    expect(values).toEqual(["OK", "ERR value is not an integer or out of range", "x", 1, expect.any(Number), "e"]);
  });

  test("thousands of commands at once are answered each with its own", async () => {
    const count = 5_000;
    await Promise.all(Array.from({ length: count }, (_, n) => redis.set(`key:${n}`, `value:${n}`)));
    const values = await Promise.all(Array.from({ length: count }, (_, n) => redis.get(`key:${n}`)));
    expect(values).toEqual(Array.from({ length: count }, (_, n) => `value:${n}`));
    expect(await redis.dbsize()).toBe(count);
  });

  test("SCAN streams all keys", async () => {
    await redis.mset(Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`scanned:${n}`, "x"])));
    const found = new Set<string>();
    for await (const keys of redis.scanStream({ match: "scanned:*", count: 50 }))
      for (const key of keys as string[]) found.add(key);
    expect(found.size).toBe(300);
  });

  test("binary keys and values are kept as they are", async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await redis.set(bytes, bytes);
    expect(await redis.getBuffer(bytes)).toEqual(bytes);
    await redis.set("", "the empty key");
    expect(await redis.get("")).toBe("the empty key");
  });

  test("RESP2 works as well", async () => {
    const old = new Redis({ port: server.address.port, host: "127.0.0.1", protocol: 2 });
    expect(await old.set("k", "v")).toBe("OK");
    expect(await old.get("nosuch")).toBeNull();
    expect(await old.config("GET", "maxmemory*")).toEqual(expect.arrayContaining(["maxmemory", "0"]));
    old.disconnect();
  });
});

describe("node-redis", () => {
  test("is ready, and reads what it wrote", async () => {
    const client = createClient({ url: `redis://127.0.0.1:${server.address.port}` });
    await client.connect();
    expect(await client.set("greeting", "hello", { EX: 100 })).toBe("OK");
    expect(await client.get("greeting")).toBe("hello");
    expect(await client.ttl("greeting")).toBeGreaterThan(98);
    expect(await client.get("nosuch")).toBeNull();
    const values = await Promise.all(Array.from({ length: 1_000 }, () => client.incr("visits")));
    expect(values).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
    expect((await client.configGet("save")).save).toBe("3600 1 300 100 60 10000");
    await expect(client.sendCommand(["NOSUCH", "x"])).rejects.toThrow(
      "ERR unknown command 'NOSUCH', with args beginning with: 'x' ",
    );
    await client.close();
  });

  test("iterates over keys, asks for what the server knows, and speaks RESP2 as well", async () => {
    const client = createClient({ url: `redis://127.0.0.1:${server.address.port}`, RESP: 2 });
    await client.connect();
    await client.mSet(Array.from({ length: 200 }, (_, n): [string, string] => [`iterated:${n}`, "x".repeat(n)]));
    const found = new Set<string>();
    for await (const keys of client.scanIterator({ MATCH: "iterated:*", COUNT: 30 }))
      for (const key of keys) found.add(key);
    expect(found.size).toBe(200);
    expect(await client.strLen("iterated:199")).toBe(199);
    expect(await client.commandCount()).toBeGreaterThan(50);
    expect(await client.clientId()).toBeGreaterThan(0);
    expect(await client.info("server")).toContain("redis_version:7.0.15");
    await expect(client.multi().set("a", "1").exec()).rejects.toThrow("ERR unknown command 'MULTI'");
    await client.close();
  });

  test("gives the password, and is told when it is wrong", async () => {
    await server.close();
    await node.close();
    await start("sesame");
    const url = (password: string): string => `redis://:${password}@127.0.0.1:${server.address.port}`;
    const client = createClient({ url: url("sesame") });
    await client.connect();
    expect(await client.ping()).toBe("PONG");
    await client.close();
    const wrong = createClient({ url: url("wrong"), socket: { reconnectStrategy: false } });
    wrong.on("error", () => {});
    await expect(wrong.connect()).rejects.toThrow("WRONGPASS");
    wrong.destroy();
  });
});
