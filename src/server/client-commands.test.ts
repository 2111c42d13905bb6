import { afterEach, describe, expect, test } from "vitest";
import { Opened, settled } from "../../test/server/clients.ts";
import type { RawClient } from "../../test/server/raw-client.ts";
import { ErrorReply, ok, type Reply, SimpleString, VerbatimReply } from "../resp/index.ts";

const opened = new Opened();
const start = opened.start.bind(opened);
const connect = opened.connect.bind(opened);
const pong = new SimpleString("PONG");

afterEach(() => opened.close());

/** The fields of the lines of `CLIENT LIST` or `CLIENT INFO`. */
function linesOf(reply: Reply | undefined): Record<string, string>[] {
  const text = reply instanceof VerbatimReply ? reply.text : String(reply);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => Object.fromEntries(line.split(" ").map((field) => field.split(/=(.*)/).slice(0, 2))));
}

async function idOf(client: RawClient): Promise<string> {
  return String(await client.run("CLIENT", "ID"));
}

describe("CLIENT LIST and INFO", () => {
  test("a line has the fields of Redis, in its order", async () => {
    const served = await start();
    const client = await connect(served);
    const [line] = linesOf(await client.run("client", "list"));
    expect(Object.keys(line ?? {}).slice(0, 29)).toEqual(
      "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp"
        .split(" ")
        .concat("lib-name"),
    );
    expect(line).toMatchObject({ name: "", flags: "N", db: "0", qbuf: "26", "argv-mem": "10", cmd: "client|list" });
    expect(line).toMatchObject({ addr: `127.0.0.1:${client.socket.localPort}`, laddr: `127.0.0.1:${served.port}` });
  });

  test("names, libraries and the protocol are shown", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("HELLO", "3", "SETNAME", "worker-1");
    await client.run("CLIENT", "SETINFO", "lib-name", "ioredis");
    await client.run("CLIENT", "SETINFO", "LIB-VER", "6.0.0");
    const [line] = linesOf(await client.run("CLIENT", "INFO"));
    expect(line).toMatchObject({ name: "worker-1", "lib-name": "ioredis", "lib-ver": "6.0.0", resp: "3" });
    expect(await client.run("CLIENT", "GETNAME")).toBe("worker-1");
    expect(await client.run("CLIENT", "SETNAME", "a b")).toBeInstanceOf(ErrorReply);
    expect(await client.run("CLIENT", "SETINFO", "lib-name", "a b")).toBeInstanceOf(ErrorReply);
    expect(await client.run("CLIENT", "SETINFO", "colour", "x")).toBeInstanceOf(ErrorReply);
  });

  test("clients are listed by id and by type", async () => {
    const served = await start();
    const [first, second] = [await connect(served), await connect(served)];
    const id = await idOf(second);
    expect(linesOf(await first.run("CLIENT", "LIST")).map((line) => line.id)).toContain(id);
    expect(linesOf(await first.run("CLIENT", "LIST", "ID", id, "999")).map((line) => line.id)).toEqual([id]);
    expect(linesOf(await first.run("CLIENT", "LIST", "TYPE", "normal"))).toHaveLength(2);
    expect(await first.run("CLIENT", "LIST", "TYPE", "pubsub")).toBe("");
  });
});

describe("CLIENT KILL", () => {
  test("by address, by id, and all others", async () => {
    const served = await start();
    const clients = await Promise.all([connect(served), connect(served), connect(served), connect(served)]);
    const [me, byAddress, byId, other] = clients as [RawClient, RawClient, RawClient, RawClient];
    await Promise.all(clients.map((client) => client.run("PING")));
    expect(await me.run("CLIENT", "KILL", `127.0.0.1:${byAddress.socket.localPort}`)).toEqual(ok);
    await byAddress.ended();
    expect(await me.run("CLIENT", "KILL", "ID", await idOf(byId))).toBe(1);
    await byId.ended();
    expect(await me.run("CLIENT", "KILL", "TYPE", "normal", "USER", "default")).toBe(1);
    await other.ended();
    expect(await me.run("CLIENT", "KILL", "LADDR", `127.0.0.1:${served.port}`, "SKIPME", "no")).toBe(1);
    await me.ended();
  });

  test("a client that ends itself gets its reply", async () => {
    const served = await start();
    const client = await connect(served);
    expect(await client.run("CLIENT", "KILL", `127.0.0.1:${client.socket.localPort}`)).toEqual(ok);
    await client.ended();
  });
});

describe("CLIENT REPLY", () => {
  test("OFF, ON and SKIP are about what comes behind them", async () => {
    const served = await start();
    const client = await connect(served);
    client.sendCommands(
      ["CLIENT", "REPLY", "OFF"],
      ["PING"],
      ["NOSUCH"],
      ["CLIENT", "REPLY", "SKIP"],
      ["CLIENT", "REPLY", "ON"],
      ["ECHO", "1"],
      ["CLIENT", "REPLY", "SKIP"],
      ["SET", "k", "v"],
      ["GET", "k"],
    );
    expect(await client.replies(3)).toEqual([ok, "1", "v"]);
    expect(client.received).toBe("+OK\r\n$1\r\n1\r\n$1\r\nv\r\n");
  });

  test("ON answers though it comes as the command to be skipped", async () => {
    const client = await connect(await start());
    client.sendCommands(["CLIENT", "REPLY", "SKIP"], ["CLIENT", "REPLY", "ON"], ["ECHO", "1"]);
    expect(await client.replies(2)).toEqual([ok, "1"]);
  });
});

describe("CLIENT PAUSE", () => {
  test("WRITE holds commands that write, and what stands behind them, until the end", async () => {
    const served = await start();
    const [operator, client] = [await connect(served), await connect(served)];
    const id = await idOf(client);
    expect(await operator.run("CLIENT", "PAUSE", "100000", "WRITE")).toEqual(ok);
    client.sendCommands(["GET", "k"], ["SET", "k", "1"], ["GET", "k"]);
    expect(await client.replies(1)).toEqual([null]);
    await settled(served);
    expect(linesOf(await operator.run("CLIENT", "LIST", "ID", id)).map((line) => line.flags)).toEqual(["b"]);
    expect(await operator.run("INFO", "clients")).toContain("blocked_clients:1\r\n");
    expect(served.node.replica.keyspace.keyCount).toBe(0);
    expect(await operator.run("CLIENT", "UNPAUSE")).toEqual(ok);
    expect(await client.replies(2)).toEqual([ok, "1"]);
  });

  test("ALL holds everything but what is wrong, and ends by itself", async () => {
    const served = await start();
    const [operator, client] = [await connect(served), await connect(served)];
    await operator.run("CLIENT", "PAUSE", "60000");
    client.sendCommands(["NOSUCH"], ["GET"], ["PING"]);
    expect(await client.replies(2)).toEqual([expect.any(ErrorReply), expect.any(ErrorReply)]);
    served.clock.advance(60_001);
    expect(await client.replies(1)).toEqual([pong]);
    expect(await operator.run("PING")).toEqual(pong);
  });

  test("a second pause only adds", async () => {
    const served = await start();
    const [operator, client] = [await connect(served), await connect(served)];
    await operator.run("CLIENT", "PAUSE", "100000", "WRITE");
    await operator.run("CLIENT", "PAUSE", "1", "WRITE");
    client.sendCommands(["SET", "k", "1"]);
    await settled(served);
    served.clock.advance(1_000);
    await settled(served);
    expect(client.received).toBe("");
    await operator.run("CLIENT", "UNPAUSE");
    expect(await client.replies(1)).toEqual([ok]);
  });
});

describe("WAIT and CLIENT UNBLOCK", () => {
  test("WAIT answers how many replicas hold the writes, and holds up what stands behind it", async () => {
    const served = await start();
    served.node.replicaCount = 1;
    const client = await connect(served);
    client.sendCommands(["SET", "k", "1"], ["WAIT", "1", "0"], ["WAIT", "2", "0"], ["PING"]);
    expect(await client.replies(2)).toEqual([ok, 1]);
    const operator = await connect(served);
    await settled(served);
    expect(await operator.run("INFO", "clients")).toContain("blocked_clients:1\r\n");
    served.node.waits[0]?.target.reply(served.node.waits[0].ticket, 2);
    expect(await client.replies(2)).toEqual([2, pong]);
    expect(await operator.run("INFO", "clients")).toContain("blocked_clients:0\r\n");
  });

  test("UNBLOCK answers as if the time were over, or with an error", async () => {
    const served = await start();
    const [operator, client] = [await connect(served), await connect(served)];
    const id = await idOf(client);
    expect(await operator.run("CLIENT", "UNBLOCK", id)).toBe(0);
    client.sendCommands(["WAIT", "1", "0"], ["PING"]);
    await settled(served);
    served.node.replicaCount = 0;
    expect(await operator.run("CLIENT", "UNBLOCK", id)).toBe(1);
    expect(await client.replies(2)).toEqual([0, pong]);
    client.sendCommands(["WAIT", "1", "0"]);
    await settled(served);
    expect(await operator.run("CLIENT", "UNBLOCK", id, "ERROR")).toBe(1);
    expect(await client.replies(1)).toEqual([new ErrorReply("UNBLOCKED client unblocked via CLIENT UNBLOCK")]);
    // The answers of the node that come late go nowhere.
    for (const { target, ticket } of served.node.waits) target.reply(ticket, 7);
    expect(await client.run("ECHO", "x")).toBe("x");
  });

  test("a client that goes while it waits is forgotten", async () => {
    const served = await start();
    const [operator, client] = [await connect(served), await connect(served)];
    client.sendCommands(["WAIT", "1", "0"]);
    await settled(served);
    client.socket.end();
    await client.ended();
    expect(await operator.run("INFO", "clients")).toContain("blocked_clients:0\r\n");
  });
});

describe("HELLO", () => {
  test("the protocol may change in the middle of a connection", async () => {
    const served = await start();
    const client = await connect(served);
    client.sendCommands(["GET", "k"], ["HELLO", "3"], ["GET", "k"], ["HELLO", "2"], ["GET", "k"]);
    await client.replies(5);
    expect(client.received.match(/(^|\n)(\$-1|_)\r/g)).toHaveLength(3);
    expect(client.received.startsWith("$-1\r\n%7\r\n")).toBe(true);
    expect(client.received.endsWith("$-1\r\n")).toBe(true);
  });
});
