import { expect, test } from "vitest";
import { bulk, type Client, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";

/** A wait for those who are under way, at most, and what the disk takes. */
const closedWithinMs = 1_500;

async function started(): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster();
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(500);
  return cluster;
}

/** Closes all nodes at once, as Ctrl-C of a demo does; gives how long it took on the cluster's clock. */
async function closeAll(cluster: SimulatedCluster): Promise<number> {
  const beforeMs = cluster.world.nowMs;
  await cluster.close();
  return cluster.world.nowMs - beforeMs;
}

test("idle nodes that stop all at once wait for nobody", async () => {
  const cluster = await started();
  expect(await closeAll(cluster)).toBeLessThan(100);
});

test.for([
  { what: "quick disks", syncMs: 0.3 },
  { what: "slow disks", syncMs: 50 },
])(
  "nodes that stop all at once under load do so in bounded time and lose no acknowledged write, $what",
  async ({ syncMs }) => {
    const cluster = await started();
    for (const name of cluster.names) {
      const { disk } = cluster.world.machine(name);
      disk.settings = { ...disk.settings, syncMs };
    }
    const clients = cluster.names.flatMap((name) => [cluster.client(name), cluster.client(name), cluster.client(name)]);
    const isEnough = (): boolean => clients.every((client) => client.replies.length >= 50);
    const load = (client: Client, at: number): void => {
      // Each has a window of writes under way, and never stops by itself.
      while (client.sentCount - client.replies.filter((reply) => reply !== undefined).length < 20)
        client.send("SET", `k${at}`, String(client.sentCount).padEnd(500, "-"));
    };
    while (!isEnough()) {
      clients.forEach(load);
      await cluster.world.run(5);
    }
    expect(await closeAll(cluster)).toBeLessThan(closedWithinMs);
    for (const name of cluster.names) cluster.kill(name);
    await cluster.start();
    await cluster.untilLeader();
    const reader = cluster.client("n1");
    for (const [at, client] of clients.entries()) {
      // Whoever was not told is not owed an answer; whoever was told OK is owed that write, or one behind it.
      const acknowledged = client.replies.lastIndexOf(okReply);
      const ticket = reader.send("GET", `k${at}`);
      await cluster.until(() => reader.isAnswered, "a reply", 10_000);
      const stored = Number.parseInt((reader.replies[ticket] as string).split("\r\n")[1] as string, 10);
      expect(stored).toBeGreaterThanOrEqual(acknowledged);
      expect(reader.replies[ticket]).toBe(bulk(String(stored).padEnd(500, "-")));
    }
    await cluster.close();
  },
);
