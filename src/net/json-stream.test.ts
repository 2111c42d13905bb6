import { expect, test } from "vitest";
import { Context, closed } from "../channels/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import type { JsonOptions, MessageSchema } from "./json-message.ts";
import { JsonStream } from "./json-stream.ts";
import { dialTcp, listenTcp } from "./tcp.ts";

const numbers: MessageSchema<number> = {
  "~standard": {
    version: 1,
    validate: (value) => (typeof value === "number" ? { value } : { issues: [{ message: "a number, please" }] }),
  },
};
const anyValue: MessageSchema<unknown> = { "~standard": { version: 1, validate: async (value) => ({ value }) } };

/** What a stream makes of `bytes`: values, and the codes of errors. */
async function received<T>(bytes: string | Uint8Array, options: JsonOptions<T>): Promise<readonly unknown[]> {
  const world = new SimulatedWorld({ seed: 3, network: { splitChance: 0.5 } });
  const platform = world.machine("n1").start();
  const tcp = { network: platform.network, context: Context.background(platform) };
  const run = async (): Promise<readonly unknown[]> => {
    const listener = await listenTcp("127.0.0.1:0", tcp);
    const client = await dialTcp(listener.address, tcp);
    const server = await listener.accept();
    if (server === closed) throw new Error("the listener is closed");
    await client.write(bytes);
    client.closeWrite();
    const stream = new JsonStream(server, options);
    const results: unknown[] = [];
    for (;;) {
      try {
        const value = await stream.receive();
        if (value === closed) return results;
        results.push(value);
      } catch (error) {
        results.push(error instanceof Error && "code" in error ? error.code : error);
      }
    }
  };
  return world.until(run());
}

test.for<{ name: string; bytes: string | Uint8Array; results: readonly unknown[] }>([
  { name: "messages come one a line", bytes: '{"a":[1,"é"]}\n"x"\r\nnull\n', results: [{ a: [1, "é"] }, "x", null] },
  { name: "nothing is nothing", bytes: "", results: [] },
  { name: "no JSON", bytes: "1\n{]\n\n2\n", results: [1, "MESSAGE_MALFORMED", "MESSAGE_MALFORMED", 2] },
  { name: "no UTF-8", bytes: Uint8Array.of(0x22, 0xff, 0x22, 10, 0x31, 10), results: ["MESSAGE_MALFORMED", 1] },
  { name: "too deep", bytes: "[[[[1]]]]\n[[[1]]]\n", results: ["MESSAGE_TOO_DEEP", [[[1]]]] },
  { name: "brackets in strings are text", bytes: '"[[[[[[\\"[[[["\n', results: ['[[[[[["[[[['] },
  { name: "too large", bytes: `"${"x".repeat(200_000)}"\n3\n`, results: ["MESSAGE_TOO_LARGE", 3] },
  { name: "cut off", bytes: "1\n[2", results: [1, "MESSAGE_TRUNCATED"] },
])("$name, and the stream goes on", async ({ bytes, results }) => {
  expect(await received(bytes, { schema: anyValue, bytesMax: 100, depthMax: 3 })).toEqual(results);
});

test("a schema refuses what does not fit", async () => {
  expect(await received('1\n"2"\n3\n', { schema: numbers })).toEqual([1, "MESSAGE_INVALID", 3]);
});

test("what is sent is received; what is no JSON or too large is refused before it is sent", async () => {
  const world = new SimulatedWorld({ seed: 4 });
  const platform = world.machine("n1").start();
  const tcp = { network: platform.network, context: Context.background(platform) };
  const run = async (): Promise<void> => {
    const listener = await listenTcp("127.0.0.1:0", tcp);
    const client = await dialTcp(listener.address, tcp);
    const server = await listener.accept();
    if (server === closed) throw new Error("the listener is closed");
    const sender = new JsonStream(client, { schema: anyValue, bytesMax: 10 });
    await expect(sender.send("x".repeat(9))).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    await expect(sender.send(undefined)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(sender.send(1n)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await sender.send("x".repeat(8));
    expect(await JsonStream.untyped(server).receive()).toBe("xxxxxxxx");
  };
  await world.until(run());
});
