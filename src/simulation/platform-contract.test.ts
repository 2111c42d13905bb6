import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createNodePlatform,
  type DatagramSocket,
  type DiskError,
  type DiskFile,
  datagramBytesMax,
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
import { SimulatedWorld } from "./world.ts";

/** One implementation of the platform. */
interface Host {
  readonly platform: Platform;
  /** Empty, and only this test's. */
  readonly directory: string;
  readonly address: string;
  /** Lets time pass until `promise` settles. */
  until<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

async function nodeHost(): Promise<Host> {
  const directory = await mkdtemp(join(tmpdir(), "coterie-contract-"));
  return {
    platform: createNodePlatform(),
    directory,
    address: "127.0.0.1",
    until: (promise) => promise,
    close: () => rm(directory, { recursive: true }),
  };
}

async function simulatedHost(): Promise<Host> {
  const world = new SimulatedWorld({ seed: 1 });
  const platform = world.machine("n1").start();
  await world.until(platform.disk.makeDirectory("/data"));
  return {
    platform,
    directory: "/data",
    address: "127.0.0.1",
    until: (promise) => world.until(promise),
    close: async () => {},
  };
}

const implementations: readonly { readonly name: string; readonly make: () => Promise<Host> }[] = [
  { name: "platform contract, Node", make: nodeHost },
  { name: "platform contract, simulated", make: simulatedHost },
];

describe.for(implementations)("$name", ({ make }) => {
  let host: Host;
  beforeEach(async () => {
    host = await make();
  });
  afterEach(() => host.close());

  diskContract(() => host);
  fileContract(() => host);
  lockContract(() => host);
  clockContract(() => host);
  describe("TCP", () => {
    const streams = (): Streams<SocketAddress> => {
      const { platform, address, until } = host;
      const isSame = (left: SocketAddress, right: SocketAddress): boolean =>
        left.host === right.host && left.port === right.port;
      const free = { host: address, port: 0 };
      return { network: platform.network, free, clock: platform.clock, until, isSame, refusal: "ECONNREFUSED" };
    };
    streamContract(streams);
    connectionContract(streams);
    portContract(() => host);
  });
  describe("Unix sockets", () => {
    const streams = (): Streams<UnixAddress> => {
      const { platform, directory, until } = host;
      const isSame = (left: UnixAddress, right: UnixAddress): boolean => left.path === right.path;
      const free = { path: join(directory, "socket") };
      return { network: platform.unixNetwork, free, clock: platform.clock, until, isSame, refusal: "ENOENT" };
    };
    streamContract(streams);
    connectionContract(streams);
    pathContract(() => host);
  });
  datagramContract(() => host);
  environmentContract(() => host);
});

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: DiskError | NetworkError) => `${error.name} ${error.code}`,
  );
}

/** The outcome of an operation with a callback, which must not come within the call. */
function called(start: (done: (error: DiskError | undefined) => void) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let isWithin = true;
    let count = 0;
    start((error) => {
      if (isWithin) reject(new Error("called back within the call"));
      if (++count > 1) reject(new Error("called back twice"));
      resolve(error === undefined ? "done" : `${error.operation} ${error.code}`);
    });
    isWithin = false;
  });
}

function diskContract(host: () => Host): void {
  const path = (name: string): string => join(host().directory, name);
  const disk = () => host().platform.disk;
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);
  const create = async (name: string, text = ""): Promise<void> => {
    const file = await until(disk().open(path(name), "create"));
    await until(called((done) => file.write(bytesOf(text), 0, done)));
    await until(file.close());
  };

  test("what was written is read back", async () => {
    await create("a", "hello");
    expect(textOf(await until(disk().readFile(path("a"))))).toBe("hello");
  });

  test("opening says what is there and what is not", async () => {
    await create("a");
    await until(disk().makeDirectory(path("folder")));
    expect(await until(codeOf(disk().open(path("a"), "create")))).toBe("DiskError EEXIST");
    expect(await until(codeOf(disk().open(path("b"), "read")))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().open(path("b"), "write")))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().open(path("no/b"), "create")))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().open(path("folder"), "write")))).toBe("DiskError EISDIR");
    expect(await until(codeOf(disk().readFile(path("b"))))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().readFile(path("folder"))))).toBe("DiskError EISDIR");
  });

  test("a rename replaces what stood there", async () => {
    await create("a", "new");
    await create("b", "old");
    await until(disk().rename(path("a"), path("b")));
    expect(textOf(await until(disk().readFile(path("b"))))).toBe("new");
    expect(await until(disk().list(host().directory))).toEqual(["b"]);
    expect(await until(codeOf(disk().rename(path("a"), path("c"))))).toBe("DiskError ENOENT");
  });

  test("a folder lists its names in order", async () => {
    await create("b");
    await create("a");
    await until(disk().makeDirectory(path("c/d")));
    expect(await until(disk().list(host().directory))).toEqual(["a", "b", "c"]);
    expect(await until(disk().list(path("c")))).toEqual(["d"]);
    expect(await until(codeOf(disk().list(path("none"))))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().list(path("a"))))).toBe("DiskError ENOTDIR");
  });

  test("making a folder twice is no error, in place of a file it is one", async () => {
    await until(disk().makeDirectory(path("x/y/z")));
    await until(disk().makeDirectory(path("x/y/z")));
    await create("file");
    expect(await until(codeOf(disk().makeDirectory(path("file"))))).toBe("DiskError EEXIST");
    expect(await until(codeOf(disk().makeDirectory(path("file/below"))))).toBe("DiskError ENOTDIR");
  });

  test("files and trees are removed", async () => {
    await create("a");
    await until(disk().remove(path("a")));
    expect(await until(codeOf(disk().remove(path("a"))))).toBe("DiskError ENOENT");
    await until(disk().makeDirectory(path("x/y")));
    await create("x/y/file");
    await until(disk().removeTree(path("x")));
    await until(disk().removeTree(path("x")));
    expect(await until(disk().list(host().directory))).toEqual([]);
  });

  test("a renamed folder takes its files along", async () => {
    await until(disk().makeDirectory(path("x/y")));
    await create("x/y/file", "text");
    await until(disk().rename(path("x"), path("z")));
    expect(textOf(await until(disk().readFile(path("z/y/file"))))).toBe("text");
    expect(await until(disk().list(host().directory))).toEqual(["z"]);
  });

  test("a folder can be synced, a missing one cannot", async () => {
    await create("a");
    await until(disk().syncDirectory(host().directory));
    expect(await until(codeOf(disk().syncDirectory(path("none"))))).toBe("DiskError ENOENT");
  });

  test("free space is a number of bytes", async () => {
    expect(await until(disk().freeBytes(host().directory))).toBeGreaterThan(1_000_000);
  });
}

function fileContract(host: () => Host): void {
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);
  const open = (mode: "read" | "write" | "create"): Promise<DiskFile> =>
    until(host().platform.disk.open(join(host().directory, "file"), mode));
  const write = (file: DiskFile, text: string, position: number): Promise<string> =>
    until(called((done) => file.write(bytesOf(text), position, done)));

  test("writes land at their positions, gaps are zero", async () => {
    const file = await open("create");
    expect(await write(file, "world", 6)).toBe("done");
    expect(await write(file, "hello", 0)).toBe("done");
    expect(textOf(await until(file.read(0, 100)))).toBe("hello\0world");
    expect(await until(file.sizeBytes())).toBe(11);
    await until(file.close());
  });

  test("a read ends with the file", async () => {
    const file = await open("create");
    await write(file, "hello", 0);
    expect(textOf(await until(file.read(3, 10)))).toBe("lo");
    expect(textOf(await until(file.read(1, 2)))).toBe("el");
    expect(textOf(await until(file.read(5, 10)))).toBe("");
    expect(textOf(await until(file.read(50, 10)))).toBe("");
    await until(file.close());
  });

  test("a file is synced, written and synced in one, and in any mixture", async () => {
    const file = await open("create");
    const outcomes: string[] = [];
    for (const [index, kind] of ["both", "write", "both", "sync", "both", "write", "sync", "both"].entries()) {
      const bytes = bytesOf(String(index));
      if (kind === "both") outcomes.push(await until(called((done) => file.writeAndSync(bytes, index, done))));
      else if (kind === "write") outcomes.push(await until(called((done) => file.write(bytes, index, done))));
      else outcomes.push(await until(called((done) => file.sync(done))));
    }
    expect(new Set(outcomes)).toEqual(new Set(["done"]));
    expect(textOf(await until(file.read(0, 9)))).toBe("012\x004" + "5\x007");
    await until(file.close());
  });

  test("several writes may be under way at once", async () => {
    const file = await open("create");
    const writes = Array.from({ length: 50 }, (_, at) => called((done) => file.write(bytesOf("x"), at, done)));
    expect(new Set(await until(Promise.all(writes)))).toEqual(new Set(["done"]));
    expect(await until(file.sizeBytes())).toBe(50);
    await until(file.close());
  });

  test("truncating cuts and extends", async () => {
    const file = await open("create");
    await write(file, "hello", 0);
    await until(file.truncate(2));
    await until(file.truncate(4));
    expect(textOf(await until(file.read(0, 10)))).toBe("he\0\0");
    await until(file.close());
  });

  test("two openings show one file", async () => {
    const file = await open("create");
    const other = await open("read");
    await write(file, "hello", 0);
    expect(textOf(await until(other.read(0, 10)))).toBe("hello");
    expect(await write(other, "no", 0)).toBe("write EBADF");
    await until(Promise.all([file.close(), other.close()]));
  });

  test("a file that was renamed or removed goes on under its opening", async () => {
    const file = await open("create");
    await until(host().platform.disk.rename(join(host().directory, "file"), join(host().directory, "other")));
    await write(file, "hello", 0);
    expect(textOf(await until(host().platform.disk.readFile(join(host().directory, "other"))))).toBe("hello");
    await until(host().platform.disk.remove(join(host().directory, "other")));
    expect(textOf(await until(file.read(0, 10)))).toBe("hello");
    await until(file.close());
  });

  test("closing waits for what is under way, and ends it all", async () => {
    const file = await open("create");
    const outcomes: string[] = [];
    void called((done) => file.write(bytesOf("x"), 0, done)).then((outcome) => outcomes.push(outcome));
    void called((done) => file.writeAndSync(bytesOf("y"), 1, done)).then((outcome) => outcomes.push(outcome));
    await until(file.close().then(() => outcomes.push("closed")));
    expect(outcomes).toEqual(["done", "done", "closed"]);
    await until(file.close());
    expect(await write(file, "z", 2)).toBe("write EBADF");
    expect(await until(called((done) => file.sync(done)))).toBe("sync EBADF");
    expect(await until(called((done) => file.writeAndSync(bytesOf("z"), 2, done)))).toBe("write EBADF");
    expect(await until(codeOf(file.read(0, 1)))).toBe("DiskError EBADF");
    expect(await until(codeOf(file.truncate(0)))).toBe("DiskError EBADF");
  });
}

function lockContract(host: () => Host): void {
  const disk = () => host().platform.disk;
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);

  test("a directory is held by one until it is released [D-9]", async () => {
    const lock = await until(disk().lock(host().directory));
    expect(await until(codeOf(disk().lock(host().directory)))).toBe("DiskError ELOCKED");
    await until(lock.release());
    await until((await until(disk().lock(host().directory))).release());
  });

  test("the path does not matter, the directory does", async () => {
    await until(disk().makeDirectory(join(host().directory, "a")));
    await until(disk().makeDirectory(join(host().directory, "b")));
    const lock = await until(disk().lock(`${host().directory}/a`));
    expect(await until(codeOf(disk().lock(`${host().directory}/b/../a`)))).toBe("DiskError ELOCKED");
    await until((await until(disk().lock(`${host().directory}/b`))).release());
    await until(lock.release());
    expect(await until(codeOf(disk().lock(`${host().directory}/none`)))).toBe("DiskError ENOENT");
  });

  test("of many that start at once one gets the directory [D-9]", async () => {
    const attempts = Array.from({ length: 10 }, () => disk().lock(host().directory));
    const outcomes = await until(Promise.allSettled(attempts));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === "fulfilled") await until(outcome.value.release());
  });
}

function clockContract(host: () => Host): void {
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);

  test("a timer fires once, when its time has come and not before", async () => {
    const { clock } = host().platform;
    const startMs = clock.nowMs();
    for (const delayMs of [0, 1, 2.5, 7]) {
      const beganMs = clock.nowMs();
      await until(
        new Promise<void>((resolve, reject) => {
          let isWithin = true;
          clock.setTimer(delayMs, () => (isWithin ? reject(new Error("within the call")) : resolve()));
          isWithin = false;
        }),
      );
      expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(delayMs);
    }
    expect(clock.nowMs() - startMs).toBeGreaterThanOrEqual(10.5);
  });

  test("timers fire in the order of their times", async () => {
    const { clock } = host().platform;
    const fired: number[] = [];
    const timers = [15, 5, 10, 5].map((delayMs, index) => clock.setTimer(delayMs, () => fired.push(index)));
    expect(timers).toHaveLength(4);
    await until(new Promise<void>((resolve) => void clock.setTimer(30, resolve)));
    expect(fired).toEqual([1, 3, 2, 0]);
  });

  test("a cancelled timer never fires", async () => {
    const { clock } = host().platform;
    const fired: string[] = [];
    const first = clock.setTimer(1, () => fired.push("first"));
    clock.setTimer(2, () => {
      fired.push("second");
      third.cancel();
    });
    const third = clock.setTimer(15, () => fired.push("third"));
    first.cancel();
    first.cancel();
    await until(new Promise<void>((resolve) => void clock.setTimer(20, resolve)));
    expect(fired).toEqual(["second"]);
  });

  test("the end of a turn comes after the call, in order, and what it registers comes a turn later", async () => {
    const { clock } = host().platform;
    const order: string[] = [];
    await until(
      new Promise<void>((resolve) => {
        clock.atEndOfTurn(() => {
          order.push("one");
          clock.atEndOfTurn(() => {
            order.push("three");
            clock.atEndOfTurn(resolve);
          });
        });
        clock.atEndOfTurn(() => order.push("two"));
        order.push("call");
      }),
    );
    expect(order).toEqual(["call", "one", "two", "three"]);
  });

  test("the wall clock counts whole milliseconds", () => {
    const wallMs = host().platform.clock.wallMs();
    expect(Number.isInteger(wallMs)).toBe(true);
    expect(wallMs).toBeGreaterThan(Date.UTC(2020, 0));
  });
}

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

interface Mailbox {
  readonly socket: DatagramSocket;
  readonly messages: { readonly text: string; readonly from: SocketAddress }[];
  /** The first so many messages, in an order that says nothing. */
  texts(count: number): Promise<readonly string[]>;
}

async function openMailbox(host: Host, port = 0, remote?: SocketAddress): Promise<Mailbox> {
  const messages: { readonly text: string; readonly from: SocketAddress }[] = [];
  let check = (): void => {};
  const handlers = {
    onMessage: (bytes: Uint8Array, from: SocketAddress): void => {
      messages.push({ text: textOf(bytes), from });
      check();
    },
    onError: (): void => {},
  };
  const socket = await host.until(host.platform.datagrams.bind({ host: host.address, port }, handlers, remote));
  const texts = (count: number): Promise<readonly string[]> =>
    new Promise((resolve) => {
      check = () => {
        if (messages.length >= count) resolve(messages.map(({ text }) => text).toSorted());
      };
      check();
    });
  return { socket, messages, texts };
}

function sent(socket: DatagramSocket, text: string, to?: SocketAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    let isWithin = true;
    socket.send(bytesOf(text), to, (error) => {
      if (isWithin) reject(new Error("called back within the call"));
      resolve(error?.code ?? "sent");
    });
    isWithin = false;
  });
}

function datagramContract(host: () => Host): void {
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);

  test("a datagram arrives whole, says where it comes from, and can be answered", async () => {
    const server = await openMailbox(host());
    const client = await openMailbox(host(), 0, server.socket.localAddress);
    expect(client.socket.remoteAddress).toEqual(server.socket.localAddress);
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    expect(await until(sent(client.socket, all))).toBe("sent");
    expect(await until(sent(client.socket, ""))).toBe("sent");
    expect(await until(server.texts(2))).toEqual(["", all]);
    const [first] = server.messages;
    expect(first?.from).toEqual(client.socket.localAddress);
    expect(await until(sent(server.socket, "answer", first?.from))).toBe("sent");
    expect(await until(client.texts(1))).toEqual(["answer"]);
    await until(Promise.all([server.socket.close(), client.socket.close()]));
  });

  test("a connected socket has the address by which the other side knows it", async () => {
    const server = await openMailbox(host());
    const { datagrams } = host().platform;
    const handlers = { onMessage: () => {}, onError: () => {} };
    const client = await until(datagrams.bind({ host: "", port: 0 }, handlers, server.socket.localAddress));
    await until(sent(client, "?"));
    await until(server.texts(1));
    expect(client.localAddress).toEqual(server.messages[0]?.from);
    await until(Promise.all([server.socket.close(), client.close()]));
  });

  test("a connected socket hears from its remote address alone", async () => {
    const server = await openMailbox(host());
    const stranger = await openMailbox(host());
    const client = await openMailbox(host(), 0, server.socket.localAddress);
    await until(sent(stranger.socket, "stranger", client.socket.localAddress));
    await until(sent(server.socket, "friend", client.socket.localAddress));
    expect(await until(client.texts(1))).toEqual(["friend"]);
    await until(Promise.all([server, stranger, client].map(({ socket }) => socket.close())));
  });

  test("a datagram that is too long is refused; the longest is not", async () => {
    const server = await openMailbox(host());
    const client = await openMailbox(host(), 0, server.socket.localAddress);
    expect(await until(sent(client.socket, "x".repeat(datagramBytesMax + 1)))).toBe("EMSGSIZE");
    expect(await until(sent(client.socket, "x".repeat(datagramBytesMax)))).toBe("sent");
    expect((await until(server.texts(1)))[0]).toHaveLength(datagramBytesMax);
    await until(Promise.all([server.socket.close(), client.socket.close()]));
  });

  test("a datagram to port 0 is refused", async () => {
    const client = await openMailbox(host());
    expect(await until(sent(client.socket, "?", { host: host().address, port: 0 }))).toBe("EINVAL");
    await until(client.socket.close());
  });

  test("a datagram port is bound once, and free after the close", async () => {
    const first = await openMailbox(host());
    const { port } = first.socket.localAddress;
    expect(await codeOf(openMailbox(host(), port))).toBe("NetworkError EADDRINUSE");
    await until(first.socket.close());
    await until(first.socket.close());
    expect(await until(sent(first.socket, "late", first.socket.localAddress))).toBe("ECANCELED");
    const second = await openMailbox(host(), port);
    expect(second.socket.localAddress.port).toBe(port);
    await until(second.socket.close());
  });

  test("a datagram to nobody harms nobody", async () => {
    const gone = await openMailbox(host());
    await until(gone.socket.close());
    const client = await openMailbox(host());
    expect(await until(sent(client.socket, "?", gone.socket.localAddress))).toBe("sent");
    expect(await until(sent(client.socket, "self", client.socket.localAddress))).toBe("sent");
    expect(await until(client.texts(1))).toEqual(["self"]);
    await until(client.socket.close());
  });
}

function environmentContract(host: () => Host): void {
  test("random numbers have 32 bits, random bytes the length that was asked for", () => {
    const { random } = host().platform;
    let union = 0;
    for (let count = 0; count < 3000; count++) {
      const value = random.uint32();
      expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
      union |= value;
    }
    expect(union).toBe(-1);
    for (const length of [0, 1, 16, 1000, 5000]) {
      const bytes = random.bytes(length);
      expect(bytes).toHaveLength(length);
      // 16 equal bytes in a row are no accident.
      if (length > 1000) expect(new Set(bytes).size).toBeGreaterThan(100);
    }
    expect(random.bytes(16)).not.toEqual(random.bytes(16));
  });

  test("the process says what it is and what it uses", () => {
    const { process } = host().platform;
    expect(process.id).toBeGreaterThan(0);
    expect(process.runtimeVersion).toMatch(/^\d+\.\d+\.\d+/);
    expect(process.memory().residentBytes).toBeGreaterThan(process.memory().heapBytes);
    expect(process.memory().heapBytes).toBeGreaterThan(0);
    expect(process.openFilesMax).toBeGreaterThan(16);
    expect(process.cpu().userUs).toBeGreaterThanOrEqual(0);
    expect(process.cpu().systemUs).toBeGreaterThanOrEqual(0);
  });
}
