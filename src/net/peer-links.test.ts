import { expect, test } from "vitest";
import { connectedPair, PeerHost, untilConnected } from "../../test/net/peer-host.ts";
import type { StreamSocket } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { linkKinds } from "./link-kind.ts";
import type { Refusal } from "./peer-identity.ts";
import type { PeerLink } from "./peer-link.ts";

/** What a stranger can do: a bare connection to n1's peer port. */
async function stranger(world: SimulatedWorld, bytes: Buffer): Promise<{ readonly isClosed: () => boolean }> {
  let isClosed = false;
  const platform = world.machine("stranger").start();
  const socket: StreamSocket = platform.network.connect(
    { host: "n1", port: 17_000 },
    {
      onOpen: () => socket.write(bytes),
      onData: () => {},
      onClose: () => {
        isClosed = true;
      },
    },
  );
  await world.run(50);
  return { isClosed: () => isClosed };
}

test("two nodes hold three connections, and messages arrive in order on each", async () => {
  const { world, one, two } = await connectedPair();
  for (const kind of linkKinds) for (const text of ["a", "b", "c"]) one.send(2, kind, `${text} to 2`);
  two.send(1, "data", "to 1");
  await world.run(10);
  const sent = linkKinds.flatMap((kind) => ["a", "b", "c"].map((text) => `${kind} 7 ${text} to 2`));
  expect(two.received.toSorted()).toEqual(sent.toSorted());
  expect(two.received.filter((text) => text.startsWith("data"))).toEqual([
    "data 7 a to 2",
    "data 7 b to 2",
    "data 7 c to 2",
  ]);
  expect(one.received).toEqual(["data 7 to 1"]);
});

test("all messages of a turn on one connection are one write, and one of megabytes arrives whole", async () => {
  const { world, one, two } = await connectedPair();
  const link = one.links.link(2, "bulk") as PeerLink;
  const before = link.sentCount;
  const text = "x".repeat(3_000_000);
  for (const each of ["1", text, "2"]) {
    link.begin(7, each.length + 4).byteString(each);
    link.end();
  }
  expect(link.sentCount).toBe(before);
  expect(link.queuedBytes).toBeGreaterThan(3_000_000);
  link.flush();
  await world.run(500);
  expect(two.received).toEqual(["bulk 7 1", `bulk 7 ${text}`, "bulk 7 2"]);
  expect(link.queuedBytes).toBe(0);
});

test("a slow data connection keeps what waits, and control goes on beside it", async () => {
  const { world, one, two } = await connectedPair();
  const link = one.links.link(2, "data") as PeerLink;
  world.machine("n2").pause();
  for (let each = 0; each < 20; each++) one.send(2, "data", "y".repeat(100_000));
  await world.run(100);
  expect(link.isBlocked).toBe(true);
  expect(link.sentCount).toBeLessThan(link.messageCount);
  one.send(2, "control", "heartbeat");
  world.machine("n2").resume();
  expect(await world.runUntil(() => two.received.length === 21, 5_000)).toBe(true);
  expect(link.sentCount).toBe(link.messageCount);
});

test("a connection that takes bytes slowly is kept, one that takes none is given up", async () => {
  const { world, one, two } = await connectedPair({ stallMsMax: 2_000 }, { windowBytes: 4_096 });
  world.network.setLink({ from: "n1", to: "n2" }, { latencyMs: 10 });
  for (let each = 0; each < 20; each++) one.send(2, "data", "y".repeat(100_000));
  for (let second = 0; second < 8; second++) {
    await world.run(1_000);
    one.send(2, "control", "here");
    two.send(1, "control", "here");
  }
  expect(one.downs).toEqual([]);
  expect(two.received.filter((text) => text.startsWith("data")).length).toBeGreaterThan(5);
  world.machine("n2").pause();
  await world.run(2_500);
  expect(one.downs).toEqual([]);
  expect(await world.runUntil(() => one.downs.length > 0, 2_000)).toBe(true);
});

test("a broken connection is made again", async () => {
  const { world, one, two } = await connectedPair();
  await world.run(2_000);
  world.network.resetConnections();
  expect(await world.runUntil(() => one.downs.length === 3 && two.downs.length === 3, 1_000)).toBe(true);
  await untilConnected(world, one, two);
  one.send(2, "data", "again");
  await world.run(10);
  expect(two.received).toEqual(["data 7 again"]);
});

test.for([
  { killed: "n1", witness: "two" as const },
  { killed: "n2", witness: "one" as const },
])("the death of a process is news at once, when $killed dies", async ({ killed, witness }) => {
  const pair = await connectedPair();
  await pair.world.run(2_000);
  const beforeMs = pair.world.nowMs;
  pair.world.machine(killed).kill();
  const host = pair[witness];
  expect(await pair.world.runUntil(() => host.unreachable.length > 0, 1_000)).toBe(true);
  expect(pair.world.nowMs - beforeMs).toBeLessThan(10);
});

test("a node that comes back elsewhere introduces itself, and is dialled there", async () => {
  const { world, one } = await connectedPair();
  world.machine("n2").kill();
  await world.run(3_000);
  const again = new PeerHost(world.machine("n2").start(), 2, { peers: [1], bootCounter: 2, port: 18_000 });
  await world.until(again.start());
  await untilConnected(world, one, again);
  expect(one.addresses).toEqual(["18000"]);
});

test("a peer that has gone silent is given up, and found again when it wakes", async () => {
  const { world, one, two } = await connectedPair({ silenceMsMax: 1_000 });
  world.machine("n2").pause();
  expect(await world.runUntil(() => one.downs.length === 3, 3_000)).toBe(true);
  expect(one.downs[0]).toContain("silent");
  world.machine("n2").resume();
  // Its own process stood still: what has come meanwhile is read before anything is judged.
  await untilConnected(world, one, two);
});

test("a process that stood still does not break its connections when it wakes", async () => {
  const { world, one, two } = await connectedPair({ silenceMsMax: 60_000 });
  world.machine("n1").pause();
  await world.run(20_000);
  world.machine("n1").resume();
  two.send(1, "control", "hello");
  await world.run(1_000);
  expect(one.downs).toEqual([]);
  expect(one.received).toEqual(["control 7 hello"]);
});

test("garbage closes its own connection and nothing else, and is counted", async () => {
  const { world, one, two } = await connectedPair({ handshakeTimeoutMs: 500 });
  const garbage = await stranger(world, Buffer.from("GET / HTTP/1.1\r\nHost: n1\r\n\r\n"));
  expect(garbage.isClosed()).toBe(true);
  expect(one.links.rejectedCount).toBe(1);
  const silent = await stranger(world, Buffer.alloc(0));
  expect(silent.isClosed()).toBe(false);
  await world.run(1_000);
  expect(silent.isClosed()).toBe(true);
  expect(one.links.rejectedCount).toBe(2);
  expect(one.warnings).toContain("a connection to the peer port was closed");
  one.send(2, "control", "still here");
  await world.run(10);
  expect(two.received).toEqual(["control 7 still here"]);
  expect(one.downs).toEqual([]);
});

test("connections within their handshake are bounded: the oldest has to go", async () => {
  const { world, one } = await connectedPair({ handshakesMax: 2, handshakeTimeoutMs: 5_000 });
  const platform = world.machine("stranger").start();
  const closed: number[] = [];
  for (let each = 0; each < 5; each++) {
    platform.network.connect({ host: "n1", port: 17_000 }, { onData: () => {}, onClose: () => closed.push(each) });
    await world.run(10);
  }
  expect(closed).toEqual([0, 1, 2]);
  expect(one.links.rejectedCount).toBe(3);
});

test("a message that is not understood breaks the connection off, which is made again later", async () => {
  const { world, one, two } = await connectedPair();
  two.isUnderstanding = false;
  one.send(2, "data", "?");
  await world.run(10);
  expect(two.downs).toEqual(["data a bad frame: malformed"]);
  await untilConnected(world, one, two);
});

test("frames corrupted on their way break the connection, and only whole ones are shown", async () => {
  const { world, one, two } = await connectedPair();
  world.network.setLink({ from: "n1", to: "n2" }, { corruptChance: 0.3 });
  const sent = new Set<string>();
  for (let each = 0; each < 300; each++) {
    await world.run(20);
    for (const kind of one.kindsUp(2)) {
      sent.add(`${kind} 7 message ${each}`);
      one.send(2, kind, `message ${each}`);
    }
  }
  expect(two.received.length).toBeGreaterThan(20);
  expect(two.received.filter((text) => !sent.has(text))).toEqual([]);
  expect(two.downs.some((reason) => reason.includes("checksum"))).toBe(true);
  world.network.healAll();
  await untilConnected(world, one, two);
});

test("a peer is refused with a reason that reaches it, whoever dials", async () => {
  const refusal: Refusal = { code: "FORGOTTEN", text: "put the newest directory back" };
  for (const refuser of [1, 2]) {
    const world = new SimulatedWorld({ seed: 3 });
    const one = new PeerHost(world.machine("n1").start(), 1, { peers: [2] });
    const two = new PeerHost(world.machine("n2").start(), 2, { peers: [1] });
    const [judge, refused] = refuser === 1 ? [one, two] : [two, one];
    judge.refuses = refusal;
    await world.until(Promise.all([one.start(), two.start()]));
    expect(await world.runUntil(() => refused.refusals.length > 0, 2_000)).toBe(true);
    expect(refused.refusals[0]).toEqual(refusal);
    expect(one.kindsUp(2)).toEqual([]);
    expect(judge.refusals).toEqual([]);
  }
});

test("a node with another secret gets nowhere, and stops nobody", async () => {
  const world = new SimulatedWorld({ seed: 3 });
  const one = new PeerHost(world.machine("n1").start(), 1, { peers: [2] });
  const two = new PeerHost(world.machine("n2").start(), 2, { peers: [1], secret: "other" });
  await world.until(Promise.all([one.start(), two.start()]));
  await world.run(3_000);
  expect([...one.kindsUp(2), ...two.kindsUp(1)]).toEqual([]);
  expect([...one.refusals, ...two.refusals]).toEqual([]);
  expect(one.warnings.length).toBeGreaterThan(0);
  // The wait between attempts has grown.
  expect(one.links.rejectedCount).toBeLessThan(60);
});

test("after closing nothing is left", async () => {
  const { world, one, two } = await connectedPair();
  await world.until(one.links.close());
  await world.run(1_000);
  expect(two.kindsUp(1)).toEqual([]);
  expect(one.kindsUp(2)).toEqual([]);
  await world.until(two.links.close());
});
