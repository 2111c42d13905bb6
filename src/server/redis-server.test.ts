import { afterEach, describe, expect, test } from "vitest";
import { Opened, settled } from "../../test/server/clients.ts";
import { encodeCommand, RawClient } from "../../test/server/raw-client.ts";
import { createNodePlatform, silentLogger } from "../platform/index.ts";
import { ErrorReply, MapReply, ok, type Reply, SimpleString } from "../resp/index.ts";
import { ListenError, RedisServer } from "./redis-server.ts";

const opened = new Opened();
const start = opened.start.bind(opened);
const connect = opened.connect.bind(opened);

afterEach(() => opened.close());

const pong = new SimpleString("PONG");
const error = (text: string): ErrorReply => new ErrorReply(text);

describe("order", () => {
  test("replies come in the order of the commands, though the node answers in another [S-7]", async () => {
    const served = await start();
    served.node.held = [];
    const client = await connect(served);
    client.sendCommands(["SET", "a", "1"], ["GET", "nosuch"], ["PING"], ["INCR", "n"], ["ECHO", "x"], ["GET", "a"]);
    await settled(served);
    expect(client.received).toBe("");
    served.node.release((held) => [held[0], held[2], held[3], held[1]] as (() => void)[]);
    expect(await client.replies(6)).toEqual([ok, null, pong, 1, "x", "1"]);
  });

  test("a command of the server waits for those before it, and those behind it wait too", async () => {
    const served = await start();
    served.node.held = [];
    const client = await connect(served);
    client.sendCommands(["SET", "a", "1"], ["HELLO", "3"], ["GET", "nosuch"]);
    await settled(served);
    expect(served.node.held).toHaveLength(1);
    served.node.release();
    // The answer to SET is RESP2's, that to GET is RESP3's: HELLO came between them.
    await settled(served);
    served.node.release();
    expect(await client.replies(3)).toEqual([ok, expect.any(MapReply), null]);
    expect(client.received.startsWith("+OK\r\n%7\r\n")).toBe(true);
    expect(client.received.endsWith("_\r\n")).toBe(true);
  });

  test("a thousand commands in one packet are answered in their order, whatever the socket cuts", async () => {
    const served = await start();
    const client = await connect(served);
    const count = 20_000;
    for (let n = 0; n < count; n++) client.send(encodeCommand(n % 3 === 0 ? ["PING", `${n}`] : ["ECHO", `${n}`]));
    expect(await client.replies(count)).toEqual(Array.from({ length: count }, (_, n) => `${n}`));
  });

  test("a command may come byte by byte", async () => {
    const served = await start();
    const client = await connect(served);
    for (const byte of encodeCommand(["SET", "k", "v"]) + encodeCommand(["GET", "k"])) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await client.replies(2)).toEqual([ok, "v"]);
  });
});

describe("bounds", () => {
  test("only so many commands of a client are under way at a time", async () => {
    const served = await start({ limits: { commandsInFlightMax: 4 } });
    served.node.held = [];
    const client = await connect(served);
    const count = 30;
    client.sendCommands(...Array.from({ length: count }, (_, n) => ["ECHO", `${n}`]));
    client.sendCommands(...Array.from({ length: count }, () => ["INCR", "n"]));
    let answered = 0;
    while (answered < count) {
      await settled(served);
      expect(served.node.held?.length).toBeLessThanOrEqual(4);
      answered += served.node.held?.length ?? 0;
      served.node.release();
    }
    const replies = await client.replies(2 * count);
    expect(replies.slice(count)).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  });

  test("while the node has enough to do it is given nothing more", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("PING");
    served.node.isPaused = true;
    client.sendCommands(["INCR", "n"], ["INCR", "n"], ["INCR", "n"]);
    expect(await client.replies(1)).toEqual([1]);
    await settled(served);
    expect(served.node.replica.run(["GET", "n"])).toBe("1");
    served.node.isPaused = false;
    served.node.resumeStreams();
    expect(await client.replies(2)).toEqual([2, 3]);
  });

  test("a thousand clients are served side by side", async () => {
    const served = await start();
    const clients = await Promise.all(Array.from({ length: 1_000 }, () => connect(served)));
    for (const [index, client] of clients.entries()) client.sendCommands(["SET", `k${index}`, `${index}`]);
    for (const client of clients) expect(await client.replies(1)).toEqual([ok]);
    for (const [index, client] of clients.entries()) client.sendCommands(["GET", `k${index}`]);
    for (const [index, client] of clients.entries()) expect(await client.replies(1)).toEqual([`${index}`]);
    expect(served.node.streamCount).toBe(1_000);
  });

  test("a client that never reads is not served without end, and nobody else notices", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("SET", "k", "v".repeat(100_000));
    client.socket.pause();
    for (let n = 0; n < 500; n++) client.send(encodeCommand(["GET", "k"]));
    const other = await connect(served);
    const memory = (await other.run("CLIENT", "LIST")) as string;
    for (let n = 0; n < 20; n++) expect(await other.run("GET", "k")).toHaveLength(100_000);
    const omem = /omem=(\d+)/.exec(memory)?.[1];
    // 50 MB were asked for.
    expect(Number(omem)).toBeLessThan(10_000_000);
    client.socket.resume();
    const replies = await client.replies(500);
    expect(replies).toHaveLength(500);
    expect(new Set(replies.map((reply) => (reply as string).length))).toEqual(new Set([100_000]));
  });

  test("a command that is too large is refused, kept nowhere, and the next one is served", async () => {
    const served = await start({ limits: { commandBytesMax: 1_000 } });
    const client = await connect(served);
    client.sendCommands(["SET", "k", "v".repeat(3_000_000)], ["GET", "k"]);
    expect(await client.replies(2)).toEqual([
      error("ERR A command is larger than commandBytesMax (1000): it did not happen."),
      null,
    ]);
  });

  test("unfinished commands of all clients together have a bound", async () => {
    const served = await start({ limits: { unfinishedBytesMax: 200_000 } });
    const clients = await Promise.all([connect(served), connect(served), connect(served)]);
    for (const client of clients) client.send(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n${"v".repeat(90_000)}`);
    await settled(served);
    await settled(served);
    for (const client of clients) client.send(`${"v".repeat(10_000)}\r\n`);
    const replies = (await Promise.all(clients.map((client) => client.replies(1)))).flat();
    const refused = replies.filter((reply) => reply instanceof ErrorReply && reply.text.startsWith("OOM "));
    expect(refused.length).toBeGreaterThanOrEqual(1);
    expect(replies).toContainEqual(ok);
    for (const client of clients) expect(await client.run("PING")).toEqual(pong);
  });

  test("more clients than maxclients are told so and turned away", async () => {
    const served = await start();
    const first = await connect(served);
    expect(await first.run("CONFIG", "SET", "maxclients", "2")).toEqual(ok);
    const second = await connect(served);
    expect(await second.run("PING")).toEqual(pong);
    const third = await connect(served);
    expect(await third.replies(1)).toEqual([error("ERR max number of clients reached")]);
    await third.ended();
    expect(await first.run("INFO", "stats")).toContain("rejected_connections:1\r\n");
  });

  test("no more clients are accepted than the system has sockets for, whatever maxclients says", async () => {
    const { process, ...platform } = createNodePlatform();
    const bounded = Object.create(process, { openFilesMax: { value: 131 } });
    const served = await start({ platform: { ...platform, process: bounded } });
    const first = await connect(served);
    expect(await first.run("CONFIG", "GET", "maxclients")).toEqual(["maxclients", "3"]);
    expect(await first.run("CONFIG", "SET", "maxclients", "4")).toEqual(
      error(
        "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle the specified number of clients, try with 3",
      ),
    );
    const others = [await connect(served), await connect(served)];
    expect(await (await connect(served)).replies(1)).toEqual([error("ERR max number of clients reached")]);
    // One that was ended counts until its socket is closed.
    await others[0]?.run("QUIT");
    expect(await (await connect(served)).replies(1)).toEqual([error("ERR max number of clients reached")]);
    others[0]?.close();
    await others[0]?.ended();
    let reply: Reply | undefined;
    do {
      const next = await connect(served);
      reply = await next.run("PING");
      next.close();
    } while (!(reply instanceof SimpleString));
    expect(reply).toEqual(pong);
  });

  test("of clients too many only some are given time to hear so", async () => {
    const served = await start({ limits: { turnedAwayMax: 1, lingerMs: 3_600_000 } });
    const first = await connect(served);
    await first.run("CONFIG", "SET", "maxclients", "1");
    const [patient, cutOff] = [await connect(served), await connect(served)];
    for (const client of [patient, cutOff]) await client.ended();
    expect(patient.received).toBe("-ERR max number of clients reached\r\n");
    // The other socket is closed on our side, so that what is written to it is answered with a reset.
    while (!cutOff.isClosed) {
      cutOff.send("PING\r\n");
      await new Promise(setImmediate);
    }
    expect(patient.isClosed).toBe(false);
  });

  test("an input buffer above client-query-buffer-limit ends the connection", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("CONFIG", "SET", "client-query-buffer-limit", "1mb");
    client.send(`*1\r\n$4000000\r\n${"x".repeat(2_000_000)}`);
    await client.ended();
    const other = await connect(served);
    expect(await other.run("INFO", "stats")).toContain("client_query_buffer_limit_disconnections:1\r\n");
  });

  test("large replies to commands that were under way wait as values until their client takes them", async () => {
    const served = await start();
    const [client, other] = [await connect(served), await connect(served)];
    const value = "v".repeat(1_000_000);
    await client.run("SET", "k", value);
    served.node.held = [];
    client.socket.pause();
    client.sendCommands(...Array.from({ length: 100 }, (_, at) => (at % 10 === 9 ? ["MGET", "k", "k"] : ["GET", "k"])));
    await settled(served);
    served.node.release();
    served.node.held = undefined;
    client.sendCommands(["SET", "k", "new"], ["GET", "k"]);
    const info = String(await other.run("CLIENT", "LIST"));
    // What the socket has been given and what it would be given next; as values there is far more.
    expect(Number(/ omem=(\d+) .* cmd=(?:get|mget)/.exec(info)?.[1])).toBeLessThan(400_000);
    expect(Number(/ obl=(\d+) .* cmd=(?:get|mget)/.exec(info)?.[1])).toBeGreaterThan(50_000_000);
    // It is served no further.
    expect(await other.run("STRLEN", "k")).toBe(value.length);
    client.socket.resume();
    for (const [at, reply] of (await client.replies(102)).entries()) {
      if (at === 100) expect(reply).toEqual(ok);
      else if (at === 101) expect(reply).toBe("new");
      else if (at % 10 === 9) expect(reply).toEqual([value, value]);
      else expect(reply === value).toBe(true);
    }
  });

  test("commands whose replies are made for them alone run one at a time, in their place", async () => {
    const served = await start();
    const client = await connect(served);
    served.node.held = [];
    client.sendCommands(["SET", "a", "1"], ["KEYS", "*"], ["SCAN", "0"], ["SET", "b", "2"], ["KEYS", "*"], ["PING"]);
    const counts: number[] = [];
    for (let round = 0; round < 5; round++) {
      await settled(served);
      counts.push(served.node.held.length);
      served.node.release();
    }
    expect(counts).toEqual([1, 1, 1, 1, 1]);
    const [, , scan, , keys, last] = await client.replies(6);
    expect([scan, [...(keys as string[])].toSorted(), last]).toEqual([["0", ["a"]], ["a", "b"], pong]);
  });

  test("what overwrites a value in place waits for replies that may share it, so that they are not copied one by one", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("APPEND", "k", "v".repeat(100_000));
    served.node.held = [];
    client.sendCommands(["SETRANGE", "k", "0", "a"], ["SETRANGE", "k", "1", "b"], ["GET", "k"], ["SET", "other", "1"]);
    client.sendCommands(["SETRANGE", "k", "2", "c"], ["GETEX", "k", "PERSIST"], ["SETRANGE", "k", "3", "d"]);
    const counts: number[] = [];
    for (let round = 0; round < 3; round++) {
      await settled(served);
      counts.push(served.node.held.length);
      served.node.release();
    }
    expect(counts).toEqual([4, 2, 1]);
    const replies = await client.replies(7);
    expect([2, 5].map((at) => String(replies[at]).slice(0, 5))).toEqual(["abvvv", "abcvv"]);
  });

  test("what waits for replies that share its value does so within a session, too", async () => {
    const served = await start();
    const client = await connect(served);
    const id = String(await client.run("COTERIE", "SESSION", "OPEN"));
    const run = (sequence: number, ...words: string[]): string[] => [
      ...["COTERIE", "SESSION", "RUN", id, String(sequence), "0"],
      ...words,
    ];
    served.node.held = [];
    client.sendCommands(run(1, "APPEND", "k", "abc"), run(2, "GET", "k"), run(3, "SETRANGE", "k", "1", "x"));
    await settled(served);
    expect(served.node.held.length).toBe(2);
    served.node.release();
    await settled(served);
    served.node.release();
    expect(await client.replies(3)).toEqual([3, "abc", 3]);
  });

  test("output above client-output-buffer-limit ends the connection", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("SET", "k", "v".repeat(1_000_000));
    await client.run("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 0 0");
    client.socket.pause();
    for (let n = 0; n < 100; n++) client.send(encodeCommand(["GET", "k"]));
    const other = await connect(served);
    let stats: Reply | undefined;
    do stats = await other.run("INFO", "stats");
    while (!String(stats).includes("client_output_buffer_limit_disconnections:1\r\n"));
    expect(await other.run("INFO", "clients")).toContain("connected_clients:1\r\n");
  });

  test("output above the soft limit of client-output-buffer-limit for too long ends the connection", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("SET", "k", "v".repeat(1_000_000));
    await client.run("CONFIG", "SET", "client-output-buffer-limit", "normal 0 500kb 60");
    client.socket.pause();
    for (let n = 0; n < 100; n++) client.sendCommands(["GET", "k"]);
    await settled(served);
    const other = await connect(served);
    const disconnections = async (): Promise<number> => {
      const [, count] = /client_output_buffer_limit_disconnections:(\d+)/.exec(String(await other.run("INFO"))) ?? [];
      return Number(count);
    };
    served.clock.advance(59_000);
    await settled(served);
    expect(await disconnections()).toBe(0);
    served.clock.advance(3_000);
    while ((await disconnections()) === 0) served.clock.advance(1_000);
    expect(await disconnections()).toBe(1);
  });

  test("a word above proto-max-bulk-len is no protocol, for connections that were there before too", async () => {
    const served = await start();
    const client = await connect(served);
    const other = await connect(served);
    expect(await other.run("CONFIG", "SET", "proto-max-bulk-len", "1mb")).toEqual(ok);
    expect(await client.run("SET", "k", "v".repeat(1_048_576))).toEqual(ok);
    client.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n");
    expect(await client.replies(1)).toEqual([error("ERR Protocol error: invalid bulk length")]);
    await client.ended();
    expect(await other.run("STRLEN", "k")).toBe(1_048_576);
  });

  test("a command too large for its many words together is refused, and so is one of too many words", async () => {
    const served = await start({ limits: { commandBytesMax: 100_000 } });
    const client = await connect(served);
    client.sendCommands(["MSET", ...Array<string>(2_000).fill("x".repeat(60))], ["DBSIZE"]);
    const [refusal, count] = await client.replies(2);
    expect(String((refusal as ErrorReply).text)).toMatch(
      /^ERR A command is larger than commandBytesMax .*did not happen/,
    );
    expect(count).toBe(0);
    client.send("*1048577\r\n");
    expect(await client.replies(1)).toEqual([error("ERR Protocol error: invalid multibulk length")]);
    await client.ended();
  });

  test("pipelined commands of every kind, cut at each byte, give the same replies", async () => {
    const served = await start();
    const text = [
      encodeCommand(["SET", "\0\r\n\xff", "v\r\n"]),
      'GET "\\x00\\r\\n\\xff"\r\n',
      "PING\n",
      "\r\n*0\r\n*-1\r\n",
      encodeCommand(["GET"]),
      encodeCommand([""]),
      encodeCommand(["ECHO", ""]),
      "ECHO 'it\\'s'\r\n",
      encodeCommand(["DEL", "\0\r\n\xff"]),
    ].join("");
    const whole = await connect(served);
    whole.send(text);
    await whole.replies(8);
    expect(whole.received).toContain("v\r\n");
    for (let cut = 1; cut < text.length; cut++) {
      const client = await connect(served);
      client.send(text.slice(0, cut));
      await settled(served);
      client.send(text.slice(cut));
      await client.replies(8);
      expect(client.received).toBe(whole.received);
      client.close();
    }
  });
});

describe("the end of a connection", () => {
  test("after QUIT nothing more is run", async () => {
    const served = await start();
    const client = await connect(served);
    client.sendCommands(["SET", "k", "1"], ["QUIT"], ["SET", "k", "2"]);
    expect(await client.replies(3)).toEqual([ok, ok]);
    await client.ended();
    const other = await connect(served);
    expect(await other.run("GET", "k")).toBe("1");
  });

  test("a client that has sent its last byte gets all its replies", async () => {
    const served = await start();
    served.node.held = [];
    const client = await connect(served);
    client.sendCommands(["SET", "k", "1"], ["GET", "k"], ["PING"]);
    client.socket.end();
    await settled(served);
    served.node.release();
    expect(await client.replies(3)).toEqual([ok, "1", pong]);
    await client.ended();
  });

  test("a connection that is to end waits until the client has taken all that it is owed", async () => {
    const served = await start({ limits: { lingerMs: 20 } });
    const client = await connect(served);
    await client.run("SET", "k", "v".repeat(30_000_000));
    served.node.held = [];
    client.socket.pause();
    client.send(`${encodeCommand(["GET", "k"])}*x\r\n`);
    await settled(served);
    served.node.release();
    await settled(served);
    served.clock.advance(100);
    await settled(served);
    client.socket.resume();
    const [value, last] = await client.replies(2);
    expect(value).toHaveLength(30_000_000);
    expect(last).toEqual(error("ERR Protocol error: invalid multibulk length"));
    await client.ended();
  });

  test("what is not the protocol is answered in Redis' words behind all else, then the connection ends", async () => {
    const served = await start();
    served.node.held = [];
    const client = await connect(served);
    client.send(`${encodeCommand(["GET", "k"])}*1\r\nx4\r\nPING\r\n`);
    await settled(served);
    served.node.release();
    expect(await client.replies(3)).toEqual([null, error("ERR Protocol error: expected '$', got 'x'")]);
    await client.ended();
  });

  test("a client that goes in the middle of a command leaves nothing behind", async () => {
    const served = await start();
    served.node.held = [];
    const watcher = await connect(served);
    const client = await RawClient.connect(served.port);
    client.send(`${encodeCommand(["SET", "k", "1"])}*2\r\n$3\r\nGE`);
    await settled(served);
    client.socket.resetAndDestroy();
    let clients: Reply | undefined;
    do clients = await watcher.run("INFO", "clients");
    while (!String(clients).includes("connected_clients:1\r\n"));
    served.node.release();
    expect(served.node.streamCount).toBe(1);
    expect(await watcher.run("PING")).toEqual(pong);
  });

  test("a lost answer ends the connection before replies can slip by one place [S-7]", async () => {
    const served = await start();
    served.node.held = [];
    const client = await connect(served);
    client.sendCommands(["GET", "a"], ["GET", "b"]);
    await settled(served);
    served.node.failStreams("an answer was lost");
    await client.ended();
    served.node.release();
    expect(client.received).toBe("");
  });

  test("closing the server ends its connections and frees its port", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("PING");
    await served.server.close();
    await client.ended();
    const again = await start({ port: served.port });
    expect(again.port).toBe(served.port);
  });

  test("a port that is in use is one clear error", async () => {
    const { port, node } = await start();
    const platform = createNodePlatform();
    const listening = RedisServer.listen({ platform, logger: silentLogger, node, host: "127.0.0.1", port });
    await expect(listening).rejects.toThrow(ListenError);
    await expect(listening).rejects.toMatchObject({ code: "LISTEN_FAILED", outcome: "notApplied" });
  });
});
