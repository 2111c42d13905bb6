import { describe, expect, test } from "vitest";
import { Context, closed, receiving, select, timeout } from "../channels/index.ts";
import { createNodePlatform, formatAddress, type Platform } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { anything, decodeJson, encodeJson } from "./json-message.ts";
import { MessageMalformedError } from "./message-errors.ts";
import { dialUdp, listenUdp, type UdpOptions } from "./udp.ts";
import type { Datagram, UdpSocket } from "./udp-socket.ts";

type Run = (program: (options: UdpOptions & { readonly context: Context }) => Promise<void>) => Promise<void>;

function runOn(platform: Platform, until: (promise: Promise<void>) => Promise<void>): Run {
  const options = { network: platform.datagrams, context: Context.background(platform) };
  return (program) => until(program(options));
}

const hosts: readonly { readonly name: string; readonly make: () => Run }[] = [
  { name: "on Node", make: () => runOn(createNodePlatform(), (promise) => promise) },
  {
    name: "simulated",
    make: () => {
      const world = new SimulatedWorld({ seed: 1 });
      return runOn(world.machine("n1").start(), (promise) => world.until(promise));
    },
  },
];

function textOf(datagram: Datagram | typeof closed): string {
  return datagram === closed ? "closed" : Buffer.from(datagram.bytes).toString();
}

describe.for(hosts)("UDP $name", ({ make }) => {
  test("a datagram is received with its sender, and answered", () =>
    make()(async (options) => {
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      expect(client.remoteAddress).toEqual(server.localAddress);
      await client.send("où ?");
      const question = await server.receive();
      expect(textOf(question)).toBe("où ?");
      if (question === closed) return;
      await server.sendTo(Buffer.from("là"), question.from);
      expect(textOf(await client.receive())).toBe("là");
    }));

  test("what nobody receives is dropped and counted beyond the limit", () =>
    make()(async (options) => {
      await using server = await listenUdp("127.0.0.1:0", { ...options, pendingDatagramsMax: 2 });
      await using other = await listenUdp("127.0.0.1:0", options);
      await using client = await listenUdp("127.0.0.1:0", options);
      for (let count = 0; count < 5; count++) await client.sendTo("x", server.localAddress);
      while (server.droppedCount < 3) {
        // A round to another socket lets what was sent before arrive.
        await client.sendTo("pass", other.localAddress);
        await other.receive();
      }
      expect([textOf(await server.receive()), textOf(await server.receive())]).toEqual(["x", "x"]);
      expect(server.droppedCount).toBe(3);
    }));

  test("a closed socket ends its receivers and refuses to send", () =>
    make()(async (options) => {
      const server = await listenUdp("127.0.0.1:0", options);
      const client = await dialUdp(server.localAddress, options);
      const received: string[] = [];
      const receiving = (async () => {
        for await (const datagram of server) received.push(textOf(datagram));
      })();
      await server.close();
      await server.close();
      await receiving;
      expect(received).toEqual([]);
      await client.close();
      await expect(client.send("late")).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
    }));

  test("a receive that is given up takes nothing", () =>
    make()(async (options) => {
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      const [patience, cancel] = options.context.withTimeout(5);
      await expect(async () => server.receive(patience)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
      cancel();
      await client.send("later");
      expect(textOf(await server.receive())).toBe("later");
    }));

  test("a datagram that is too long, a port that is taken, a context that has ended are errors with a code", () =>
    make()(async (options) => {
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      const error = { code: "DATAGRAM_NOT_SENT", systemCode: "EMSGSIZE", outcome: "notApplied" };
      await expect(client.send("x".repeat(70_000))).rejects.toMatchObject(error);
      await client.send("fits");
      const taken = { code: "ADDRESS_UNAVAILABLE", systemCode: "EADDRINUSE" };
      await expect(listenUdp(server.localAddress, options)).rejects.toMatchObject(taken);
      const [context, cancel] = options.context.withCancel();
      const opening = expect(listenUdp("127.0.0.1:0", { ...options, context })).rejects;
      cancel();
      await opening.toMatchObject({ code: "CANCELLED" });
    }));

  test("a dialled socket sends to its address, one that listens to any: the other way is refused", () =>
    make()(async (options) => {
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      await expect(server.send("x")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await expect(client.sendTo("x", server.localAddress)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }));

  test("a datagram carries one JSON message, and a bad one harms no other", () =>
    make()(async (options) => {
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      await client.send("{");
      await client.send(encodeJson({ sender: "Client", content: "où ?" }));
      const received: unknown[] = [];
      for (let count = 0; count < 2; count++) {
        const datagram = await server.receive();
        if (datagram === closed) throw new Error("closed");
        received.push(
          await (async () => decodeJson(datagram.bytes, { schema: anything }))().catch((error: unknown) => error),
        );
      }
      expect(received).toEqual([expect.any(MessageMalformedError), { sender: "Client", content: "où ?" }]);
    }));

  test("the channel of datagrams takes part in a select", () =>
    make()(async (options) => {
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, options);
      const cases = [receiving(server.datagrams, textOf), timeout(5, () => "nothing came")];
      expect(await select(cases, options.context)).toBe("nothing came");
      await client.send("x");
      const patient = [receiving(server.datagrams, textOf)];
      expect(await select(patient, options.context)).toBe("x");
    }));

  test("many sends at once wait for their turn", () =>
    make()(async (options) => {
      await using server = await listenUdp("127.0.0.1:0", options);
      await using client = await dialUdp(server.localAddress, { ...options, pendingSendsMax: 1 });
      await Promise.all(Array.from({ length: 20 }, (_, number) => client.send(String(number))));
      const received: number[] = [];
      for (let count = 0; count < 20; count++) received.push(Number(textOf(await server.receive())));
      expect(received.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, number) => number));
    }));
});

test("datagrams go over IPv6 too", async () => {
  let server: UdpSocket;
  try {
    server = await listenUdp("[::1]:0");
  } catch (error) {
    // A machine without IPv6 says so; every other failure is one.
    expect(error).toMatchObject({ systemCode: expect.stringMatching(/EADDRNOTAVAIL|EAFNOSUPPORT/) });
    return;
  }
  await using open = server;
  await using client = await dialUdp(formatAddress(open.localAddress));
  await client.send("hello");
  const received = await open.receive();
  expect(textOf(received)).toBe("hello");
  expect(received !== closed && received.from).toEqual(client.localAddress);
});
