import { expect, test } from "vitest";
import { connectedPair, PeerHost, untilConnected } from "../../test/net/peer-host.ts";
import { Router } from "../../test/net/router.ts";
import type { Network, Platform } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { linkKinds } from "./link-kind.ts";
import type { PeerLink } from "./peer-link.ts";
import type { PeerLinksSettings } from "./peer-links.ts";

const routerAddress = { host: "router", port: 27_000 };

interface RoutedPair {
  readonly world: SimulatedWorld;
  readonly router: Router;
  readonly one: PeerHost;
  readonly two: PeerHost;
}

/** Two nodes of which the first reaches the second through a router. Not started. */
async function routedPair(settings: Partial<PeerLinksSettings> = {}): Promise<RoutedPair> {
  const world = new SimulatedWorld({ seed: 11 });
  const router = new Router(world, routerAddress, { host: "n2", port: 17_000 });
  await world.until(router.ready);
  const one = new PeerHost(world.machine("n1").start(), 1, { peers: [2], addressOfTwo: routerAddress, settings });
  const two = new PeerHost(world.machine("n2").start(), 2, { peers: [1], address: routerAddress, settings });
  return { world, router, one, two };
}

/** Every connection carries what is sent on it, both ways: none is half there. */
async function expectWorking(world: SimulatedWorld, one: PeerHost, two: PeerHost): Promise<void> {
  await untilConnected(world, one, two);
  // A connection that only one side believes in is gone soon.
  await world.run(100);
  await untilConnected(world, one, two);
  for (const kind of linkKinds) {
    one.send(two.nodeId, kind, "there");
    two.send(one.nodeId, kind, "back");
  }
  await world.run(50);
  const all = (text: string): readonly string[] => linkKinds.map((kind) => `${kind} 7 ${text}`).toSorted();
  expect(two.received.slice(-3).toSorted()).toEqual(all("there"));
  expect(one.received.slice(-3).toSorted()).toEqual(all("back"));
}

async function handshakeBytes(): Promise<{ readonly inward: number; readonly outward: number }> {
  const { world, router, one, two } = await routedPair();
  await world.until(Promise.all([one.start(), two.start()]));
  await untilConnected(world, one, two);
  return router.connections[0]?.passedBytes ?? { inward: 0, outward: 0 };
}

test.for(["inward", "outward"] as const)(
  "connections that break anywhere within the handshake, on the way %s, are made again",
  async (way) => {
    const total = (await handshakeBytes())[way];
    expect(total).toBeGreaterThan(100);
    // All the places near the end, where one side has done its part and the other not.
    const places = Array.from({ length: total + 1 }, (_, at) => at).filter((at) => at % 9 === 0 || total - at < 6);
    for (const at of places) {
      const { world, router, one, two } = await routedPair();
      router.onConnection = (connection) => {
        if (router.connections.length <= 3) connection.limits = { [way]: at };
      };
      await world.until(Promise.all([one.start(), two.start()]));
      await expectWorking(world, one, two);
      // All three were broken, and the first three only.
      expect(router.connections.length).toBeGreaterThanOrEqual(6);
      expect([...one.refusals, ...two.refusals, ...one.addresses, ...two.addresses]).toEqual([]);
    }
  },
);

test("connections of which one side never hears the end of the handshake are given up by both", async () => {
  const { world, router, one, two } = await routedPair({ handshakeTimeoutMs: 500, silenceMsMax: 1_000 });
  const { outward } = await handshakeBytes();
  router.onConnection = (connection) => {
    if (router.connections.length > 3) return;
    // The last word waits in the router, whose connections stand.
    connection.limits = { outward: outward - 1 };
    connection.isSilent = true;
  };
  await world.until(Promise.all([one.start(), two.start()]));
  expect(await world.runUntil(() => two.kindsUp(1).length === 3, 100)).toBe(true);
  expect(one.kindsUp(2)).toEqual([]);
  await expectWorking(world, one, two);
  expect(two.downs.length).toBe(3);
});

test.for([
  { from: "n1", to: "n2" },
  { from: "n2", to: "n1" },
])("a cut from $from to $to alone ends all connections on both sides, and they come back with it", async (link) => {
  const { world, one, two } = await connectedPair({ silenceMsMax: 1_000 });
  let isOver = false;
  const talk = (): void => {
    if (isOver) return;
    if (one.kindsUp(2).includes("control")) one.send(2, "control", "here");
    if (two.kindsUp(1).includes("control")) two.send(1, "control", "here");
    world.schedule(200, talk);
  };
  talk();
  await world.run(2_000);
  world.network.cut(link);
  const isDown = (): boolean => one.kindsUp(2).length === 0 && two.kindsUp(1).length === 0;
  // The one that can be heard waits for the network to give its bytes up.
  expect(await world.runUntil(isDown, 25_000)).toBe(true);
  for (let second = 0; second < 30; second++) {
    await world.run(1_000);
    expect([...one.kindsUp(2), ...two.kindsUp(1)]).toEqual([]);
  }
  world.network.heal(link);
  const healedMs = world.nowMs;
  await untilConnected(world, one, two);
  expect(world.nowMs - healedMs).toBeLessThan(10_000);
  await world.run(2_000);
  expect([one.kindsUp(2).length, two.kindsUp(1).length]).toEqual([3, 3]);
  isOver = true;
});

test("with the control connection the others are made again, on which nobody spoke and one side alone has ended", async () => {
  const world = new SimulatedWorld({ seed: 7, network: { timeoutMs: 5_000 } });
  // The first, which dials, hears from the network that its control connection is lost before the silence strikes it.
  const one = new PeerHost(world.machine("n1").start(), 1, { peers: [2], settings: { silenceMsMax: 30_000 } });
  const two = new PeerHost(world.machine("n2").start(), 2, { peers: [1], settings: { silenceMsMax: 1_000 } });
  await world.until(Promise.all([one.start(), two.start()]));
  await untilConnected(world, one, two);
  for (const [from, to] of [
    ["n1", "n2"],
    ["n2", "n1"],
  ] as const)
    world.network.cut({ from, to });
  one.send(2, "control", "is anybody there");
  const isControlDown = (): boolean => !one.kindsUp(2).includes("control") && two.kindsUp(1).length === 0;
  expect(await world.runUntil(isControlDown, 20_000)).toBe(true);
  // What the end of a connection still had to say to the other is given up by the network as well.
  await world.run(10_000);
  world.network.healAll();
  await expectWorking(world, one, two);
});

test("a peer that stops to read one connection holds up nothing else, until that connection is given up", async () => {
  const { world, router, one, two } = await routedPair({ stallMsMax: 3_000 });
  const three = new PeerHost(world.machine("n3").start(), 3, { peers: [1] });
  const hub = new PeerHost(one.platform, 1, {
    peers: [2, 3],
    addressOfTwo: routerAddress,
    settings: { stallMsMax: 3_000 },
  });
  await world.until(Promise.all([hub.start(), two.start(), three.start()]));
  await untilConnected(world, hub, two);
  await untilConnected(world, hub, three);
  const data = hub.links.link(2, "data") as PeerLink;
  hub.send(2, "data", "y".repeat(10_000));
  await world.run(50);
  router.connections.find(({ passedBytes }) => passedBytes.inward > 10_000)?.stall();
  const queuedBytesMax = 2_000_000;
  let refusedCount = 0;
  const beforeMs = world.nowMs;
  for (let each = 0; each < 100 && data.isUp; each++) {
    // What a host does: it asks before it adds.
    if (data.queuedBytes > queuedBytesMax) refusedCount++;
    else hub.send(2, "data", "z".repeat(100_000));
    hub.send(2, "control", `beat ${each}`);
    hub.send(3, "control", "here");
    hub.send(3, "data", `entry ${each}`);
    two.send(1, "control", "here");
    three.send(1, "control", "here");
    await world.run(100);
    expect(two.received.at(-1)).toBe(`control 7 beat ${each}`);
    expect(three.received.slice(-2)).toContain(`data 7 entry ${each}`);
    expect(data.queuedBytes).toBeLessThan(queuedBytesMax + 200_000);
  }
  expect(refusedCount).toBeGreaterThan(5);
  expect(hub.downs).toEqual(["data the peer takes no more bytes"]);
  expect(world.nowMs - beforeMs).toBeLessThan(5_000);
  await untilConnected(world, hub, two);
  hub.send(2, "data", "again");
  await world.run(50);
  expect(two.received.at(-1)).toBe("data 7 again");
});

test("of two connections of one kind the newer one stays, on both sides", async () => {
  const { world, one, two } = await connectedPair();
  const { incarnation } = one;
  // As if the first had forgotten that it is connected.
  const twin = new PeerHost(one.platform, 1, { peers: [2], incarnation, port: 18_000 });
  twin.links.start();
  await untilConnected(world, twin, two);
  expect(two.downs.toSorted()).toEqual(
    linkKinds.map((kind) => `${kind} the peer has made a new connection`).toSorted(),
  );
  two.send(1, "data", "to the newer one");
  await world.run(10);
  expect([one.received, twin.received]).toEqual([[], ["data 7 to the newer one"]]);
  await world.until(twin.links.close());
  await expectWorking(world, one, two);
});

test("the connections of a peer's earlier life are given up as soon as it is back, though nothing had told their end", async () => {
  const { world, one, two } = await connectedPair({ silenceMsMax: 60_000 });
  await world.run(1_500);
  world.machine("n1").cutPower();
  await world.run(1_000);
  expect(two.kindsUp(1)).toEqual([...linkKinds]);
  const again = new PeerHost(world.machine("n1").start(), 1, { peers: [2], bootCounter: 2 });
  await world.until(again.start());
  await expectWorking(world, again, two);
  expect(two.downs.length).toBe(3);
  expect(one.downs).toEqual([]);
});

/** Notes when connections are dialled. */
function watched(platform: Platform, now: () => number): { readonly platform: Platform; readonly dials: number[] } {
  const dials: number[] = [];
  const network: Network = {
    listen: (address, onConnection) => platform.network.listen(address, onConnection),
    connect: (address, handlers) => {
      dials.push(now());
      return platform.network.connect(address, handlers);
    },
  };
  return { platform: { ...platform, network }, dials };
}

test("what nobody answers is dialled less and less often, and at once when the peer introduces itself", async () => {
  const world = new SimulatedWorld({ seed: 5 });
  world.machine("n2");
  const { platform, dials } = watched(world.machine("n1").start(), () => world.nowMs);
  const one = new PeerHost(platform, 1, { peers: [2] });
  await world.until(one.start());
  await world.run(60_000);
  const within = (fromMs: number, toMs: number): number => dials.filter((atMs) => atMs >= fromMs && atMs < toMs).length;
  // Three connections, each after 0, 50, 100, 200, 400, 800 and then 1,000 ms, of which up to a half is taken off.
  expect(within(0, 1_000)).toBeGreaterThanOrEqual(3 * 4);
  expect(within(0, 1_000)).toBeLessThanOrEqual(3 * 7);
  expect(within(10_000, 60_000)).toBeGreaterThanOrEqual(3 * 50);
  expect(within(10_000, 60_000)).toBeLessThanOrEqual(3 * 100);
  const two = new PeerHost(world.machine("n2").start(), 2, { peers: [1] });
  await world.until(two.start());
  const startedMs = world.nowMs;
  await untilConnected(world, one, two);
  expect(world.nowMs - startedMs).toBeLessThan(20);
  await expectWorking(world, one, two);
});

test("connections that break as soon as they are made are not dialled in a circle", async () => {
  const { world, router, one, two } = await routedPair();
  router.onConnection = (connection) => world.schedule(20, () => connection.destroy());
  await world.until(Promise.all([one.start(), two.start()]));
  await world.run(30_000);
  expect(one.downs.length).toBeGreaterThan(30);
  expect(router.connections.length).toBeLessThan(3 * 70);
  router.onConnection = () => {};
  await expectWorking(world, one, two);
});

test.for([150, 300, 500, 700, 900])(
  "connections that break every %d ms stand most of the time in between",
  async (everyMs) => {
    const { world, one, two } = await connectedPair();
    let lookCount = 0;
    let connectedCount = 0;
    for (let brokenMs = 0; brokenMs < 30_000; brokenMs += everyMs) {
      world.network.resetConnections();
      for (let restMs = everyMs; restMs > 0; restMs -= 10) {
        await world.run(10);
        lookCount++;
        if (linkKinds.every((kind) => one.links.link(two.nodeId, kind) !== undefined)) connectedCount++;
      }
    }
    expect(connectedCount / lookCount).toBeGreaterThan(0.5);
  },
);

test("the dialler's new address is learned too, and only from somebody who knows the secret", async () => {
  const { world, one, two } = await connectedPair();
  world.machine("n1").kill();
  await world.run(3_000);
  const liar = new PeerHost(world.machine("liar").start(), 1, { peers: [2], port: 6_666, secret: "guessed" });
  await world.until(liar.start());
  await world.run(3_000);
  expect(two.addresses).toEqual([]);
  expect(two.links.address(1)).toEqual({ host: "n1", port: 17_000 });
  expect(liar.kindsUp(2)).toEqual([]);
  await world.until(liar.links.close());
  const moved = new PeerHost(world.machine("n1").start(), 1, { peers: [2], bootCounter: 2, port: 18_000 });
  await world.until(moved.start());
  await expectWorking(world, moved, two);
  expect(two.addresses).toEqual(["18000"]);
  expect(two.links.address(1)).toEqual({ host: "n1", port: 18_000 });
  expect(one.downs).toEqual([]);
});
