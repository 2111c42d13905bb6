/** Passwords of the Redis port, as clients meet them. */
import { afterEach, expect, test } from "vitest";
import { Opened } from "../../test/server/clients.ts";
import { ErrorReply, MapReply, ok, SimpleString } from "../resp/index.ts";

const opened = new Opened();
const start = opened.start.bind(opened);
const connect = opened.connect.bind(opened);

afterEach(() => opened.close());

const pong = new SimpleString("PONG");
const error = (text: string): ErrorReply => new ErrorReply(text);
const noAuth = error("NOAUTH Authentication required.");

test("without the password only what is needed to give it is run", async () => {
  const served = await start({ password: "sesame" });
  const client = await connect(served);
  expect(await client.run("GET", "k")).toEqual(noAuth);
  expect(await client.run("PING")).toEqual(noAuth);
  expect(await client.run("NOSUCH")).toEqual(error("ERR unknown command 'NOSUCH', with args beginning with: "));
  expect(await client.run("AUTH", "wrong")).toEqual(
    error("WRONGPASS invalid username-password pair or user is disabled."),
  );
  expect(await client.run("AUTH", "sesame")).toEqual(ok);
  expect(await client.run("PING")).toEqual(pong);
  expect(await client.run("RESET")).toEqual(new SimpleString("RESET"));
  expect(await client.run("PING")).toEqual(noAuth);
  expect(await client.run("HELLO", "3", "AUTH", "default", "sesame")).toBeInstanceOf(MapReply);
  expect(await client.run("PING")).toEqual(pong);
});

test("a client without the password cannot send large commands", async () => {
  const served = await start({ password: "sesame" });
  const client = await connect(served);
  client.send("*11\r\n");
  expect(await client.replies(1)).toEqual([error("ERR Protocol error: unauthenticated multibulk length")]);
  await client.ended();
});

test("a server that was started with a password keeps one", async () => {
  const served = await start({ password: "sesame" });
  const client = await connect(served);
  await client.run("AUTH", "sesame");
  expect(await client.run("CONFIG", "SET", "requirepass", "")).toEqual(
    error(
      "ERR CONFIG SET failed (possibly related to argument 'requirepass') - this server was started with a password",
    ),
  );
  expect(await client.run("CONFIG", "SET", "requirepass", "other")).toEqual(ok);
  const second = await connect(served);
  expect(await second.run("AUTH", "default", "other")).toEqual(ok);
});

test("a password that is set later is asked of those who come then", async () => {
  const served = await start();
  const first = await connect(served);
  await first.run("CONFIG", "SET", "requirepass", "sesame");
  expect(await first.run("PING")).toEqual(pong);
  const second = await connect(served);
  expect(await second.run("PING")).toEqual(noAuth);
});
