import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Channel, Context, closed, go, otherwise, receiving, select, sleep } from "../channels/index.ts";
import { createNodePlatform, type Platform } from "../platform/index.ts";
import { type NetworkSettings, SimulatedWorld } from "../simulation/index.ts";
import { formatAddress } from "./address.ts";
import type { Connection } from "./connection.ts";
import { dialTcp, listenTcp, type TcpConnection, type TcpListener, type TcpOptions } from "./tcp.ts";

interface Ends {
  readonly client: TcpConnection;
  readonly server: TcpConnection;
  readonly listener: TcpListener;
}

async function endsOf(options: TcpOptions, address = "127.0.0.1:0"): Promise<Ends> {
  const listener = await listenTcp(address, options);
  const client = await dialTcp(listener.address, options);
  const server = await listener.accept();
  if (server === closed) throw new Error("closed");
  return { client, server, listener };
}

async function bytesOf(connection: Connection): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of connection) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return "none";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

function optionsOf(platform: Platform): TcpOptions & { readonly context: Context } {
  return { network: platform.network, context: Context.background(platform) };
}

describe("on a simulated network", () => {
  const run = async <T>(
    settings: Partial<NetworkSettings>,
    program: (world: SimulatedWorld, here: Platform, there: Platform) => Promise<T>,
    seed = 1,
  ): Promise<T> => {
    const world = new SimulatedWorld({ seed, network: settings });
    const there = world.machine("there").start();
    return world.until(program(world, world.machine("here").start(), there));
  };

  const betweenMachines = async (here: Platform, there: Platform, more: TcpOptions = {}): Promise<Ends> => {
    const listener = await listenTcp(":7", { ...optionsOf(there), ...more });
    const client = await dialTcp("there:7", { ...optionsOf(here), ...more });
    const server = await listener.accept();
    if (server === closed) throw new Error("closed");
    return { client, server, listener };
  };

  test("whatever is written, in whatever pieces and with whatever pauses, arrives in order and whole", async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 5_000 }), fc.nat(), async (lengths, buffer, seed) => {
        const settings = { splitChance: 0.5, windowBytes: 4_096, lossChance: 0.02 };
        await run(
          settings,
          async (_, here, there) => {
            const { client, server } = await betweenMachines(here, there, { readBufferBytesMax: buffer });
            const pieces = lengths.map((length, at) => Buffer.alloc(length, at + 1));
            const writing = (async () => {
              for (const piece of pieces) await client.write(piece);
              client.closeWrite();
            })();
            const received: Uint8Array[] = [];
            for (let piece = await server.read(); piece !== closed; piece = await server.read()) {
              expect(piece.length).toBeGreaterThan(0);
              received.push(piece);
              if (received.length % 3 === 0) await sleep(1, Context.background(there));
            }
            await writing;
            expect(Buffer.concat(received).equals(Buffer.concat(pieces))).toBe(true);
            await server.close();
            await client.close();
          },
          seed,
        );
      }),
      { numRuns: 40 },
    );
  });

  test("a peer without power is an error of whoever writes to it, and of whoever reads meanwhile", () =>
    run({ timeoutMs: 2_000 }, async (world, here, there) => {
      const { client } = await betweenMachines(here, there);
      const reading = codeOf(() => client.read());
      world.machine("there").cutPower();
      const startedMs = here.clock.nowMs();
      let code = "none";
      while (code === "none") {
        code = await codeOf(() => client.write(Buffer.alloc(10_000)));
        await sleep(10, Context.background(here));
      }
      expect(code).toBe("CONNECTION_LOST");
      expect(await reading).toBe("CONNECTION_LOST");
      expect(here.clock.nowMs() - startedMs).toBeLessThan(5_000);
      await client.close();
    }));

  test("a peer whose process dies ends its connections in order, or breaks them if it had not read all", () =>
    run({}, async (world, here, there) => {
      const { client } = await betweenMachines(here, there);
      const reading = client.read();
      world.machine("there").kill();
      expect(await reading).toBe(closed);
      await client.close();
    }));

  test("a connection that is closed while the peer is gone ends after its patience", () =>
    run({}, async (world, here, there) => {
      const { client } = await betweenMachines(here, there, { closeWaitMs: 300 });
      world.machine("there").cutPower();
      const startedMs = here.clock.nowMs();
      await client.close();
      expect(here.clock.nowMs() - startedMs).toBeGreaterThanOrEqual(299);
      expect(here.clock.nowMs() - startedMs).toBeLessThan(400);
    }));

  test("dialling through a partition ends with its deadline, or when the network gives up", () =>
    run({ connectTimeoutMs: 3_000 }, async (world, here, there) => {
      const listener = await listenTcp(":7", optionsOf(there));
      world.network.partition([["here"], ["there"]]);
      const [patience, cancel] = Context.background(here).withTimeout(500);
      expect(await codeOf(() => dialTcp("there:7", { ...optionsOf(here), context: patience }))).toBe(
        "DEADLINE_EXCEEDED",
      );
      cancel();
      await expect(dialTcp("there:7", optionsOf(here))).rejects.toMatchObject({
        code: "CONNECT_FAILED",
        systemCode: "ETIMEDOUT",
      });
      await expect(dialTcp("nowhere:7", optionsOf(here))).rejects.toMatchObject({ systemCode: "ENOTFOUND" });
      await listener.close();
    }));

  test("a slow connection keeps no other waiting", () =>
    run({ windowBytes: 1_000 }, async (_, here, there) => {
      const { client: slow, server, listener } = await betweenMachines(here, there, { readBufferBytesMax: 100 });
      const stuck = (async () => {
        for (let count = 0; count < 100; count++) await server.write(Buffer.alloc(1_000));
      })();
      const quick = await dialTcp("there:7", optionsOf(here));
      const second = await listener.accept();
      if (second === closed) throw new Error("closed");
      await second.write("hello");
      expect(Buffer.from((await quick.read()) as Uint8Array).toString()).toBe("hello");
      slow.destroy();
      expect(await codeOf(() => stuck)).toMatch(/^CONNECTION_/);
      await Promise.all([quick.close(), second.close()]);
    }));

  test("draining twice waits twice, and ends what is left when either's patience does", () =>
    run({}, async (_, here, there) => {
      const { client, server, listener } = await betweenMachines(here, there);
      const [patience, cancel] = Context.background(there).withCancel();
      const draining = [listener.drain(), listener.drain(patience)];
      await client.write("still served");
      expect(await server.read()).toBeInstanceOf(Uint8Array);
      cancel();
      await Promise.all(draining);
      expect(listener.openCount).toBe(0);
      await client.close();
    }));

  test("a connection that waits to be accepted when the listener closes is ended", () =>
    run({}, async (_, here, there) => {
      const listener = await listenTcp(":7", optionsOf(there));
      const client = await dialTcp("there:7", optionsOf(here));
      await listener.drain();
      expect(await client.read()).toBe(closed);
      await client.close();
    }));
});

describe("on Node", () => {
  const options = optionsOf(createNodePlatform());

  test("waiting readers are served in order, and one that gives up leaves the others their turns", async () => {
    const { client, server, listener } = await endsOf(options);
    const [patience, cancel] = options.context.withCancel();
    const first = server.read();
    const second = codeOf(() => server.read(patience));
    const third = server.read();
    cancel();
    expect(await second).toBe("CANCELLED");
    await client.write("1");
    expect(Buffer.from((await first) as Uint8Array).toString()).toBe("1");
    await client.write("3");
    expect(Buffer.from((await third) as Uint8Array).toString()).toBe("3");
    await Promise.all([client.close(), server.close(), listener.close()]);
  });

  test("a write that is given up while it waits has sent nothing, and the one behind it goes", async () => {
    const { client, server, listener } = await endsOf(options);
    const large = Buffer.alloc(20_000_000, "a");
    await client.write(large);
    const controller = new AbortController();
    const given = codeOf(() => client.write("never", controller.signal));
    const kept = client.write("b");
    controller.abort();
    expect(await given).toBe("CANCELLED");
    const reading = bytesOf(server);
    await kept;
    expect(await codeOf(() => client.write("never", controller.signal))).toBe("CANCELLED");
    client.closeWrite();
    const bytes = await reading;
    expect(bytes.length).toBe(large.length + 1);
    expect(bytes.at(-1)).toBe("b".charCodeAt(0));
    await Promise.all([client.close(), server.close(), listener.close()]);
  });

  test("a signal ends reads, dialling and listening, each alone", async () => {
    const { client, server, listener } = await endsOf(options);
    const controller = new AbortController();
    const reading = codeOf(() => server.read(controller.signal));
    controller.abort();
    expect(await reading).toBe("CANCELLED");
    expect(await codeOf(() => dialTcp(listener.address, { context: controller.signal }))).toBe("CANCELLED");
    expect(await codeOf(() => listenTcp("127.0.0.1:0", { context: controller.signal }))).toBe("CANCELLED");
    await client.write("x");
    expect(await server.read()).toBeInstanceOf(Uint8Array);
    await Promise.all([client.close(), server.close(), listener.close()]);
  });

  test("the channel of connections takes part in a select", async () => {
    await using listener = await listenTcp("127.0.0.1:0", options);
    const stop = new Channel<never>();
    const cases = [
      receiving(listener.connections, (connection) => (connection === closed ? "closed" : "connection")),
      receiving(stop, () => "stopped"),
    ];
    expect(await select([...cases, otherwise(() => "nothing")])).toBe("nothing");
    const chosen = select(cases);
    const client = await dialTcp(listener.address, options);
    expect(await chosen).toBe("connection");
    stop.close();
    expect(await select(cases)).toBe("stopped");
    client.destroy();
  });

  test.for(["127.0.0.1:0", "[::1]:0", "localhost:0", ":0"])("listens and dials at %s", async (address) => {
    let ends: Ends;
    try {
      ends = await endsOf(options, address);
    } catch (error) {
      // A machine without IPv6 says so; every other failure is one.
      expect(address).toBe("[::1]:0");
      expect(error).toMatchObject({
        code: "ADDRESS_UNAVAILABLE",
        systemCode: expect.stringMatching(/EADDRNOTAVAIL|EAFNOSUPPORT/),
      });
      return;
    }
    const { client, server, listener } = ends;
    expect(formatAddress(listener.address)).toBe(address.replace(/0$/, String(listener.address.port)));
    await client.write("hello");
    expect(Buffer.from((await server.read()) as Uint8Array).toString()).toBe("hello");
    expect(server.remoteAddress.port).toBe(client.localAddress.port);
    await Promise.all([client.close(), server.close(), listener.close()]);
  });

  test("of 100 connections that come and go at once none is left", async () => {
    await using listener = await listenTcp("127.0.0.1:0", options);
    const serving = go(async () => {
      for await (const connection of listener) {
        go(async () => {
          for await (const piece of connection) await connection.write(piece);
          await connection.close();
        });
      }
    });
    const echo = async (at: number): Promise<string> => {
      await using connection = await dialTcp(listener.address, options);
      await connection.write(`hello ${at}`);
      connection.closeWrite();
      return (await bytesOf(connection)).toString();
    };
    const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => echo(at)));
    expect(answers).toEqual(answers.map((_, at) => `hello ${at}`));
    await listener.drain();
    await serving;
    expect(listener.openCount).toBe(0);
  });

  test("the end of a connection can be waited for", async () => {
    const { client, server, listener } = await endsOf(options);
    const ended = server.ended.receive();
    client.closeWrite();
    expect(await server.read()).toBe(closed);
    server.closeWrite();
    expect(await ended).toBe(closed);
    await Promise.all([client.close(), listener.close()]);
  });
});
