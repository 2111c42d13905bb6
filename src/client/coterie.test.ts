import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Coterie, type CoterieOptions } from "./coterie.ts";

let folder = "";
let stores: Coterie[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "coterie-embedded-"));
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
});

async function start(options: CoterieOptions): Promise<Coterie> {
  const store = await Coterie.start(options);
  stores.push(store);
  return store;
}

/** What a client at `url` is answered to inline commands. */
function answer(url: string | undefined, text: string, length: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url ?? "").port), "127.0.0.1");
    let got = "";
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      got += chunk.toString("latin1");
      if (got.length < length) return;
      socket.destroy();
      resolve(got);
    });
    socket.write(text);
  });
}

test("commands are answered with JavaScript values", async () => {
  const store = await start({ memory: true });
  expect(await store.command("SET", "clé", "naïve €")).toBe("OK");
  expect(await store.command("GET", "clé")).toBe("naïve €");
  expect(await store.command("GET", "nothing")).toBeNull();
  expect(await store.command("INCRBY", "count", 2n ** 62n)).toBe(2n ** 62n);
  expect(await store.command("INCRBY", "other", 41)).toBe(41);
  expect(await store.command("MGET", "clé", "nothing")).toEqual(["naïve €", null]);
  expect(await store.command("CONFIG", "GET", "maxmemory")).toEqual(new Map([["maxmemory", "0"]]));
});

test("bytes go in and come out as they are", async () => {
  const store = await start({ memory: true });
  const bytes = new Uint8Array([0, 255, 13, 10, 128]);
  await store.command("SET", bytes, bytes);
  expect(await store.commandBytes("GET", bytes)).toEqual(bytes);
  expect(await store.commandBytes("MGET", bytes, "nothing")).toEqual([bytes, null]);
});

test("an error reply rejects with its code and outcome", async () => {
  const store = await start({ memory: true });
  await store.command("SET", "text", "a");
  await expect(store.command("INCR", "text")).rejects.toMatchObject({
    name: "CommandError",
    code: "ERR",
    outcome: "notApplied",
    message: "ERR value is not an integer or out of range",
  });
  await expect(store.command("NONSENSE")).rejects.toMatchObject({
    message: expect.stringMatching(/^ERR unknown command/),
  });
});

test("commands take effect in the order in which they were issued", async () => {
  const store = await start({ memory: true });
  const replies = await Promise.all([
    store.command("SET", "a", "1"),
    store.command("GET", "a"),
    store.command("INCR", "a"),
    store.command("GET", "a"),
    store.command("PING"),
    store.command("DEL", "a"),
    store.command("GET", "a"),
  ]);
  expect(replies).toEqual(["OK", "1", 2, "2", "PONG", 1, null]);
});

test("what was written is there after the next start", async () => {
  const dir = join(folder, "deep", "data");
  const first = await start({ dir });
  await first.command("SET", "hello", "world");
  await first.close();
  const second = await start({ dir });
  expect(await second.command("GET", "hello")).toBe("world");
});

test("every store has an id of its own", async () => {
  const ids = [];
  for (const dir of [join(folder, "a"), join(folder, "b")]) {
    const store = await start({ dir });
    await store.close();
    ids.push(JSON.parse(readFileSync(join(dir, "node.json"), "utf8")).clusterId);
  }
  expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(ids[1]).not.toBe(ids[0]);
});

test("a directory is used by one store at a time", async () => {
  await start({ dir: folder });
  await expect(Coterie.start({ dir: folder })).rejects.toMatchObject({ code: "DIRECTORY_IN_USE" });
});

test("there is a port only where one is asked for", async () => {
  const closed = await start({ memory: true });
  expect(closed.url).toBeUndefined();
  const open = await start({ memory: true, port: 0 });
  expect(open.url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
  await open.command("SET", "hello", "world");
  expect(await answer(open.url, "GET hello\r\n", 11)).toBe("$5\r\nworld\r\n");
});

test("a password is asked of clients, not of the program", async () => {
  const store = await start({ memory: true, port: 0, password: "pâss word" });
  expect(await store.command("PING")).toBe("PONG");
  expect(await answer(store.url, "PING\r\n", 34)).toBe("-NOAUTH Authentication required.\r\n");
  expect(await answer(store.url, 'AUTH "pâss word"\r\n', 5)).toBe("+OK\r\n");
});

test("a port that is in use is refused, and the directory is free again", async () => {
  const first = await start({ memory: true, port: 0 });
  const port = Number(new URL(first.url ?? "").port);
  await expect(Coterie.start({ dir: folder, port })).rejects.toMatchObject({ code: "LISTEN_FAILED" });
  await start({ dir: folder });
});

test("close waits for what is under way, refuses what comes after, and may be called again", async () => {
  const store = await start({ dir: folder });
  const replies = [store.command("SET", "a", "1"), store.command("INCR", "a")];
  const closing = store.close();
  await expect(store.command("INCR", "a")).rejects.toMatchObject({ code: "STORE_CLOSED", outcome: "notApplied" });
  expect(await Promise.all(replies)).toEqual(["OK", 2]);
  await closing;
  await store.close();
  const again = await start({ dir: folder });
  expect(await again.command("GET", "a")).toBe("2");
});

test("a store may have several shards, from its first start on", async () => {
  const first = await start({ dir: folder, shards: 4 });
  for (let at = 0; at < 20; at++) await first.command("SET", `key ${at}`, at);
  expect(await first.command("DBSIZE")).toBe(20);
  expect(await first.command("MGET", "key 3", "key 17", "key 9")).toEqual(["3", "17", "9"]);
  await expect(first.command("MSET", "key 3", 1, "key 9", 2)).rejects.toMatchObject({ code: "CROSSSLOT" });
  await first.close();
  await expect(Coterie.start({ dir: folder, shards: 2 })).rejects.toMatchObject({ code: "IDENTITY" });
  const again = await start({ dir: folder });
  expect(await again.command("DBSIZE")).toBe(20);
});

test("await using closes the store", async () => {
  {
    await using store = await Coterie.start({ dir: folder });
    await store.command("SET", "a", "1");
  }
  const again = await start({ dir: folder });
  expect(await again.command("GET", "a")).toBe("1");
});

test.for([["SUBSCRIBE", "news"], ["hello", "2"], ["MULTI"], ["client", "reply", "off"], ["SHUTDOWN"]] as const)(
  "%s, which all callers would feel, is refused",
  async ([name, ...words]) => {
    const store = await start({ memory: true });
    await expect(store.command(name, ...words)).rejects.toMatchObject({ code: "COMMAND_NOT_EMBEDDED" });
    expect(await store.command("PING")).toBe("PONG");
  },
);

test("a connection that was killed is made again", async () => {
  const store = await start({ memory: true });
  const id = await store.command("CLIENT", "ID");
  await store.command("CLIENT", "KILL", "ID", Number(id), "SKIPME", "no").catch(() => {});
  expect(await store.command("PING")).toBe("PONG");
  expect(await store.command("CLIENT", "ID")).not.toBe(id);
});

test.for<{ options: CoterieOptions; text: string }>([
  { options: {}, text: "takes either dir (where the data is kept) or memory: true" },
  { options: { dir: "x", memory: true }, text: "takes either dir" },
  { options: { dir: "" }, text: "dir is empty" },
  {
    options: { memory: true, port: 65_536 },
    text: "port is a whole number from 0 (any free one) to 65535, not 65536.",
  },
  { options: { memory: true, port: 1.5 }, text: "not 1.5." },
  { options: { memory: true, shards: 0 }, text: "shards is a whole number from 1 to 1024, not 0." },
  { options: { memory: true, password: "" }, text: "password is empty" },
])("refused: $text", async ({ options, text }) => {
  await expect(Coterie.start(options)).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringContaining(text),
  });
});

test("a thousand commands at once, and values larger than any chunk, come back whole", async () => {
  const store = await start({ memory: true });
  const large = "x".repeat(3_000_000);
  await store.command("SET", "large", large);
  const replies = await Promise.all(
    Array.from({ length: 1_000 }, (_, at) => store.command("SETRANGE", `key ${at}`, 0, `${at}`)),
  );
  expect(replies).toEqual(Array.from({ length: 1_000 }, (_, at) => String(at).length));
  expect(await store.command("GET", "large")).toBe(large);
});
