import { afterEach, beforeEach, expect, test } from "vitest";
import { closed, go } from "../channels/index.ts";
import { listenTcp, type TcpConnection, type TcpListener } from "../net/index.ts";
import { askRedis } from "./redis-request.ts";

let listener: TcpListener;

beforeEach(async () => {
  listener = await listenTcp("127.0.0.1:0");
});

afterEach(() => listener.close());

async function untilGone(connection: TcpConnection): Promise<void> {
  while ((await connection.read()) !== closed);
  await connection.close();
}

/** What a server that does `serve` with its one connection makes of a request. */
async function ask(serve: (connection: TcpConnection) => Promise<void>, timeoutMs = 5_000): Promise<unknown> {
  const serving = go(async () => {
    const connection = await listener.accept();
    if (connection !== closed) await serve(connection);
  });
  const { host, port } = listener.address;
  try {
    return await askRedis({ host, port, password: "secret", timeoutMs, words: ["COTERIE", "STATUS"] });
  } finally {
    await serving;
  }
}

test("logs in, asks, and gives the last reply, in however many pieces it comes", async () => {
  let asked = "";
  const reply = await ask(async (connection) => {
    while (!asked.endsWith("STATUS\r\n")) asked += Buffer.from((await connection.read()) as Uint8Array).toString();
    await connection.write("+OK\r\n$6\r\nall");
    await connection.write(" is\r\n");
    await untilGone(connection);
  });
  expect(Buffer.from(String(reply), "latin1").toString()).toBe("all is");
  expect(asked).toBe("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*2\r\n$7\r\nCOTERIE\r\n$6\r\nSTATUS\r\n");
});

test.for([
  {
    name: "an error ends it",
    answer: "-WRONGPASS no\r\n",
    code: "STATUS_REFUSED",
    text: /does not accept this password/,
  },
  {
    name: "garbage is no Redis",
    answer: "HTTP/1.1 400\r\n",
    code: "STATUS_REFUSED",
    text: /does not speak the Redis protocol/,
  },
])("$name", async ({ answer, code, text }) => {
  const outcome = ask(async (connection) => {
    await connection.write(answer);
    await untilGone(connection);
  });
  await expect(outcome).rejects.toMatchObject({ code, message: expect.stringMatching(text) });
});

test("a server that hangs up has not answered", async () => {
  const outcome = ask(async (connection) => {
    await connection.read();
    await connection.close();
  });
  await expect(outcome).rejects.toMatchObject({
    code: "NO_ANSWER",
    message: expect.stringMatching(/closed the connection/),
  });
});

test("a server that says nothing has not answered in time", async () => {
  const outcome = ask(untilGone, 20);
  await expect(outcome).rejects.toMatchObject({ code: "NO_ANSWER", message: expect.stringMatching(/within 0.02 s/) });
});

test("where nobody listens nobody answers", async () => {
  const { host, port } = listener.address;
  await listener.close();
  await expect(askRedis({ host, port, password: undefined, timeoutMs: 5_000, words: ["PING"] })).rejects.toMatchObject({
    code: "NO_ANSWER",
    message: expect.stringMatching(/Nothing answers at/),
  });
});
