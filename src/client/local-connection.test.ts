import { expect, test } from "vitest";
import type { StreamHandlers, StreamSocket } from "../platform/index.ts";
import { bytesInFlightMax, commandsInFlightMax, LocalConnection } from "./local-connection.ts";
import { LocalSocket } from "./local-socket.ts";

interface Peer {
  readonly connection: LocalConnection;
  readonly server: StreamSocket;
  /** What the server got, one element a chunk. */
  readonly chunks: string[];
}

function connected(): Peer {
  const [near, server] = LocalSocket.pair();
  const chunks: string[] = [];
  server.handle({
    onData: (bytes) => {
      if (bytes.length < 1_000) chunks.push(Buffer.from(bytes).toString("latin1"));
    },
    onClose: () => {},
  });
  const connection = new LocalConnection((handlers: StreamHandlers) => {
    near.handle(handlers);
    return near;
  });
  return { connection, server, chunks };
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("commands of one turn leave as one chunk, and replies come in order", async () => {
  const { connection, server, chunks } = connected();
  const replies = [connection.send("a"), connection.send("b"), connection.send("c")];
  await settled();
  expect(chunks).toEqual(["abc"]);
  server.write(":1\r\n$1\r\nx");
  server.write("\r\n-WRONGTYPE no\r\n");
  expect(await Promise.allSettled(replies)).toMatchObject([
    { value: 1 },
    { value: "x" },
    { reason: { code: "WRONGTYPE", outcome: "notApplied" } },
  ]);
});

test("what the server says unasked answers no command", async () => {
  const { connection, server } = connected();
  const reply = connection.send("a");
  server.write(">2\r\n+invalidate\r\n_\r\n:7\r\n");
  expect(await reply).toBe(7);
});

test("idle waits for the last reply", async () => {
  const { connection, server } = connected();
  await connection.idle();
  const order: string[] = [];
  const reply = connection.send("a").then(() => order.push("reply"));
  const idle = connection.idle().then(() => order.push("idle"));
  await settled();
  expect(order).toEqual([]);
  server.write(":1\r\n");
  await Promise.all([reply, idle]);
  expect(order.sort()).toEqual(["idle", "reply"]);
});

test("a connection that breaks leaves the outcome of what it carried unknown, and refuses what comes after", async () => {
  const { connection, server } = connected();
  const reply = connection.send("a");
  const idle = connection.idle();
  server.destroy();
  await expect(reply).rejects.toMatchObject({ code: "STORE_CLOSED", outcome: "unknown" });
  await idle;
  expect(connection.isClosed).toBe(true);
  await expect(connection.send("b")).rejects.toMatchObject({ code: "STORE_CLOSED", outcome: "notApplied" });
});

test("the number of commands in flight is bounded; the one too many is not sent", async () => {
  const { connection, server } = connected();
  const replies = Array.from({ length: commandsInFlightMax }, () => connection.send("x"));
  await expect(connection.send("y")).rejects.toMatchObject({ code: "TOO_MANY_COMMANDS", outcome: "notApplied" });
  server.write(":1\r\n".repeat(commandsInFlightMax));
  await Promise.all(replies);
  const next = connection.send("z");
  server.write(":2\r\n");
  expect(await next).toBe(2);
});

test("so are their bytes", async () => {
  const { connection, server } = connected();
  const large = "x".repeat(bytesInFlightMax / 2);
  const replies = [connection.send(large), connection.send(large)];
  await expect(connection.send("y")).rejects.toMatchObject({ code: "TOO_MANY_COMMANDS", outcome: "notApplied" });
  server.write(":1\r\n:1\r\n");
  expect(await Promise.all(replies)).toEqual([1, 1]);
  const next = connection.send("z");
  server.write(":2\r\n");
  expect(await next).toBe(2);
});
