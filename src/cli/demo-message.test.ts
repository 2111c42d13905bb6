import { expect, test } from "vitest";
import { decodeJson, MessageError } from "../net/index.ts";
import { type DemoMessage, demoMessageSchema } from "./demo-message.ts";

test.for<{ readonly message: DemoMessage }>([
  { message: { type: "hello", token: "t", name: "n1", pid: 7 } },
  { message: { type: "welcome" } },
  { message: { type: "ready", redis: "127.0.0.1:7001" } },
  { message: { type: "role", role: "leader", term: 3, leads: 1, shards: 1 } },
])("$message.type is read back as it was sent", async ({ message }) => {
  expect(await decodeJson(Buffer.from(JSON.stringify(message)), { schema: demoMessageSchema })).toEqual(message);
});

test.for([
  "",
  "null",
  "[]",
  "{",
  '{"type":"other"}',
  '{"type":"hello","token":"t","name":"n1"}',
  '{"type":"hello","token":"t","name":"n1","pid":-1}',
  '{"type":"ready","redis":1}',
  '{"type":"role","role":"king","term":1,"leads":1,"shards":1}',
  '{"type":"role","role":"leader","term":1}',
])("%j is no message", async (line) => {
  await expect(async () => decodeJson(Buffer.from(line), { schema: demoMessageSchema })).rejects.toBeInstanceOf(
    MessageError,
  );
});
