/** What whole nodes find out by gossip, in the simulator. */
import { expect, test } from "vitest";
import { SimulatedCluster, type SimulatedClusterOptions } from "../../test/cluster/simulated-cluster.ts";
import { Gossip, gossipDefaults, type MemberState } from "../gossip/index.ts";
import type { DatagramSocket, Logger } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { Node } from "./node.ts";
import type { NodeOptions } from "./node-options.ts";

const gossiping: Partial<NodeOptions> = { settings: { gossip: gossipDefaults } };

async function started(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ ...options, node: { ...gossiping, ...options.node } });
  await cluster.start();
  await cluster.untilLeader();
  return cluster;
}

async function untilHeld(cluster: SimulatedCluster, at: string, of: string, state: MemberState): Promise<void> {
  let held: MemberState | null | undefined;
  const ask = async (): Promise<void> => {
    const { nodes } = await cluster.node(at).status();
    held = nodes.find(({ name }) => name === of)?.gossip;
  };
  for (let tries = 0; tries < 60 && held !== state; tries++) {
    await cluster.world.until(ask());
    await cluster.world.run(1_000);
  }
  expect(held).toBe(state);
}

async function untilAllHeld(cluster: SimulatedCluster, state: MemberState): Promise<void> {
  for (const at of cluster.names) for (const of of cluster.names) await untilHeld(cluster, at, of, state);
}

function hasLink(cluster: SimulatedCluster, at: string, to: string): boolean {
  return (
    cluster
      .node(at)
      .topology()
      .nodes.find(({ name }) => name === to)?.isUp === true
  );
}

function connectionsOf(cluster: SimulatedCluster): readonly string[] {
  return cluster.names.flatMap((at) => cluster.names.filter((to) => hasLink(cluster, at, to)).map((to) => at + to));
}

test.for([
  { what: "find each other through anybody who was told of one", gossip: gossipDefaults, found: true },
  { what: "without gossip know only whom they were told of", gossip: undefined, found: false },
])("nodes that all have other addresses after a restart $what", async ({ gossip, found }) => {
  const cluster = new SimulatedCluster({ node: { settings: { gossip } } });
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.until(Promise.all(cluster.names.map((name) => cluster.node(name).close())));
  for (const name of cluster.names) cluster.kill(name);
  // Each is told where it is itself, and where the next one is; of the others it has the old address.
  const told = { n1: ["n1", "n2"], n2: ["n2", "n3"], n3: ["n3"] };
  const starts = Object.entries(told).map(([name, news]) => {
    const peers = cluster.names.map((host) => ({ name: host, host, port: news.includes(host) ? 18_000 : 17_000 }));
    return cluster.startNode(name, { peers });
  });
  await cluster.world.until(Promise.all(starts));
  await cluster.untilLeader();
  await cluster.world.run(30_000);
  expect(hasLink(cluster, "n1", "n3") && hasLink(cluster, "n3", "n1")).toBe(found);
  expect(cluster.eventsOf("a peer was heard of at another address").length > 0).toBe(found);
  await cluster.close();
});

test("a member that no datagram reaches is not taken for dead while it answers on its connection [W-1]", async () => {
  const cluster = await started();
  await untilAllHeld(cluster, "alive");
  for (const from of cluster.names)
    for (const to of cluster.names) cluster.world.network.setLink({ from, to }, { datagramLossChance: 1 });
  await cluster.world.run(20_000);
  await untilAllHeld(cluster, "alive");
  const peers = { alive: 2, suspect: 0, dead: 0, left: 0 };
  expect(cluster.node("n1").nodeStatus().gossip).toMatchObject({ failedProbes: 0, slowness: 1, peers });
  await cluster.close();
});

test("who is killed is dead to all, who closes has left, and who comes back is alive [W-6]", async () => {
  const cluster = await started();
  await untilAllHeld(cluster, "alive");
  cluster.kill("n3");
  await untilHeld(cluster, "n1", "n3", "dead");
  await untilHeld(cluster, "n2", "n3", "dead");
  await cluster.world.until(cluster.startNode("n3"));
  await untilAllHeld(cluster, "alive");
  await cluster.world.until(cluster.node("n3").close());
  cluster.kill("n3");
  await cluster.world.run(500);
  await untilHeld(cluster, "n1", "n3", "left");
  await untilHeld(cluster, "n2", "n3", "left");
  await cluster.world.until(cluster.startNode("n3"));
  await untilAllHeld(cluster, "alive");
  expect(cluster.events.filter(({ level, event }) => level === "warn" && event.includes("gossip"))).toEqual([]);
  await cluster.close();
});

test("a member that lies about where another one is costs an attempt [W-8]", async () => {
  const cluster = await started();
  await untilAllHeld(cluster, "alive");
  const platform = cluster.world.machine("liar").start();
  const lie = Gossip.start({
    ...platform,
    id: 2,
    name: "n2",
    incarnation: 5 * 2 ** 20,
    bind: { host: "liar", port: 17_000 },
    seeds: [{ host: "n1", port: 17_000 }],
    clusterId: Buffer.from(cluster.node("n1").topology().clusterId, "hex"),
    secret: Buffer.from("secret", "utf8"),
  });
  cluster.kill("n2");
  await cluster.world.until(lie);
  const isBelieved = (): boolean => cluster.eventsOf("a peer was heard of at another address").length > 0;
  await cluster.until(isBelieved, "a node that believes it");
  await cluster.world.until(cluster.startNode("n2"));
  const isBack = (): boolean => connectionsOf(cluster).length === 9;
  await cluster.until(isBack, "all connections", 5_000);
  await cluster.untilEqual();
  await cluster.close();
});

test("an address from before a later start that a connection has seen is not followed", async () => {
  const cluster = await started();
  await untilAllHeld(cluster, "alive");
  cluster.kill("n2");
  for (const [from, to] of [
    ["n1", "n2"],
    ["n2", "n1"],
    ["n3", "n2"],
    ["n2", "n3"],
  ] as const)
    cluster.world.network.setLink({ from, to }, { datagramLossChance: 1 });
  const peers = cluster.names.map((host) => ({ name: host, host, port: host === "n2" ? 18_000 : 17_000 }));
  await cluster.world.until(cluster.startNode("n2", { peers }));
  await cluster.until(() => connectionsOf(cluster).length === 9, "all connections");
  cluster.kill("n2");
  await cluster.world.run(10_000);
  expect(cluster.eventsOf("a peer was heard of at another address")).toEqual([]);
  await cluster.close();
});

test("a node that stands still for four seconds again and again is never taken for dead", async () => {
  const cluster = await started();
  await untilAllHeld(cluster, "alive");
  for (let round = 0; round < 6; round++) {
    cluster.world.machine("n3").pause();
    await cluster.world.run(4_000);
    cluster.world.machine("n3").resume();
    await cluster.world.run(6_000);
  }
  expect(cluster.eventsOf("no node hears this one any more")).toEqual([]);
  await untilAllHeld(cluster, "alive");
  await cluster.close();
});

test("a node with another secret is not heard, and is counted [W-7]", async () => {
  const clusterId = "7".repeat(32);
  const cluster = new SimulatedCluster({ node: { ...gossiping, clusterId } });
  await cluster.world.until(Promise.all(["n1", "n2"].map((name) => cluster.startNode(name))));
  await cluster.world.until(cluster.startNode("n3", { secret: "another secret" }));
  await untilHeld(cluster, "n1", "n2", "alive");
  await cluster.world.run(10_000);
  const { nodes } = await cluster.world.until(cluster.node("n1").status());
  expect(nodes.map(({ name, gossip }) => [name, gossip])).toEqual([
    ["n1", "alive"],
    ["n2", "alive"],
    ["n3", null],
  ]);
  expect(cluster.node("n1").nodeStatus().gossip?.droppedCount).toBeGreaterThan(0);
  await cluster.close();
});

test("a node whose port for datagrams is taken says so once, and goes on without", async () => {
  const world = new SimulatedWorld({ seed: 1, network: {} });
  const platform = world.machine("n1").start();
  const warnings: string[] = [];
  const logger: Logger = { log: (level, event) => void (level === "warn" && warnings.push(event)) };
  const address = { host: "n1", port: 17_000 };
  const other = await world.until(platform.datagrams.bind(address, { onMessage: () => {}, onError: () => {} }));
  const options = { platform, logger, name: "n1", secret: "secret", peers: [{ name: "n1", ...address }] };
  const node = await world.until(Node.start(options));
  expect(await world.runUntil(() => node.info().shards[0]?.role === "leader", 10_000)).toBe(true);
  expect(node.nodeStatus().gossip).toBe(null);
  expect(warnings).toEqual(["the node goes on without gossip"]);
  await world.until(Promise.all([node.close(), other.close()]));
});

test("a node that closes gives its port for datagrams free", async () => {
  const cluster = await started();
  const { datagrams } = cluster.platforms.get("n1") ?? expect.fail("n1 was started");
  const handlers = { onMessage: (): void => {}, onError: (): void => {} };
  const bind = (): Promise<DatagramSocket> => datagrams.bind({ host: "n1", port: 17_000 }, handlers);
  await expect(cluster.world.until(bind())).rejects.toThrow("EADDRINUSE");
  await cluster.close();
  await cluster.world.until(bind());
});

test("an idle node of three sends about two small datagrams a second", async () => {
  const cluster = await started();
  await untilAllHeld(cluster, "alive");
  const before = cluster.node("n1").nodeStatus().gossip?.sentCount ?? Number.NaN;
  await cluster.world.run(60_000);
  const after = cluster.node("n1").nodeStatus().gossip?.sentCount ?? Number.NaN;
  expect((after - before) / 60).toBeGreaterThan(1);
  expect((after - before) / 60).toBeLessThan(3);
  expect(cluster.node("n1").nodeStatus().gossip).toMatchObject({ droppedCount: 0, unsentCount: 0 });
  expect(connectionsOf(cluster)).toHaveLength(9);
  await cluster.close();
});
