import { expect, test } from "vitest";
import { connectedPair, PeerHost, untilConnected } from "../../test/net/peer-host.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { linkKinds } from "./link-kind.ts";
import type { KnownPeer } from "./peer-links.ts";

function known(nodeId: number, port = 17_000): KnownPeer {
  return { nodeId, name: `n${nodeId}`, address: { host: `n${nodeId}`, port } };
}

async function startedHost(world: SimulatedWorld, nodeId: number, peers: readonly number[]): Promise<PeerHost> {
  const host = new PeerHost(world.machine(`n${nodeId}`).start(), nodeId, { peers });
  await world.until(host.start());
  return host;
}

test.for([
  { first: 1, second: 2, who: "lower" },
  { first: 2, second: 1, who: "higher" },
])(
  "a peer with a $who number that is added while a node runs is connected, and only once",
  async ({ first, second }) => {
    const world = new SimulatedWorld({ seed: 3 });
    const one = await startedHost(world, first, []);
    one.refuses = { code: "UNKNOWN_NODE", text: "not yet" };
    const two = await startedHost(world, second, [first]);
    await world.run(500);
    expect(one.kindsUp(second)).toEqual([]);
    one.refuses = undefined;
    one.links.add(known(second));
    one.links.add(known(second, 9));
    await untilConnected(world, one, two);
    one.send(second, "data", "hello");
    await world.run(10);
    expect(two.received).toEqual(["data 7 hello"]);
    expect([one.downs, two.downs]).toEqual([[], []]);
  },
);

test("a peer that is added before the node dials, or after it has closed, is not dialled then", async () => {
  const world = new SimulatedWorld({ seed: 3 });
  const two = await startedHost(world, 2, [1]);
  const one = new PeerHost(world.machine("n1").start(), 1, { peers: [] });
  one.links.add(known(2));
  await world.run(300);
  expect(two.links.rejectedCount).toBe(0);
  await world.until(one.start());
  await untilConnected(world, one, two);
  await world.until(one.links.close());
  one.links.add(known(3));
  await world.run(2_000);
  expect(one.unreachable).toEqual([]);
});

test.for([
  { name: "n1", removed: 2 },
  { name: "n2", removed: 1 },
])("a peer that $name removes loses all its connections, and gets none any more", async ({ removed }) => {
  const pair = await connectedPair();
  const { world } = pair;
  await world.run(2_000);
  const [host, other] = removed === 2 ? [pair.one, pair.two] : [pair.two, pair.one];
  host.links.remove(removed);
  host.links.remove(removed);
  expect(host.downs.toSorted()).toEqual(linkKinds.map((kind) => `${kind} the node is no peer any more`).toSorted());
  expect(host.links.address(removed)).toBeUndefined();
  await world.run(30_000);
  expect([...host.kindsUp(removed), ...other.kindsUp(host.nodeId)]).toEqual([]);
  expect(host.unreachable).toEqual([]);
  // It may come back.
  host.links.add(known(removed));
  await untilConnected(world, pair.one, pair.two);
});

test("whenever a peer is removed, nothing is left of what was under way with it", async () => {
  for (let afterMs = 0; afterMs < 12; afterMs++) {
    const world = new SimulatedWorld({ seed: 5 });
    const one = new PeerHost(world.machine("n1").start(), 1, { peers: [2] });
    const two = new PeerHost(world.machine("n2").start(), 2, { peers: [1] });
    await world.until(Promise.all([one.start(), two.start()]));
    await world.run(afterMs / 4);
    one.links.remove(2);
    const heard = one.unreachable.length;
    await world.run(5_000);
    expect([...one.kindsUp(2), ...two.kindsUp(1)]).toEqual([]);
    world.machine("n2").kill();
    await world.run(5_000);
    expect(one.unreachable.length).toBe(heard);
    one.links.add(known(2));
    await world.run(2_000);
    expect(one.unreachable.length).toBeGreaterThan(heard);
  }
});

test("a peer that is removed as it dies is not looked for", async () => {
  const { world, one } = await connectedPair();
  await world.run(2_000);
  world.machine("n2").kill();
  one.links.remove(2);
  await world.run(10_000);
  expect(one.unreachable).toEqual([]);
});

test("a removed peer's pending wait does not dial a peer of the same number that is added later", async () => {
  const world = new SimulatedWorld({ seed: 5 });
  world.machine("n2");
  const one = await startedHost(world, 1, [2]);
  await world.run(3_000);
  one.links.remove(2);
  one.links.add(known(2, 18_000));
  const two = new PeerHost(world.machine("n2").start(), 2, { peers: [1], port: 18_000 });
  await world.until(two.start());
  await untilConnected(world, one, two);
  expect(one.addresses).toEqual([]);
});

test("a peer whose address nobody knows is not dialled, until it says it or another does", async () => {
  const world = new SimulatedWorld({ seed: 5 });
  const one = await startedHost(world, 1, []);
  one.links.add(known(2, 0));
  one.links.add(known(3, 0));
  const two = await startedHost(world, 2, [1]);
  await untilConnected(world, one, two);
  const three = await startedHost(world, 3, []);
  three.links.add(known(1, 0));
  await world.run(3_000);
  expect([one.unreachable, three.unreachable]).toEqual([[], []]);
  expect(one.links.redirect(3, { host: "n3", port: 17_000 })).toBe(true);
  await untilConnected(world, one, three);
  // Who is connected has said where it is.
  expect(one.links.redirect(3, { host: "elsewhere", port: 1 })).toBe(false);
  expect(one.links.address(3)).toEqual({ host: "n3", port: 17_000 });
});

test("a peer that refuses this node as one it does not know yet is tried again, without a warning", async () => {
  const world = new SimulatedWorld({ seed: 5 });
  const one = await startedHost(world, 1, [2]);
  const two = new PeerHost(world.machine("n2").start(), 2, { peers: [1] });
  two.refuses = { code: "UNKNOWN_NODE", text: "not yet" };
  await world.until(two.start());
  await world.run(3_000);
  expect(one.refusals.length).toBeGreaterThan(2);
  expect([one.warnings, two.warnings]).toEqual([[], []]);
  two.refuses = undefined;
  await untilConnected(world, one, two);
});
