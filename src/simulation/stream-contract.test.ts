/** Connections over TCP and Unix sockets: Node's own and the simulated ones alike. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bytesOf, codeOf, type Host, onEachPlatform, textOf } from "../../test/platform/contract.ts";
import {
  type Network,
  type NetworkError,
  type Platform,
  type SocketAddress,
  type StreamHandlers,
  type StreamListener,
  type StreamSocket,
  type UnixAddress,
  unixPathBytesMax,
} from "../platform/index.ts";

onEachPlatform((host) => {
  describe("TCP", () => {
    const streams = (): Streams<SocketAddress> => {
      const { platform, address, until } = host();
      const isSame = (left: SocketAddress, right: SocketAddress): boolean =>
        left.host === right.host && left.port === right.port;
      const free = { host: address, port: 0 };
      return { network: platform.network, free, clock: platform.clock, until, isSame, refusal: "ECONNREFUSED" };
    };
    streamContract(streams);
    connectionContract(streams);
    portContract(host);
  });
  describe("Unix sockets", () => {
    const streams = (): Streams<UnixAddress> => {
      const { platform, directory, until } = host();
      const isSame = (left: UnixAddress, right: UnixAddress): boolean => left.path === right.path;
      const free = { path: join(directory, "socket") };
      return { network: platform.unixNetwork, free, clock: platform.clock, until, isSame, refusal: "ENOENT" };
    };
    streamContract(streams);
    connectionContract(streams);
    pathContract(host);
  });
});

/** Both ends of a connection, and all that happened to each. */
class End<A> implements StreamHandlers {
  readonly events: string[] = [];
  received = "";
  socket: StreamSocket<A> | undefined;
  /** Set while a call to the socket is under way. */
  isWithin = false;
  #waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  onOpen(): void {
    this.#note("open");
  }
  onData(bytes: Uint8Array): void {
    this.received += textOf(bytes);
    this.#note("data");
  }
  onDrain(): void {
    this.#note("drain");
  }
  onEnd(): void {
    this.#note("end");
  }
  onClose(error: NetworkError | undefined): void {
    this.#note(error === undefined ? "close" : `close ${error.code}`);
  }

  when(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ condition, resolve });
      this.#check();
    });
  }

  saw(event: string): Promise<void> {
    return this.when(() => this.events.some((seen) => seen.startsWith(event)));
  }

  /** Calls the socket, during which no handler may run. */
  call<T>(action: (socket: StreamSocket<A>) => T): T {
    if (this.socket === undefined) throw new Error("not connected");
    this.isWithin = true;
    const result = action(this.socket);
    this.isWithin = false;
    return result;
  }

  #note(event: string): void {
    if (this.isWithin) throw new Error(`${event} within a call`);
    if (this.events.at(-1) !== event || event !== "data") this.events.push(event);
    this.#check();
  }

  #check(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ condition, resolve }) => {
      if (condition()) resolve();
      return !condition();
    });
  }
}

interface Pair<A> {
  readonly client: End<A>;
  readonly server: End<A>;
  readonly listener: StreamListener<A>;
}

/** A network of byte streams, and where to listen in it. */
interface Streams<A> {
  readonly network: Network<A>;
  readonly free: A;
  readonly clock: Platform["clock"];
  readonly isSame: (left: A, right: A) => boolean;
  /** What becomes of a connection to an address at which nobody listens any more. */
  readonly refusal: string;
  until<T>(promise: Promise<T>): Promise<T>;
}

async function connectPair<A>(
  { network, free, until }: Streams<A>,
  server: End<A> = new End<A>(),
  client: End<A> = new End<A>(),
): Promise<Pair<A>> {
  const listener = await until(
    network.listen(free, (socket) => {
      server.socket = socket;
      socket.handle(server);
    }),
  );
  client.socket = network.connect(listener.address, client);
  await until(client.saw("open"));
  // The other side may hear of it later.
  client.call((socket) => socket.write("?"));
  await until(server.saw("data"));
  server.received = "";
  server.events.length = 0;
  client.events.length = 0;
  return { client, server, listener };
}

function streamContract<A>(host: () => Streams<A>): void {
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);

  test("bytes of every value arrive in order, whether written as text or as bytes", async () => {
    const { client, server, listener } = await connectPair(host());
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    client.call((socket) => socket.write(all));
    client.call((socket) => socket.write(bytesOf(all)));
    client.call((socket) => socket.write(""));
    client.call((socket) => socket.write("end"));
    await until(server.when(() => server.received.endsWith("end")));
    expect(server.received).toBe(`${all}${all}end`);
    server.call((socket) => socket.write("back"));
    await until(client.when(() => client.received === "back"));
    await closePair(host(), { client, server, listener });
  });

  test("the addresses agree", async () => {
    const { client, server, listener } = await connectPair(host());
    expect(client.socket?.remoteAddress).toEqual(listener.address);
    expect(server.socket?.localAddress).toEqual(listener.address);
    expect(server.socket?.remoteAddress).toEqual(client.socket?.localAddress);
    expect(host().isSame(listener.address, server.socket?.remoteAddress ?? listener.address)).toBe(false);
    await closePair(host(), { client, server, listener });
  });

  test("a receiver that pauses holds the sender back, and nothing is lost", async () => {
    const { client, server, listener } = await connectPair(host());
    server.call((socket) => socket.pause());
    const piece = "0123456789abcdef".repeat(4096);
    let sent = 0;
    let isTaken = true;
    while (isTaken) {
      isTaken = client.call((socket) => socket.write(piece));
      sent += piece.length;
      expect(sent).toBeLessThan(1 << 28);
      // Lets the operating systems move what they will.
      await until(new Promise<void>((resolve) => void host().clock.setTimer(2, resolve)));
    }
    expect(client.socket?.pendingBytes).toBeGreaterThan(0);
    expect(client.events).not.toContain("drain");
    expect(server.received).toBe("");
    server.call((socket) => socket.resume());
    await until(client.saw("drain"));
    expect(client.socket?.pendingBytes).toBe(0);
    await until(server.when(() => server.received.length === sent));
    expect(server.received === piece.repeat(sent / piece.length)).toBe(true);
    await closePair(host(), { client, server, listener });
  });

  test("a write that was taken at once gives no drain", async () => {
    const { client, server, listener } = await connectPair(host());
    expect(client.call((socket) => socket.write("x"))).toBe(true);
    await until(server.saw("data"));
    server.call((socket) => socket.write("y"));
    await until(client.saw("data"));
    expect(client.events).toEqual(["data"]);
    await closePair(host(), { client, server, listener });
  });

  test("after one side's end the other may go on writing", async () => {
    const { client, server, listener } = await connectPair(host());
    client.call((socket) => socket.write("last"));
    client.call((socket) => socket.end());
    await until(server.saw("end"));
    expect(server.received).toBe("last");
    expect(server.events).toEqual(["data", "end"]);
    server.call((socket) => socket.write("answer"));
    await until(client.when(() => client.received === "answer"));
    server.call((socket) => socket.end());
    await until(Promise.all([client.saw("close"), server.saw("close")]));
    expect(client.events).toEqual(["data", "end", "close"]);
    expect(server.events).toEqual(["data", "end", "close"]);
    await until(listener.close());
  });

  test("without a handler for the end the socket ends its own side too", async () => {
    const server = new End<A>();
    Object.defineProperty(server, "onEnd", { value: undefined });
    const { client, listener } = await connectPair(host(), server);
    client.call((socket) => socket.end());
    await until(Promise.all([client.saw("close"), server.saw("close")]));
    expect(client.events).toEqual(["end", "close"]);
    expect(server.events).toEqual(["close"]);
    await until(listener.close());
  });

  test("what is queued leaves before the end", async () => {
    const { client, server, listener } = await connectPair(host());
    const text = "x".repeat(3_000_000);
    client.call((socket) => socket.write(text));
    client.call((socket) => socket.end());
    await until(server.saw("end"));
    expect(server.received.length).toBe(text.length);
    server.call((socket) => socket.end());
    await until(Promise.all([client.saw("close"), server.saw("close")]));
    await until(listener.close());
  });
}

async function closePair<A>(host: Streams<A>, { client, server, listener }: Pair<A>): Promise<void> {
  client.socket?.destroy();
  server.socket?.destroy();
  await host.until(listener.close());
}

function connectionContract<A>(host: () => Streams<A>): void {
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);

  test("destroying a socket tells its own side at once, and the other side something", async () => {
    const { client, server, listener } = await connectPair(host());
    client.call((socket) => socket.destroy());
    client.call((socket) => socket.destroy());
    expect(client.call((socket) => socket.write("dropped"))).toBe(false);
    await until(client.saw("close"));
    expect(client.events).toEqual(["close"]);
    await until(server.when(() => server.events.some((event) => event === "end" || event.startsWith("close"))));
    server.call((socket) => socket.end());
    await until(server.saw("close"));
    expect(server.received).toBe("");
    await until(listener.close());
  });

  test("what is written after the end is dropped", async () => {
    const { client, server, listener } = await connectPair(host());
    client.call((socket) => socket.end());
    expect(client.call((socket) => socket.write("dropped"))).toBe(false);
    await until(server.saw("end"));
    expect(server.received).toBe("");
    await closePair(host(), { client, server, listener });
  });

  test("a handler may destroy its socket and hears nothing more but the close", async () => {
    const server = new (class extends End<A> {
      override onData(bytes: Uint8Array): void {
        super.onData(bytes);
        if (this.received.includes("!")) this.socket?.destroy();
      }
    })();
    const { client, listener } = await connectPair(host(), server);
    client.call((socket) => socket.write("!"));
    for (let count = 0; count < 5; count++) client.call((socket) => socket.write("more"));
    client.call((socket) => socket.end());
    await until(Promise.all([server.saw("close"), client.saw("close")]));
    expect(server.events).toEqual(["data", "close"]);
    await until(listener.close());
  });

  test("nobody listens: the connection is refused", async () => {
    const listener = await until(host().network.listen(host().free, () => {}));
    await until(listener.close());
    await until(listener.close());
    const client = new End<A>();
    host().network.connect(listener.address, client);
    await until(client.saw("close"));
    expect(client.events).toEqual([`close ${host().refusal}`]);
  });

  test("an address is listened on once", async () => {
    const { network } = host();
    const listener = await until(network.listen(host().free, () => {}));
    expect(await until(codeOf(network.listen(listener.address, () => {})))).toBe("NetworkError EADDRINUSE");
    await until(listener.close());
    await until((await until(network.listen(listener.address, () => {}))).close());
  });

  test("closing a listener leaves its sockets open", async () => {
    const { client, server, listener } = await connectPair(host());
    await until(listener.close());
    client.call((socket) => socket.write("still here"));
    await until(server.when(() => server.received === "still here"));
    await closePair(host(), { client, server, listener });
  });

  test("bytes written before the connection is open leave when it is", async () => {
    const server = new End<A>();
    const listener = await until(
      host().network.listen(host().free, (socket) => {
        server.socket = socket;
        socket.handle(server);
      }),
    );
    const client = new End<A>();
    client.socket = host().network.connect(listener.address, client);
    expect(client.call((socket) => socket.write("early"))).toBe(false);
    expect(client.socket.pendingBytes).toBe(5);
    await until(Promise.all([server.when(() => server.received === "early"), client.saw("drain")]));
    expect(client.events).toEqual(["open", "drain"]);
    await closePair(host(), { client, server, listener });
  });

  test("a connection that is given up before it opens only closes", async () => {
    const listener = await until(host().network.listen(host().free, (socket) => socket.handle(new End<A>())));
    const client = new End<A>();
    client.socket = host().network.connect(listener.address, client);
    client.call((socket) => socket.destroy());
    await until(client.saw("close"));
    expect(client.events).toEqual(["close"]);
    await until(listener.close());
  });

  test("300 connections that come at once are all served", async () => {
    const { network } = host();
    const listener = await until(
      network.listen(host().free, (socket) => {
        socket.handle({ onData: (bytes) => void socket.write(textOf(bytes).toUpperCase()), onClose: () => {} });
      }),
    );
    const clients = Array.from({ length: 300 }, () => new End<A>());
    for (const client of clients) {
      client.socket = network.connect(listener.address, client);
      client.socket.write("hello");
    }
    await until(Promise.all(clients.map((client) => client.when(() => client.received === "HELLO"))));
    for (const client of clients) client.call((socket) => socket.end());
    await until(Promise.all(clients.map((client) => client.saw("close"))));
    await until(listener.close());
  });
}

function portContract(host: () => Host): void {
  test("port 0 takes any free port", async () => {
    const { platform, address, until } = host();
    const listeners = await until(
      Promise.all([0, 0].map((port) => platform.network.listen({ host: address, port }, () => {}))),
    );
    const ports = listeners.map((listener) => listener.address.port);
    expect(Math.min(...ports)).toBeGreaterThan(0);
    expect(new Set(ports).size).toBe(2);
    for (const listener of listeners) await until(listener.close());
  });
}

function pathContract(host: () => Host): void {
  const path = (name: string): string => join(host().directory, name);
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);
  const unix = () => host().platform.unixNetwork;
  const connectionTo = async (address: UnixAddress): Promise<readonly string[]> => {
    const end = new End<UnixAddress>();
    end.socket = unix().connect(address, end);
    await until(end.saw("close"));
    return end.events;
  };

  test("a listener has a file, which goes with it", async () => {
    const listener = await until(unix().listen({ path: path("a") }, () => {}));
    expect(await until(host().platform.disk.list(host().directory))).toEqual(["a"]);
    await until(listener.close());
    expect(await until(host().platform.disk.list(host().directory))).toEqual([]);
  });

  test("what stands in the way of listening is said", async () => {
    const disk = host().platform.disk;
    await until((await until(disk.open(path("file"), "create"))).close());
    const codeAt = (where: string): Promise<string> => until(codeOf(unix().listen({ path: where }, () => {})));
    expect(await codeAt(path("file"))).toBe("NetworkError EADDRINUSE");
    expect(await codeAt(path("none/socket"))).toMatch(/^NetworkError (ENOENT|EACCES)$/);
    expect(await codeAt("")).toBe("NetworkError EINVAL");
    expect(await codeAt("\0abstract")).toBe("NetworkError EINVAL");
    expect(await codeAt(`/${"x".repeat(unixPathBytesMax)}`)).toBe("NetworkError EINVAL");
  });

  test("what stands in the way of connecting is said", async () => {
    const disk = host().platform.disk;
    await until((await until(disk.open(path("file"), "create"))).close());
    expect(await connectionTo({ path: path("none") })).toEqual(["close ENOENT"]);
    expect(await connectionTo({ path: path("file") })).toEqual(["close ECONNREFUSED"]);
    expect(await connectionTo({ path: "" })).toEqual(["close EINVAL"]);
    expect(await connectionTo({ path: `/${"x".repeat(unixPathBytesMax)}` })).toEqual(["close EINVAL"]);
  });

  test("a file that was removed leads to nobody, and its path is free", async () => {
    const first = await until(unix().listen({ path: path("a") }, () => {}));
    await until(host().platform.disk.remove(path("a")));
    expect(await connectionTo(first.address)).toEqual(["close ENOENT"]);
    const second = await until(unix().listen({ path: path("a") }, () => {}));
    await until(second.close());
    await until(first.close());
  });
}
