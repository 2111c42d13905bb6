/** What clients of the cluster port meet while leaders change and shards move. */
import { afterEach, expect, test } from "vitest";
import { nodesOfShard } from "../../src/directory/index.ts";
import { bulk } from "../cluster/client.ts";
import { ClusterPortClients, type Figures } from "../cluster/cluster-port-clients.ts";
import { SimulatedCluster } from "../cluster/simulated-cluster.ts";

const shards = 6;
/** Nobody names a node that leads no longer for longer than its successor's election takes. */
const latelyMs = 2_500;

let cluster: SimulatedCluster;

afterEach(async () => {
  await cluster.close();
});

async function started(seed: number, clientCount: number): Promise<ClusterPortClients> {
  cluster = new SimulatedCluster({ seed, node: { shards } });
  await cluster.start();
  await cluster.untilAllLed();
  const clients = new ClusterPortClients(cluster, { count: clientCount, shards, latelyMs });
  await cluster.world.run(3_000);
  clients.figures();
  return clients;
}

function expectFew(figures: Figures): void {
  expect(figures.complaints).toEqual([]);
  expect(figures.leaderChanges).toBeGreaterThanOrEqual(2);
  expect(figures.moved).toBeGreaterThan(0);
  expect(figures.perChange).toBeLessThan(3);
  expect(figures.hopsMax).toBeLessThanOrEqual(5);
}

/** All that clients were told is there still, at every node. */
async function expectKept(clients: ClusterPortClients): Promise<void> {
  await clients.stop();
  const written = [...clients.acknowledged()];
  expect(written.length).toBeGreaterThan(100);
  const [name = ""] = cluster.nodes.keys();
  const reader = cluster.client(name);
  const tickets = written.map(([key]) => reader.send("GET", key));
  await cluster.until(() => reader.isAnswered, "replies");
  expect(tickets.map((ticket) => reader.replies[ticket])).toEqual(written.map(([, number]) => bulk(String(number))));
}

test.for(["stopped", "killed"])(
  "while one node after the other is %s and started again, a hundred clients are redirected less than three times per leader change, and never in a circle [B-4]",
  { timeout: 60_000 },
  async (how) => {
    const clients = await started(11, 100);
    for (const name of cluster.names) {
      if (how === "stopped") await cluster.world.until(cluster.node(name).close());
      cluster.kill(name);
      await cluster.world.run(2_000);
      await cluster.world.until(cluster.startNode(name));
      await cluster.untilAllLed();
      await cluster.world.run(1_500);
      expectFew(clients.figures());
    }
    await expectKept(clients);
  },
);

test("while the leader of shards stands still or is cut off, nobody is sent to and fro [B-4]", async () => {
  const clients = await started(12, 20);
  cluster.isolate("n1");
  await cluster.world.run(4_000);
  cluster.world.network.healAll();
  await cluster.world.run(3_000);
  expectFew(clients.figures());
  await expectKept(clients);
}, 60_000);

test("where a node vanishes without a word, nobody is sent to it again and again [B-4]", async () => {
  const clients = await started(14, 20);
  cluster.isolate("n2");
  cluster.kill("n2");
  await cluster.world.run(4_000);
  cluster.world.network.healAll();
  await cluster.world.until(cluster.startNode("n2"));
  await cluster.world.run(3_000);
  expectFew(clients.figures());
  await expectKept(clients);
}, 60_000);

test("while a node joins and another one drains, clients are redirected as rarely, and lose nothing [B-4]", async () => {
  const clients = await started(13, 30);
  await cluster.world.until(cluster.join("n4", "n1"));
  const node = cluster.node("n2");
  const leads = (id: number): boolean => node.topology().shards.some(({ leader }) => leader === id);
  await cluster.until(() => leads(4), "a shard that n4 leads", 60_000);
  await cluster.world.until(node.changeDirectory({ kind: "drain", node: 3, isForced: false }));
  const isEmpty = (): boolean =>
    !node.directoryState.shards.flatMap(nodesOfShard).includes(3) && cluster.node("n3").hostedShards.length === 0;
  await cluster.until(isEmpty, "a node without replicas", 60_000);
  await cluster.world.run(1_000);
  expectFew(clients.figures());
  await expectKept(clients);
}, 60_000);
