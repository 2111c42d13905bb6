import { expect, test } from "vitest";
import type { NetworkError, StreamSocket } from "../platform/index.ts";
import type { SimulatedMachine } from "./machine.ts";
import { SimulatedWorld } from "./world.ts";

/** One end, and what it heard. */
interface End {
  socket: StreamSocket;
  received: string;
  events: string[];
}

interface Setting {
  readonly world: SimulatedWorld;
  readonly client: SimulatedMachine;
  readonly server: SimulatedMachine;
  readonly accepted: End[];
  connect(): End;
}

function watch(end: End) {
  return {
    onOpen: () => void end.events.push("open"),
    onData: (bytes: Uint8Array) => {
      end.received += Buffer.from(bytes).toString("latin1");
    },
    onEnd: () => {
      end.events.push("end");
      end.socket.end();
    },
    onClose: (error: NetworkError | undefined) => void end.events.push(error === undefined ? "close" : error.code),
  };
}

function serve({ server, accepted }: Pick<Setting, "server" | "accepted">): void {
  server.start(({ network }) => {
    void network.listen({ host: "0.0.0.0", port: 7 }, (socket) => {
      const end: End = { socket, received: "", events: [] };
      accepted.push(end);
      socket.handle(watch(end));
    });
  });
}

async function setUp(seed = 1): Promise<Setting> {
  const world = new SimulatedWorld({ seed });
  const client = world.machine("client");
  const server = world.machine("server");
  const accepted: End[] = [];
  serve({ server, accepted });
  const { network } = client.start();
  await world.run(10);
  const connect = (): End => {
    const end: End = { socket: undefined as never, received: "", events: [] };
    end.socket = network.connect({ host: "server", port: 7 }, watch(end));
    return end;
  };
  return { world, client, server, accepted, connect };
}

async function connected(setting: Setting): Promise<{ client: End; server: End }> {
  const client = setting.connect();
  await setting.world.run(1_000);
  const server = setting.accepted.at(-1);
  if (server === undefined) throw new Error("not accepted");
  return { client, server };
}

test("a one-way cut stops one direction and not the other, and healing loses nothing [E-5]", async () => {
  const setting = await setUp();
  const { client, server } = await connected(setting);
  setting.world.network.cut({ from: "client", to: "server" });
  client.socket.write("there");
  server.socket.write("back");
  await setting.world.run(5_000);
  expect([server.received, client.received]).toEqual(["", "back"]);
  setting.world.network.heal({ from: "client", to: "server" });
  await setting.world.run(10_000);
  expect(server.received).toBe("there");
  expect([client.events, server.events]).toEqual([["open"], []]);
});

test("a sender towards a cut link hears of it after the time-out, the receiver does not", async () => {
  const setting = await setUp();
  const { client, server } = await connected(setting);
  setting.world.network.partition([["client"], ["server"]]);
  client.socket.write("x");
  await setting.world.run(60_000);
  expect([client.events, server.events]).toEqual([["open", "ETIMEDOUT"], []]);
  setting.world.network.healAll();
  server.socket.write("y");
  await setting.world.run(60_000);
  expect(server.events).toEqual(["ECONNRESET"]);
});

test("while a link is cut a sender fills its window and is held back", async () => {
  const setting = await setUp();
  const { client, server } = await connected(setting);
  setting.world.network.cut({ from: "server", to: "client" });
  const piece = "x".repeat(100_000);
  for (let count = 0; count < 10; count++) client.socket.write(piece);
  await setting.world.run(3_000);
  // What arrives is acknowledged, but the acknowledgements are lost.
  expect(server.received.length).toBe(setting.world.network.settings.windowBytes);
  expect(client.socket.pendingBytes).toBe(1_000_000 - setting.world.network.settings.windowBytes);
  setting.world.network.healAll();
  await setting.world.run(20_000);
  expect(server.received.length).toBe(1_000_000);
});

test("a killed process closes its connections, at once and for everyone", async () => {
  const setting = await setUp();
  const { client } = await connected(setting);
  setting.server.kill();
  await setting.world.run(100);
  expect(client.events).toEqual(["open", "end", "close"]);
  const late = setting.connect();
  await setting.world.run(100);
  expect(late.events).toEqual(["ECONNREFUSED"]);
});

test("after a power cut the other side hears nothing until it asks the machine that came back", async () => {
  const setting = await setUp();
  const { client } = await connected(setting);
  setting.server.cutPower();
  await setting.world.run(10_000);
  expect(client.events).toEqual(["open"]);
  serve(setting);
  client.socket.write("are you there?");
  await setting.world.run(10_000);
  expect(client.events).toEqual(["open", "ECONNRESET"]);
});

test("a machine that loses power while its answer to the first packet is on its way leaves nobody waiting for ever", async () => {
  const { world, server, accepted, connect } = await setUp();
  world.network.setLink({ from: "server", to: "client" }, { latencyMs: 20 });
  const end = connect();
  await world.runUntil(() => accepted.length === 1, 1_000);
  server.cutPower();
  await world.run(60_000);
  expect(end.events).toEqual(["ETIMEDOUT"]);
});

test("a machine without power does not answer, and one that comes back in time does", async () => {
  const setting = await setUp();
  setting.server.cutPower();
  const early = setting.connect();
  await setting.world.run(5_000);
  expect(early.events).toEqual([]);
  serve(setting);
  await setting.world.run(5_000);
  expect(early.events).toEqual(["open"]);
  setting.server.cutPower();
  const late = setting.connect();
  await setting.world.run(30_000);
  expect(late.events).toEqual(["ETIMEDOUT"]);
});

test("a paused process does not read, and its system takes connections for it", async () => {
  const setting = await setUp();
  const { client, server } = await connected(setting);
  setting.server.pause();
  client.socket.write("x");
  const late = setting.connect();
  await setting.world.run(5_000);
  expect([server.received, late.events, setting.accepted.length]).toEqual(["", ["open"], 1]);
  setting.server.resume();
  await setting.world.run(10);
  expect([server.received, setting.accepted.length]).toEqual(["x", 2]);
});

test("connections are reset in the middle of what they carry", async () => {
  const setting = await setUp();
  const { client, server } = await connected(setting);
  client.socket.write("x".repeat(1_000_000));
  await setting.world.run(0.3);
  expect(setting.world.network.resetConnections(({ from }) => from === "client")).toBe(1);
  await setting.world.run(100);
  expect(client.events).toEqual(["open", "ECONNRESET"]);
  expect(server.events).toEqual(["ECONNRESET"]);
  expect(server.received.length).toBeLessThan(1_000_000);
});

test("lost packets come late, and in order", async () => {
  const setting = await setUp();
  const { client, server } = await connected(setting);
  setting.world.network.setLink({ from: "client", to: "server" }, { lossChance: 0.5 });
  const text = Array.from({ length: 100 }, (_, index) => `${index},`);
  const startMs = setting.world.nowMs;
  for (const piece of text) {
    client.socket.write(piece);
    await setting.world.run(1);
  }
  expect(await setting.world.runUntil(() => server.received === text.join(""), 60_000)).toBe(true);
  expect(setting.world.nowMs - startMs).toBeGreaterThan(200);
});

test("a corrupting link changes bytes between machines, and never within one", async () => {
  const setting = await setUp();
  const { client, server } = await connected(setting);
  setting.world.network.settings = { ...setting.world.network.settings, corruptChance: 1 };
  client.socket.write("hello");
  await setting.world.run(100);
  expect(server.received).toHaveLength(5);
  expect(server.received).not.toBe("hello");
});

test("reads bring any pieces of what was written", async () => {
  const setting = await setUp();
  const { client, server } = await connected(setting);
  setting.world.network.settings = { ...setting.world.network.settings, splitChance: 0.9 };
  const lengths = new Set<number>();
  let before = 0;
  client.socket.write("0123456789".repeat(20));
  while (server.received.length < 200) {
    await setting.world.run(0.01);
    if (server.received.length > before) lengths.add(server.received.length - before);
    before = server.received.length;
  }
  expect(server.received).toBe("0123456789".repeat(20));
  expect(lengths.size).toBeGreaterThan(1);
});

test("hosts that do not exist and addresses of others are refused", async () => {
  const setting = await setUp();
  const { world, client } = setting;
  const { network } = client.start();
  const end: End = { socket: undefined as never, received: "", events: [] };
  end.socket = network.connect({ host: "nowhere", port: 7 }, watch(end));
  await world.run(100);
  expect(end.events).toEqual(["ENOTFOUND"]);
  await expect(world.until(network.listen({ host: "server", port: 7 }, () => {}))).rejects.toMatchObject({
    code: "EADDRNOTAVAIL",
  });
});

test("a listener on loopback is not seen from other machines", async () => {
  const setting = await setUp();
  const { network } = setting.server.start();
  await setting.world.until(network.listen({ host: "127.0.0.1", port: 7 }, () => {}));
  const end = setting.connect();
  await setting.world.run(100);
  expect(end.events).toEqual(["ECONNREFUSED"]);
});
