import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Context, closed } from "../channels/index.ts";
import { createNodePlatform, type Platform } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { JsonDatagrams } from "./json-datagrams.ts";
import { dialUdp, listenUdp } from "./udp.ts";

const hosts: readonly {
  readonly name: string;
  readonly run: (program: (platform: Platform) => Promise<void>) => Promise<void>;
}[] = [
  { name: "on Node", run: (program) => program(createNodePlatform()) },
  {
    name: "simulated",
    run: (program) => {
      const world = new SimulatedWorld({ seed: 1 });
      return world.until(program(world.machine("n1").start()));
    },
  },
];

const Reading = z.object({ sensor: z.string(), value: z.number() });

describe.for(hosts)("$name", ({ run }) => {
  test("messages come with their senders, and can be answered", () =>
    run(async (platform) => {
      const options = { network: platform.datagrams, context: Context.background(platform) };
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      const readings = new JsonDatagrams(server, { schema: Reading });
      const answers = JsonDatagrams.untyped(client);
      await answers.send({ sensor: "où", value: 1 });
      const received = await readings.receive();
      if (received === closed) throw new Error("closed");
      expect(received.message.value).toBe(1);
      await readings.sendTo({ ok: true }, received.from);
      expect(await answers.receive()).toEqual({ message: { ok: true }, from: server.localAddress });
    }));

  test("what is no message is skipped, counted and told with its sender", () =>
    run(async (platform) => {
      const options = { network: platform.datagrams, context: Context.background(platform) };
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      const bad: string[] = [];
      const readings = new JsonDatagrams(server, {
        schema: Reading,
        bytesMax: 100,
        onInvalid: (error, from) => {
          expect(from).toEqual(client.localAddress);
          bad.push(`${error.code}@${error.offset}`);
        },
      });
      await client.send("{");
      await client.send("");
      await client.send(Uint8Array.of(0x22, 0xff, 0x22));
      await client.send(`"${"x".repeat(200)}"`);
      await client.send('{"sensor":1}');
      await client.send("[".repeat(70));
      await client.send(`${"[".repeat(49)}${"]".repeat(49)}`);
      await client.send('{"sensor":"a","value":2}');
      const received = await readings.receive();
      expect(received).toMatchObject({ message: { sensor: "a", value: 2 } });
      expect(bad.toSorted()).toEqual(
        [
          "MESSAGE_MALFORMED@1",
          "MESSAGE_MALFORMED@0",
          "MESSAGE_NOT_UTF8@1",
          "MESSAGE_TOO_LARGE@undefined",
          "MESSAGE_INVALID@undefined",
          "MESSAGE_MALFORMED@70",
          "MESSAGE_INVALID@undefined",
        ].toSorted(),
      );
      expect(readings.invalidCount).toBe(7);
    }));

  test("a message that no datagram can carry, or that is no JSON, is refused", () =>
    run(async (platform) => {
      const options = { network: platform.datagrams, context: Context.background(platform) };
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      const messages = JsonDatagrams.untyped(client);
      await expect(messages.send("x".repeat(65_506))).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
      await expect(messages.send(undefined)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await messages.send("x".repeat(65_505));
      expect(await JsonDatagrams.untyped(server).receive()).toMatchObject({ message: "x".repeat(65_505) });
    }));

  test("the loop ends with the socket; a receive that is given up takes nothing", () =>
    run(async (platform) => {
      const options = { network: platform.datagrams, context: Context.background(platform) };
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      const messages = JsonDatagrams.untyped(server);
      const [patience, cancel] = options.context.withTimeout(5);
      await expect(messages.receive(patience)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
      cancel();
      await client.send("1");
      const received: unknown[] = [];
      for await (const { message } of messages) {
        received.push(message);
        await server.close();
      }
      expect(received).toEqual([1]);
    }));
});
