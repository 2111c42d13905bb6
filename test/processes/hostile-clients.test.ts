import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ErrorReply, type Reply } from "../../src/resp/index.ts";
import { cleanUp } from "../cli/processes.ts";
import { undisturbed } from "./checking-client.ts";
import { ProcessCluster, type ProcessNode } from "./cluster.ts";
import { encodeCommand, RespClient } from "./resp-client.ts";

const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await cleanUp();
});

const mebibyte = 1_048_576;
/** Wide, since the machine that runs the tests may be busy with other ones; a node that hangs takes longer. */
const latencyMaxMs = 5_000;

async function connected(port: number): Promise<RespClient> {
  const client = await RespClient.connect(port);
  sockets.push(client.socket);
  return client;
}

/** All that comes back to `bytes` until the node ends the connection. */
function answerTo(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    sockets.push(socket);
    let answer = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      answer += text;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
    socket.write(bytes, "latin1");
  });
}

async function residentBytes(cluster: ProcessCluster, node: ProcessNode): Promise<number> {
  const { nodes } = await cluster.status(node);
  return nodes.find(({ name }) => name === node.name)?.status?.residentBytes ?? Number.NaN;
}

async function logBytes(cluster: ProcessCluster): Promise<number> {
  const { nodes } = await cluster.status(cluster.nodes[0]);
  return Math.max(...nodes.map(({ status }) => status?.logBytes ?? Number.NaN));
}

function errorOf(reply: Reply | undefined): string | undefined {
  return reply instanceof ErrorReply ? reply.text : undefined;
}

/** No node crashed, and all hold the same. */
async function expectHealth(cluster: ProcessCluster): Promise<void> {
  expect(cluster.nodes.map(({ isRunning }) => isRunning)).toEqual([true, true, true]);
  for (const digests of await cluster.digests()) expect(new Set(digests).size).toBe(1);
}

test("malformed protocol, unknown commands, wrong arity, binary and empty keys get proper answers", async () => {
  const cluster = await ProcessCluster.start();
  const port = cluster.ports[0] ?? 0;
  const latencyMs = await undisturbed(cluster.ports, async () => {
    const malformed: readonly [bytes: string, answer: RegExp][] = [
      ["*1\r\n:5\r\n", /^-ERR Protocol error: expected '\$', got ':'\r\n$/],
      ["*x\r\n", /^-ERR Protocol error: invalid multibulk length\r\n$/],
      ["*2000000000\r\n", /^-ERR Protocol error: invalid multibulk length\r\n$/],
      ["*1\r\n$-5\r\n", /^-ERR Protocol error: invalid bulk length\r\n$/],
      ["*1\r\n$99999999999\r\n", /^-ERR Protocol error: invalid bulk length\r\n$/],
      ['SET "unbalanced\r\n', /^-ERR Protocol error: unbalanced quotes in request\r\n$/],
      ["x".repeat(70_000), /^-ERR Protocol error: too big inline request\r\n$/],
      // What came before the mistake is answered first.
      [`${encodeCommand(["PING"])}*1\r\n!\r\n`, /^\+PONG\r\n-ERR Protocol error: [^\r]*\r\n$/],
    ];
    const answers = await Promise.all(malformed.map(([bytes]) => answerTo(port, bytes)));
    for (const [at, [, answer]] of malformed.entries()) expect(answers[at]).toMatch(answer);

    const client = await connected(port);
    const key = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join("");
    const replies = await Promise.all(
      client.pipeline([
        ["NOSUCHCOMMAND", "a"],
        ["\0\r\n\xff", "a"],
        ["GET"],
        ["SET", "a"],
        ["GET", "a", "b"],
        ["SET", key, key],
        ["GET", key],
        ["SET", "", ""],
        ["GET", ""],
        ["EXISTS", "", key],
        ["INCR", key],
      ]),
    );
    expect(errorOf(replies[0])).toMatch(/^ERR unknown command 'NOSUCHCOMMAND'/);
    expect(errorOf(replies[1])).toMatch(/^ERR unknown command/);
    for (const reply of replies.slice(2, 5)) expect(errorOf(reply)).toMatch(/^ERR wrong number of arguments/);
    expect(replies.slice(5, 10)).toMatchObject([{ text: "OK" }, key, { text: "OK" }, "", 2]);
    expect(errorOf(replies[10])).toBe("ERR value is not an integer or out of range");
  });
  expect(latencyMs).toBeLessThan(latencyMaxMs);
  await expectHealth(cluster);
}, 120_000);

test("clients that leave in the middle of a command, a thousand times, disturb nobody and write nothing", async () => {
  const cluster = await ProcessCluster.start();
  const port = cluster.ports[0] ?? 0;
  const whole = encodeCommand(["SET", "torn", "x".repeat(1_000)]);
  await undisturbed(cluster.ports, async () => {
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 50 }, async (_, place) => {
          const client = await connected(port);
          const cut = 1 + ((round * 50 + place) % (whole.length - 1));
          await new Promise((resolve) => client.socket.write(whole.slice(0, cut), "latin1", resolve));
          if (place % 2 === 0) client.socket.resetAndDestroy();
          else client.socket.end();
          await client.reply();
        }),
      );
    }
  });
  const client = await connected(port);
  expect(await client.request("EXISTS", "torn")).toBe(0);
  await expectHealth(cluster);
}, 120_000);

test("values of 100 MB are refused before they are proposed, and disturb nobody", async () => {
  const cluster = await ProcessCluster.start();
  const leader = await cluster.leader();
  const logBefore = await logBytes(cluster);
  const memoryBefore = await residentBytes(cluster, leader);
  let memoryPeak = 0;
  const chunk = Buffer.alloc(mebibyte, "x");
  const latencyMs = await undisturbed(cluster.ports, async () => {
    for (let round = 0; round < 2; round++) {
      const client = await connected(leader.port);
      const reply = client.reply();
      client.socket.write(`*3\r\n$3\r\nSET\r\n$4\r\nhuge\r\n$${100 * mebibyte}\r\n`);
      for (let sent = 0; sent < 100; sent++) {
        if (!client.socket.write(chunk)) await once(client.socket, "drain");
        if (sent % 20 === 0) memoryPeak = Math.max(memoryPeak, await residentBytes(cluster, leader));
      }
      client.socket.write("\r\n");
      expect(errorOf(await reply)).toMatch(/^ERR A command is larger than commandBytesMax/);
      expect(await client.request("EXISTS", "huge")).toBe(0);
      client.close();
    }
  });
  expect(latencyMs).toBeLessThan(latencyMaxMs);
  expect(memoryPeak - memoryBefore).toBeLessThan(100 * mebibyte);
  expect((await logBytes(cluster)) - logBefore).toBeLessThan(50 * mebibyte);
  await expectHealth(cluster);
}, 120_000);

/** What a client asks for that then reads nothing: 266 MiB in all, in order to be checked later. */
const unreadCount = 400;

function wordsOfUnread(at: number): readonly string[] {
  return [
    ["GET", "big"],
    ["GETRANGE", "grown", "0", "-1"],
    ["ECHO", String(at)],
  ][at % 3] as readonly string[];
}

function unreadReplies(client: RespClient, value: string): () => Promise<void> {
  client.socket.pause();
  const replies = client.pipeline(Array.from({ length: unreadCount }, (_, at) => wordsOfUnread(at)));
  return async () => {
    client.socket.resume();
    for (const [at, reply] of (await Promise.all(replies)).entries()) {
      if (reply !== (at % 3 === 2 ? String(at) : value)) throw new Error(`reply ${at} is another one`);
    }
  };
}

/** Clients that ask the nodes for their memory. */
class MemoryWatch {
  readonly #observers: readonly RespClient[];
  readonly #before: readonly number[];

  private constructor(observers: readonly RespClient[], before: readonly number[]) {
    this.#observers = observers;
    this.#before = before;
  }

  static async start(cluster: ProcessCluster): Promise<MemoryWatch> {
    const observers = await Promise.all(cluster.ports.map(connected));
    return new MemoryWatch(observers, await Promise.all(observers.map(residentBytesOf)));
  }

  /** The most that any node takes above what it took at first, looked at `rounds` times. */
  async growth(rounds: number): Promise<number> {
    let growth = 0;
    for (let round = 0; round < rounds; round++) {
      const now = await Promise.all(this.#observers.map(residentBytesOf));
      growth = Math.max(growth, ...now.map((bytes, at) => bytes - (this.#before[at] ?? 0)));
    }
    return growth;
  }
}

async function residentBytesOf(client: RespClient): Promise<number> {
  const text = String(await client.request("INFO", "memory"));
  return Number(/^used_memory_rss:(\d+)/m.exec(text)?.[1]);
}

test.for([
  { role: "the leader", growthMax: 128 * mebibyte },
  // A reply that is on its way to each of them is here as a whole.
  { role: "a follower", growthMax: 256 * mebibyte },
])(
  "clients of $role that never read are not served further until they do, and get each reply",
  { timeout: 120_000 },
  async (given) => {
    const cluster = await ProcessCluster.start();
    const leader = await cluster.leader();
    const node = given.role === "the leader" ? leader : (cluster.others(leader)[0] as ProcessNode);
    const value = "v".repeat(mebibyte);
    await (await connected(node.port)).request("SET", "big", value);
    // What was written in parts is kept in another form.
    for (let part = 0; part < 4; part++)
      await (await connected(node.port)).request("APPEND", "grown", value.slice(0, mebibyte / 4));
    const memory = await MemoryWatch.start(cluster);
    const latencyMs = await undisturbed(cluster.ports, async () => {
      const first = await connected(node.port);
      const check = unreadReplies(first, value);
      expect(await memory.growth(50)).toBeLessThan(128 * mebibyte);
      // More of them, and one that sends without an end: sooner or later the node takes no more from it.
      const more = await Promise.all(Array.from({ length: 63 }, () => connected(node.port)));
      for (const client of more) unreadReplies(client, value);
      const flood = await connected(node.port);
      flood.socket.pause();
      const echoes = encodeCommand(["ECHO", "e".repeat(1_000)]).repeat(1_000);
      for (let sent = 0; sent < 64; sent++) flood.socket.write(echoes, "latin1");
      expect(await memory.growth(100)).toBeLessThan(given.growthMax);
      expect(flood.socket.writableLength).toBeGreaterThan(16 * mebibyte);
      flood.close();
      for (const client of more) client.close();
      await check();
    });
    expect(latencyMs).toBeLessThan(latencyMaxMs);
    await expectHealth(cluster);
  },
);
