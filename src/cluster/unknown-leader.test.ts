/** A node whose directory is led by a node that joined while it was away: nobody but the leader tells it of new nodes. */
import { expect, test } from "vitest";
import { okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";

function roleOf(cluster: SimulatedCluster, name: string): string | undefined {
  return cluster.node(name).nodeStatus().directory?.role;
}

function leaderOf(cluster: SimulatedCluster): string | undefined {
  return [...cluster.nodes.keys()].find((name) => roleOf(cluster, name) === "leader");
}

function knows(cluster: SimulatedCluster, name: string, other: string): boolean {
  return cluster.node(name).directoryState.nodes.some((node) => node.name === other);
}

/** While n3 is away n4 joins, votes in n3's place, and comes to lead the directory. */
async function ledByWhoJoined(): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ node: { shards: 2 } });
  await cluster.start();
  await cluster.untilAllLed();
  cluster.kill("n3");
  await cluster.world.until(cluster.join("n4", "n1"));
  await cluster.world.until(cluster.node("n1").changeDirectory({ kind: "set", replaceAfterMs: 10_000 }));
  await cluster.until(() => ["leader", "follower"].includes(roleOf(cluster, "n4") ?? ""), "n4's vote", 60_000);
  // Both halves of a joint configuration had a say until then.
  await cluster.world.run(5_000);
  for (let round = 0; leaderOf(cluster) !== "n4"; round++) {
    expect(round).toBeLessThan(20);
    const leader = leaderOf(cluster) ?? "";
    cluster.kill(leader);
    await cluster.until(() => leaderOf(cluster) !== undefined, "another leader");
    await cluster.world.until(cluster.startNode(leader));
    await cluster.until(() => leaderOf(cluster) !== undefined, "a leader");
  }
  return cluster;
}

test.for([
  { what: "comes back", isDamaged: false },
  { what: "comes back damaged", isDamaged: true },
])("a node that $what learns from others who leads the directory now [D-9]", async ({ isDamaged }) => {
  const cluster = await ledByWhoJoined();
  if (isDamaged) cluster.damageLog("n3");
  await cluster.world.until(cluster.startNode("n3"));
  if (isDamaged) expect(roleOf(cluster, "n3")).toBe("stopped");
  await cluster.until(() => knows(cluster, "n3", "n4"), "n3 to know n4", 10_000);
  expect(leaderOf(cluster)).toBe("n4");
  expect(cluster.eventsOf("a peer told of nodes that were not known here").map(({ node }) => node)).toEqual(["n3"]);
  await cluster.until(() => roleOf(cluster, "n3") === "learner", "a replica of the directory");
  const client = cluster.client("n3");
  client.send("SET", "key", "value");
  await cluster.until(() => client.isAnswered, "a reply");
  expect(client.replies).toEqual([okReply]);
  await cluster.close();
});
