import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Context, closed, go, sleep } from "../channels/index.ts";
import { createNodePlatform, type Platform } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import type { Connection } from "./connection.ts";
import type { Listener } from "./listener.ts";
import type { StreamListenOptions } from "./stream.ts";
import { dialTcp, listenTcp } from "./tcp.ts";
import { dialUnix, listenUnix } from "./unix.ts";

/** Options without the network, which the transport has. */
type Options = Omit<StreamListenOptions<never>, "network">;

/** What carries the bytes, and where. */
interface Transport {
  readonly platform: Platform;
  until<T>(promise: Promise<T>): Promise<T>;
  listen(options?: Options): Promise<Listener>;
  /** Listens once more where `listener` does, or did. */
  listenAgain(listener: Listener): Promise<Listener>;
  dial(listener: Listener, options?: Options): Promise<Connection>;
  /** What becomes of a connection to nobody. */
  readonly refusal: string;
  close(): void;
}

type Setting = Pick<Transport, "platform" | "until" | "close"> & { readonly directory: string };

function onNode(): Setting {
  const directory = mkdtempSync(join(tmpdir(), "coterie-net-"));
  const close = (): void => rmSync(directory, { recursive: true });
  return { platform: createNodePlatform(), until: (promise) => promise, directory, close };
}

function simulated(): Setting {
  const world = new SimulatedWorld({ seed: 1 });
  const platform = world.machine("n1").start();
  return { platform, until: (promise) => world.until(promise), directory: "/", close: () => {} };
}

function tcp({ platform, until, close }: Setting): Transport {
  const own = { network: platform.network, context: Context.background(platform) };
  return {
    platform,
    until,
    close,
    refusal: "ECONNREFUSED",
    listen: (options) => listenTcp("127.0.0.1:0", { ...own, ...options }),
    listenAgain: async ({ address }) => {
      if ("path" in address) throw new TypeError("no TCP");
      return listenTcp(address, own);
    },
    dial: async ({ address }, options) => {
      if ("path" in address) throw new TypeError("no TCP");
      return dialTcp(address, { ...own, ...options });
    },
  };
}

function unix({ platform, until, directory, close }: Setting): Transport {
  const own = { network: platform.unixNetwork, context: Context.background(platform) };
  const path = join(directory, "socket");
  return {
    platform,
    until,
    close,
    refusal: "ENOENT",
    listen: (options) => listenUnix(path, { ...own, ...options }),
    listenAgain: () => listenUnix(path, own),
    dial: (_, options) => dialUnix(`unix:${path}`, { ...own, ...options }),
  };
}

const transports: readonly { readonly name: string; readonly make: () => Transport }[] = [
  { name: "TCP on Node", make: () => tcp(onNode()) },
  { name: "TCP, simulated", make: () => tcp(simulated()) },
  { name: "Unix sockets on Node", make: () => unix(onNode()) },
  { name: "Unix sockets, simulated", make: () => unix(simulated()) },
];

interface Pair {
  readonly listener: Listener;
  readonly client: Connection;
  readonly server: Connection;
}

async function textOf(connection: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of connection) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function errorOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return "none";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

describe.for(transports)("$name", ({ make }) => {
  let transport: Transport;
  let context: Context;
  let run: (program: () => Promise<void>) => Promise<void>;
  let open: Pair[];
  const pair = async (options: Options = {}): Promise<Pair> => {
    const listener = await transport.listen(options);
    const client = await transport.dial(listener, options);
    const server = await listener.accept();
    if (server === closed) throw new Error("the listener is closed");
    const made = { listener, client, server };
    open.push(made);
    return made;
  };

  beforeEach(() => {
    transport = make();
    context = Context.background(transport.platform);
    run = (program) => transport.until(program());
    open = [];
  });
  afterEach(async () => {
    await run(async () => {
      for (const { listener, client, server } of open) {
        client.destroy();
        server.destroy();
        await listener.close();
      }
    });
    transport.close();
  });

  test("a server greets, closes, and its client reads to the end", () =>
    run(async () => {
      await using listener = await transport.listen();
      const serving = go(async () => {
        for await (const connection of listener) {
          await connection.write("Hello from server\n");
          await connection.close();
        }
      }, context);
      await using client = await transport.dial(listener);
      expect(client.remoteAddress).toEqual(listener.address);
      expect(await textOf(client)).toBe("Hello from server\n");
      await client.close();
      await listener.close();
      await serving;
    }));

  test("text goes out as UTF-8, and after one side's end the other may go on", () =>
    run(async () => {
      const { client, server } = await pair();
      await client.write("Où es-tu ? ");
      await client.write(Buffer.from("là"));
      client.closeWrite();
      expect(await textOf(server)).toBe("Où es-tu ? là");
      await server.write("answer");
      const ended = server.close();
      expect(await textOf(client)).toBe("answer");
      await client.close();
      await ended;
    }));

  test("a reader that does not read makes the writer wait, and nothing is lost", () =>
    run(async () => {
      const { client, server } = await pair({ readBufferBytesMax: 1_000 });
      const piece = Buffer.alloc(100_000, "x");
      let written = 0;
      for (; written < 1 << 28; written += piece.length) {
        const [patience, cancel] = context.withTimeout(20);
        const code = await errorOf(() => client.write(piece, patience));
        cancel();
        if (code === "DEADLINE_EXCEEDED") break;
        expect(code).toBe("none");
      }
      expect(written).toBeLessThan(1 << 28);
      const last = client.write("!");
      const reading = textOf(server);
      await last;
      client.closeWrite();
      const text = await reading;
      expect(text.length).toBe(written + 1);
      expect(text.endsWith("x!")).toBe(true);
    }));

  test("a read that is given up takes nothing", () =>
    run(async () => {
      const { client, server } = await pair();
      const [patience, cancel] = context.withTimeout(5);
      expect(await errorOf(() => server.read(patience))).toBe("DEADLINE_EXCEEDED");
      cancel();
      await client.write("still here");
      const piece = await server.read();
      expect(Buffer.from(piece as Uint8Array).toString()).toBe("still here");
    }));

  test("closing sends everything that was written, to a slow reader too", () =>
    run(async () => {
      const { client, server } = await pair({ readBufferBytesMax: 1_000 });
      await client.write("unread by the side that closes");
      const bytes = Buffer.alloc(3_000_000, "y");
      await server.write(bytes);
      const closing = server.close();
      expect((await textOf(client)).length).toBe(bytes.length);
      await client.close();
      await closing;
    }));

  test("closing gives up on a side that never ends", () =>
    run(async () => {
      const { client, server } = await pair({ closeWaitMs: 30 });
      const startedMs = transport.platform.clock.nowMs();
      await server.close();
      expect(transport.platform.clock.nowMs() - startedMs).toBeGreaterThanOrEqual(29);
      expect(await client.read()).toBe(closed);
    }));

  test("what comes after the close is refused, also for a write that waits", () =>
    run(async () => {
      const { client } = await pair();
      await client.write(Buffer.alloc(20_000_000));
      const waiting = errorOf(() => client.write("late"));
      client.closeWrite();
      expect(await waiting).toBe("CONNECTION_CLOSED");
      expect(await errorOf(() => client.write("later"))).toBe("CONNECTION_CLOSED");
    }));

  test("a connection that breaks fails reads and writes", () =>
    run(async () => {
      const { client, server } = await pair({ readBufferBytesMax: 1 });
      const pass = (): Promise<void> => sleep(5, context);
      // The second piece stays with the system, since nobody reads the first: closing then is a reset.
      await client.write("first");
      await pass();
      await client.write("second");
      await pass();
      server.destroy();
      expect(await errorOf(() => client.read())).toBe("CONNECTION_LOST");
      await expect(async () => client.write("x")).rejects.toMatchObject({
        code: "CONNECTION_LOST",
        outcome: "unknown",
        systemCode: expect.stringMatching(/^ECONNRESET$|^EPIPE$/),
      });
    }));

  test("dialling where nobody listens fails with the system's word", () =>
    run(async () => {
      const listener = await transport.listen();
      await listener.close();
      await expect(transport.dial(listener)).rejects.toMatchObject({
        code: "CONNECT_FAILED",
        systemCode: transport.refusal,
      });
    }));

  test("an address is listened on once", () =>
    run(async () => {
      await using listener = await transport.listen();
      await expect(transport.listenAgain(listener)).rejects.toMatchObject({
        code: "ADDRESS_UNAVAILABLE",
        systemCode: "EADDRINUSE",
      });
    }));

  test("a context that has ended dials and listens no more", () =>
    run(async () => {
      const [ended, cancel] = context.withCancel();
      await using listener = await transport.listen();
      const dialling = errorOf(() => transport.dial(listener, { context: ended }));
      cancel();
      expect(await dialling).toBe("CANCELLED");
      expect(await errorOf(() => transport.listen({ context: ended }))).toBe("CANCELLED");
    }));

  test("connections beyond those that may wait are refused and counted", () =>
    run(async () => {
      await using listener = await transport.listen({ pendingConnectionsMax: 1 });
      const first = await transport.dial(listener);
      const second = await transport.dial(listener);
      expect(await errorOf(async () => expect(await second.read()).toBe(closed))).toMatch(/none|CONNECTION_LOST/);
      expect(listener.refusedCount).toBe(1);
      await first.write("served");
      const served = await listener.accept();
      expect(served).not.toBe(closed);
      first.destroy();
      second.destroy();
      if (served !== closed) served.destroy();
    }));

  test("draining waits for the open connections; the end of its context ends them", () =>
    run(async () => {
      const { listener, client, server } = await pair();
      const [patience, cancel] = context.withCancel();
      let isDrained = false;
      const draining = listener.drain(patience).then(() => {
        isDrained = true;
      });
      await client.write("last words");
      expect(Buffer.from((await server.read()) as Uint8Array).toString()).toBe("last words");
      expect(isDrained).toBe(false);
      expect(listener.openCount).toBe(1);
      expect(await listener.accept()).toBe(closed);
      cancel();
      await draining;
      expect(listener.openCount).toBe(0);
    }));

  test("a nonsensical buffer is refused", () =>
    run(async () => {
      await using listener = await transport.listen();
      const code = await errorOf(() => transport.dial(listener, { readBufferBytesMax: 0 }));
      expect(code).toBe("INVALID_ARGUMENT");
    }));
});
