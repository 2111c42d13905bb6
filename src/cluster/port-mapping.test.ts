import { expect, test } from "vitest";
import { okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { Router } from "../../test/net/router.ts";

test("nodes behind mapped ports dial the addresses that they were given, also after restarts", async () => {
  const cluster = new SimulatedCluster();
  const { names, world } = cluster;
  const peers = names.map((name) => ({ name, host: `router-${name}`, port: 27_000 }));
  const routers = peers.map((peer) => new Router(world, peer, { host: peer.name, port: 17_001 }));
  await world.until(Promise.all(routers.map(({ ready }) => ready)));
  // There is no other way from node to node.
  world.network.partition(names.map((name) => [name]));
  const start = (name: string): Promise<unknown> =>
    world.until(cluster.startNode(name, { peers, listen: { host: name, port: 17_001 } }));
  for (const name of names) await start(name);
  for (const name of names) {
    await cluster.untilLeader();
    const client = cluster.client(name);
    client.send("SET", "k", name);
    await cluster.until(() => client.isAnswered, "a reply");
    expect(client.replies).toEqual([okReply]);
    cluster.kill(name);
    await world.run(3_000);
    await start(name);
    await cluster.untilEqual();
  }
  const { nodes } = await world.until(cluster.node("n3").status());
  expect(nodes.map(({ peer }) => peer)).toEqual(peers.map(({ host, port }) => ({ host, port })));
  expect(cluster.node("n1").peerAddress).toEqual({ host: "router-n1", port: 27_000 });
  expect(routers.every(({ connections }) => connections.length > 3)).toBe(true);
  await cluster.close();
});

test("a port 0 among the peers stands for the one that the node really has", async () => {
  const cluster = new SimulatedCluster();
  const peers = cluster.names.map((host) => ({ name: host, host, port: 17_000 }));
  for (const name of ["n1", "n2"]) await cluster.world.until(cluster.startNode(name));
  const anywhere = peers.map((peer) => (peer.name === "n3" ? { ...peer, port: 0 } : peer));
  const node = await cluster.world.until(cluster.startNode("n3", { peers: anywhere }));
  expect(node.peerAddress?.port).toBeGreaterThan(0);
  expect(node.peerAddress?.port).not.toBe(17_000);
  await cluster.untilEqual();
  await cluster.close();
});
