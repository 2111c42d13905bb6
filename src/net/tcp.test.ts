import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Context, closed, go, sleep } from "../channels/index.ts";
import { createNodePlatform, type Platform } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { dialTcp, listenTcp, type TcpListenOptions } from "./tcp.ts";
import type { TcpConnection } from "./tcp-connection.ts";
import type { TcpListener } from "./tcp-listener.ts";

/** Where the library runs. */
interface Host {
  readonly platform: Platform;
  until<T>(promise: Promise<T>): Promise<T>;
}

const hosts: readonly { readonly name: string; readonly make: () => Host }[] = [
  { name: "on Node", make: () => ({ platform: createNodePlatform(), until: (promise) => promise }) },
  {
    name: "simulated",
    make: () => {
      const world = new SimulatedWorld({ seed: 1 });
      return { platform: world.machine("n1").start(), until: (promise) => world.until(promise) };
    },
  },
];

interface Pair {
  readonly listener: TcpListener;
  readonly client: TcpConnection;
  readonly server: TcpConnection;
}

async function connect(options: TcpListenOptions): Promise<Pair> {
  const listener = await listenTcp("127.0.0.1:0", options);
  const client = await dialTcp(listener.address, options);
  const server = await listener.accept();
  if (server === closed) throw new Error("the listener is closed");
  return { listener, client, server };
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

describe.for(hosts)("TCP $name", ({ make }) => {
  let options: TcpListenOptions;
  let run: (program: () => Promise<void>) => Promise<void>;
  let platform: Platform;
  let open: Pair[];
  const pair = async (more: TcpListenOptions = {}): Promise<Pair> => {
    const made = await connect({ ...options, ...more });
    open.push(made);
    return made;
  };

  beforeEach(() => {
    const host = make();
    platform = host.platform;
    options = { network: platform.network, context: Context.background(platform) };
    run = (program) => host.until(program());
    open = [];
  });
  afterEach(() =>
    run(async () => {
      for (const { listener, client, server } of open) {
        client.destroy();
        server.destroy();
        await listener.close();
      }
    }),
  );

  test("a server greets, closes, and its client reads to the end", () =>
    run(async () => {
      await using listener = await listenTcp("127.0.0.1:0", options);
      const serving = go(async () => {
        for await (const connection of listener) {
          await connection.write("Hello from server\n");
          await connection.close();
        }
      }, options.context);
      await using client = await dialTcp(listener.address, options);
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
        const [patience, cancel] = (options.context as Context).withTimeout(20);
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
      const [patience, cancel] = (options.context as Context).withTimeout(5);
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
      const startedMs = platform.clock.nowMs();
      await server.close();
      expect(platform.clock.nowMs() - startedMs).toBeGreaterThanOrEqual(29);
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
      const pass = (): Promise<void> => sleep(5, options.context);
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
        systemCode: "ECONNRESET",
      });
    }));

  test("dialling where nobody listens fails with the system's word", () =>
    run(async () => {
      const listener = await listenTcp("127.0.0.1:0", options);
      await listener.close();
      await expect(dialTcp(listener.address, options)).rejects.toMatchObject({
        code: "CONNECT_FAILED",
        systemCode: "ECONNREFUSED",
      });
    }));

  test("a port is listened on once", () =>
    run(async () => {
      await using listener = await listenTcp("127.0.0.1:0", options);
      await expect(listenTcp(listener.address, options)).rejects.toMatchObject({
        code: "ADDRESS_UNAVAILABLE",
        systemCode: "EADDRINUSE",
      });
    }));

  test("a context that has ended dials and listens no more", () =>
    run(async () => {
      const [context, cancel] = (options.context as Context).withCancel();
      await using listener = await listenTcp("127.0.0.1:0", options);
      const dialling = errorOf(() => dialTcp(listener.address, { ...options, context }));
      cancel();
      expect(await dialling).toBe("CANCELLED");
      expect(await errorOf(() => listenTcp("127.0.0.1:0", { ...options, context }))).toBe("CANCELLED");
    }));

  test("connections beyond those that may wait are refused and counted", () =>
    run(async () => {
      await using listener = await listenTcp("127.0.0.1:0", { ...options, pendingConnectionsMax: 1 });
      const first = await dialTcp(listener.address, options);
      const second = await dialTcp(listener.address, options);
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
      const [context, cancel] = (options.context as Context).withCancel();
      let isDrained = false;
      const draining = listener.drain(context).then(() => {
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
      await using listener = await listenTcp("127.0.0.1:0", options);
      const code = await errorOf(() => dialTcp(listener.address, { ...options, readBufferBytesMax: 0 }));
      expect(code).toBe("INVALID_ARGUMENT");
    }));
});
