import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { Context, closed } from "../channels/index.ts";
import { createNodePlatform } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import type { Connection } from "./connection.ts";
import { anything, type MessageSchema } from "./json-message.ts";
import { JsonStream, type JsonStreamOptions } from "./json-stream.ts";
import { type Framing, frame } from "./message-splitter.ts";
import { dialTcp, listenTcp, type TcpOptions } from "./tcp.ts";

interface Pair {
  readonly client: Connection;
  readonly server: Connection;
  readonly context: Context;
}

/** Runs `program` with both ends of a connection. */
type Run = <T>(program: (pair: Pair) => Promise<T>) => Promise<T>;

async function withPair<T>(
  options: TcpOptions & { context: Context },
  program: (pair: Pair) => Promise<T>,
): Promise<T> {
  const listener = await listenTcp("127.0.0.1:0", options);
  const client = await dialTcp(listener.address, options);
  const server = await listener.accept();
  if (server === closed) throw new Error("the listener is closed");
  try {
    return await program({ client, server, context: options.context });
  } finally {
    client.destroy();
    server.destroy();
    await listener.close();
  }
}

const hosts: readonly { readonly name: string; readonly run: Run }[] = [
  {
    name: "on Node",
    run: (program) => {
      const platform = createNodePlatform();
      return withPair({ network: platform.network, context: Context.background(platform) }, program);
    },
  },
  {
    name: "simulated, in pieces",
    run: (program) => {
      const world = new SimulatedWorld({ seed: 3, network: { splitChance: 0.7 } });
      const platform = world.machine("n1").start();
      return world.until(withPair({ network: platform.network, context: Context.background(platform) }, program));
    },
  },
];

/** What went wrong, and where, as "CODE 3@17". */
function placeOf(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return String(error);
  const {
    code,
    messageNumber = "-",
    offset = "-",
  } = error as { code: string; messageNumber?: number; offset?: number };
  return `${code} ${messageNumber}@${offset}`;
}

/** Everything that a stream makes of what comes. */
async function allOf<T>(stream: JsonStream<T>): Promise<readonly unknown[]> {
  const results: unknown[] = [];
  for (;;) {
    try {
      const value = await stream.receive();
      if (value === closed) return results;
      results.push(value);
    } catch (error) {
      results.push(placeOf(error));
    }
  }
}

const numbers: MessageSchema<number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => (typeof value === "number" ? { value } : { issues: [{ message: "a number, please" }] }),
  },
};
const slowly: MessageSchema<unknown> = {
  "~standard": { version: 1, vendor: "test", validate: async (value) => ({ value }) },
};

interface Case {
  readonly name: string;
  readonly messages: readonly (string | Uint8Array)[];
  readonly results: readonly unknown[];
}

const cases: readonly Case[] = [
  { name: "messages", messages: ['{"a":[1,"é"]}', '"x"\r', " null "], results: [{ a: [1, "é"] }, "x", null] },
  { name: "nothing", messages: [], results: [] },
  {
    name: "no JSON",
    messages: ["1", "{]", "", '["é",}', "2"],
    results: [1, "MESSAGE_MALFORMED 2@1", "MESSAGE_MALFORMED 3@0", "MESSAGE_MALFORMED 4@6", 2],
  },
  {
    name: "no UTF-8",
    messages: [Uint8Array.of(0x22, 0xc3, 0xa9, 0xff, 0x22), "1"],
    results: ["MESSAGE_NOT_UTF8 1@3", 1],
  },
  { name: "too deep", messages: ["[[[[1]]]]", '[{"a":[1]}]'], results: ["MESSAGE_TOO_DEEP 1@3", [{ a: [1] }]] },
  { name: "brackets in texts", messages: ['"[[[[[[\\"[[[["'], results: ['[[[[[["[[[['] },
  { name: "too large", messages: [`"${"x".repeat(200_000)}"`, "3"], results: ["MESSAGE_TOO_LARGE 1@-", 3] },
  { name: "names that are special elsewhere", messages: ['{"toString":1}'], results: [{ toString: 1 }] },
];

function bytesOf(messages: readonly (string | Uint8Array)[], framing: Framing): Uint8Array {
  return Buffer.concat(
    messages.map((message) => {
      if (typeof message === "string") return frame(message, framing);
      const start = framing === "lines" ? [] : [0, 0, 0, message.length];
      return Buffer.concat([Buffer.from(start), message, Buffer.from(framing === "lines" ? "\n" : "")]);
    }),
  );
}

describe.for(hosts)("$name", ({ run }) => {
  describe.for<Framing>(["lines", "lengthPrefixed"])("%s", (framing) => {
    const limits = { framing, bytesMax: 100, depthMax: 3 };

    test.for(cases)("$name: told what and where, and the stream goes on", ({ messages, results }) =>
      run(async ({ client, server }) => {
        await client.write(bytesOf(messages, framing));
        client.closeWrite();
        expect(await allOf(new JsonStream(server, { ...limits, schema: slowly }))).toEqual(results);
      }),
    );

    test("a message that is cut off is told once", () =>
      run(async ({ client, server }) => {
        await client.write(bytesOf(["1", "[2,3]"], framing).subarray(0, -2));
        client.closeWrite();
        const stream = new JsonStream(server, { ...limits, schema: anything });
        expect(await allOf(stream)).toEqual([1, "MESSAGE_TRUNCATED 2@-"]);
        expect(await stream.receive()).toBe(closed);
      }));

    test("a schema refuses what does not fit", () =>
      run(async ({ client, server }) => {
        await client.write(bytesOf(["1", '"2"', "3"], framing));
        client.closeWrite();
        expect(await allOf(new JsonStream(server, { framing, schema: numbers }))).toEqual([
          1,
          "MESSAGE_INVALID 2@-",
          3,
        ]);
      }));

    test("with a handler for bad messages the loop sees the good ones alone", () =>
      run(async ({ client, server }) => {
        await client.write(bytesOf(["1", "{", '"2"', "3"], framing));
        await client.write(bytesOf(["4444"], framing).subarray(0, -2));
        client.closeWrite();
        const bad: string[] = [];
        const onInvalid = (error: unknown): unknown => bad.push(placeOf(error));
        const good: number[] = [];
        for await (const value of new JsonStream(server, { framing, schema: numbers, onInvalid })) good.push(value);
        expect(good).toEqual([1, 3]);
        expect(bad).toEqual(["MESSAGE_MALFORMED 2@1", "MESSAGE_INVALID 3@-", "MESSAGE_TRUNCATED 5@-"]);
      }));

    test("what is sent is received, also by those who wait before it comes", () =>
      run(async ({ client, server }) => {
        const receiver = JsonStream.untyped(server, { framing });
        const waiting = [receiver.receive(), receiver.receive(), receiver.receive()];
        const sender = JsonStream.untyped(client, { framing });
        const values = [{ text: "où ?\n\u2028", deep: [[[]]] }, "x".repeat(300_000), null];
        for (const value of values) await sender.send(value);
        expect(await Promise.all(waiting)).toEqual(values);
      }));

    test("what is no JSON or too large is refused before anything is sent", () =>
      run(async ({ client, server }) => {
        const sender = new JsonStream(client, { framing, schema: anything, bytesMax: 10 });
        const codeOf = async (value: unknown): Promise<string> =>
          (async () => sender.send(value))().then(() => "sent", placeOf);
        const circular: unknown[] = [];
        circular.push(circular);
        expect(await codeOf("x".repeat(9))).toBe("MESSAGE_TOO_LARGE -@-");
        expect(await codeOf("éééée")).toBe("MESSAGE_TOO_LARGE -@-");
        for (const value of [undefined, 1n, () => {}, circular])
          expect(await codeOf(value)).toBe("INVALID_ARGUMENT -@-");
        expect(await codeOf("éééé")).toBe("sent");
        expect(await JsonStream.untyped(server, { framing }).receive()).toBe("éééé");
      }));

    test("a receive that is given up in the middle of a message takes nothing", () =>
      run(async ({ client, server, context }) => {
        const stream = JsonStream.untyped(server, { framing });
        const bytes = bytesOf(['{"a":1}', "2"], framing);
        await client.write(bytes.subarray(0, 7));
        const [patience, cancel] = context.withTimeout(5);
        await expect(async () => stream.receive(patience)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
        cancel();
        const waitingFirst = stream.receive();
        const [impatience, giveUp] = context.withCancel();
        const waitingSecond = expect(async () => stream.receive(impatience)).rejects.toMatchObject({
          code: "CANCELLED",
        });
        giveUp();
        await waitingSecond;
        await client.write(bytes.subarray(7));
        expect(await waitingFirst).toEqual({ a: 1 });
        expect(await stream.receive()).toBe(2);
      }));

    test("a receiver that does not receive makes the sender wait", () =>
      run(async ({ client, server, context }) => {
        const sender = JsonStream.untyped(client, { framing });
        const value = "x".repeat(100_000);
        let sent = 0;
        for (let isTaken = true; isTaken && sent < 2_000; ) {
          const [patience, cancel] = context.withTimeout(20);
          isTaken = await (async () => sender.send(value, patience))().then(
            () => true,
            () => false,
          );
          cancel();
          if (isTaken) sent++;
        }
        expect(sent).toBeLessThan(2_000);
        const receiver = JsonStream.untyped(server, { framing });
        for (let count = 0; count < sent; count++) expect(await receiver.receive()).toBe(value);
        await sender.send("last");
        expect(await receiver.receive()).toBe("last");
      }));
  });

  test("a line that never ends is refused at once", () =>
    run(async ({ client, server }) => {
      await client.write("x".repeat(1_000));
      const stream = new JsonStream(server, { schema: anything, bytesMax: 100 });
      await expect(async () => stream.receive()).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE", bytesMax: 100 });
    }));

  test("garbage is errors or values, never a hang or a crash", () =>
    run(async ({ client, server }) => {
      let state = 12_345;
      const garbage = Uint8Array.from({ length: 20_000 }, () => {
        state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
        return (state >> 16) & 0xff;
      });
      await client.write(garbage);
      client.closeWrite();
      const results = await allOf(new JsonStream(server, { schema: anything, bytesMax: 100 }));
      expect(results.length).toBeGreaterThan(50);
      for (const result of results) if (typeof result === "string") expect(result).toMatch(/^MESSAGE_/);
    }));
});

test("a peer that vanishes is an error of the receive, not an end", async () => {
  const world = new SimulatedWorld({ seed: 3, network: { timeoutMs: 1_000 } });
  const there = world.machine("there").start();
  const here = world.machine("here").start();
  const program = async (): Promise<void> => {
    const listener = await listenTcp(":7", { network: there.network, context: Context.background(there) });
    const connection = await dialTcp("there:7", { network: here.network, context: Context.background(here) });
    const accepted = await listener.accept();
    if (accepted === closed) throw new Error("closed");
    await accepted.write('{"half');
    const stream = JsonStream.untyped(connection);
    const [patience, cancel] = Context.background(here).withTimeout(100);
    await expect(async () => stream.receive(patience)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    cancel();
    world.machine("there").cutPower();
    const receiving = expect(async () => stream.receive()).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    await stream.send("is anybody there?");
    await receiving;
  };
  await world.until(program());
});

describe("validators", () => {
  const Zod = z.object({ sender: z.string(), count: z.number().default(1) });
  const Valibot = v.object({ sender: v.string(), count: v.optional(v.number(), 1) });
  const ArkType = type({ sender: "string", count: "number = 1" });
  interface Message {
    sender: string;
    count: number;
  }

  test.for<{ name: string; schema: MessageSchema<Message>; complaint: RegExp }>([
    { name: "zod", schema: Zod, complaint: /sender: .*string/ },
    { name: "valibot", schema: Valibot, complaint: /sender: .*string/ },
    { name: "arktype", schema: ArkType, complaint: /sender must be a string/ },
  ])("$name gives its type, its defaults and its complaints", ({ schema, complaint }) =>
    hosts[1]?.run(async ({ client, server }) => {
      const sender = JsonStream.untyped(client);
      await sender.send({ sender: "a" });
      await sender.send({ sender: 7 });
      const stream = new JsonStream(server, { schema });
      expect(await stream.receive()).toEqual({ sender: "a", count: 1 });
      await expect(async () => stream.receive()).rejects.toMatchObject({
        code: "MESSAGE_INVALID",
        messageNumber: 2,
        message: expect.stringMatching(complaint),
        issues: [{ message: expect.any(String), path: ["sender"] }],
      });
    }),
  );

  test("the type of messages follows from the schema", () => {
    const options = <T>(given: JsonStreamOptions<T>): JsonStreamOptions<T> => given;
    expectTypeOf(options({ schema: Zod })).toEqualTypeOf<JsonStreamOptions<Message>>();
    expectTypeOf(options({ schema: Valibot })).toEqualTypeOf<JsonStreamOptions<Message>>();
    expectTypeOf(options({ schema: ArkType })).toEqualTypeOf<JsonStreamOptions<Message>>();
    expect(Object.keys(options({ schema: Zod }))).toEqual(["schema"]);
  });
});
