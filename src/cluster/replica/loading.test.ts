import { expect, test } from "vitest";
import { bulk, okReply } from "../../../test/cluster/client.ts";
import { SimulatedCluster } from "../../../test/cluster/simulated-cluster.ts";

const value = "x".repeat(50_000);
const keyCount = 160;

/** A cluster that was killed with eight megabytes of log behind no snapshot, and has been started on disks that read slowly. */
async function restarted(size: number): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ size, node: { settings: { snapshotLogBytesMin: 2 ** 30 } } });
  await cluster.start();
  const client = cluster.client(await cluster.untilLeader());
  for (let key = 0; key < keyCount; key++) {
    client.send("SET", `k${key}`, `${key}-${value}`);
    if (key % 10 === 9) await cluster.until(() => client.isAnswered, "replies");
  }
  await cluster.untilEqual();
  // The last commit index is written with whatever comes next.
  await cluster.world.run(1_000);
  for (const name of cluster.names) cluster.kill(name);
  await cluster.start();
  for (const name of cluster.names) {
    const { disk } = cluster.world.machine(name);
    disk.settings = { ...disk.settings, mebibyteMs: 1_000 };
  }
  return cluster;
}

test("a node that loads a long log leads at once, says how far it is, and answers LOADING until it serves", async () => {
  const cluster = await restarted(1);
  const client = cluster.client("n1");
  client.send("SET", "k0", "new");
  client.send("GET", "k0");
  await cluster.until(() => cluster.status("n1").role === "leader", "a leader", 500);
  await cluster.world.run(2_000);
  const [half] = cluster.node("n1").info().shards;
  expect(half?.loading?.entryCount).toBeGreaterThan(keyCount / 5);
  expect(half?.loading?.loadedCount).toBeGreaterThan(0);
  expect(half?.loading?.loadedCount).toBeLessThan(half?.loading?.entryCount ?? 0);
  expect(half?.loading?.remainingMs).toBeGreaterThan(1_000);
  expect(client.replies).toEqual([]);
  await cluster.world.run(1_500);
  expect(client.replies).toEqual([expect.stringMatching(/^-LOADING /), expect.stringMatching(/^-LOADING /)]);
  await cluster.until(() => cluster.node("n1").info().shards[0]?.loading === undefined, "the end of loading");
  expect(cluster.eventsOf("the log is being loaded").length).toBeGreaterThan(1);
  expect(cluster.eventsOf("the log was loaded").filter(({ fields }) => fields.group === 1)).toHaveLength(1);
  client.send("GET", "k0");
  client.send("SET", "k1", "new");
  client.send("GET", `k${keyCount - 1}`);
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies.slice(2)).toEqual([bulk(`0-${value}`), okReply, bulk(`${keyCount - 1}-${value}`)]);
  await cluster.close();
});

test("a cluster that was started again elects while it loads; commands wait for it in their order", async () => {
  const cluster = await restarted(3);
  await cluster.until(() => cluster.leader !== undefined, "a leader", 3_000);
  const loading = (): number => cluster.names.filter((name) => cluster.node(name).info().shards[0]?.loading).length;
  expect(loading()).toBeGreaterThan(0);
  await cluster.until(() => loading() === 0, "the end of loading");
  const client = cluster.client(cluster.followers[0] as string);
  client.send("GET", "k7");
  client.send("SET", "k7", "new");
  client.send("GET", "k7");
  await cluster.until(() => client.isAnswered, "replies");
  expect(client.replies).toEqual([bulk(`7-${value}`), okReply, bulk("new")]);
  await cluster.untilEqual();
  await cluster.close();
});

test("a node that loads while another leads says nothing of it: its clients are served there", async () => {
  const cluster = await restarted(3);
  await cluster.until(
    () => cluster.names.every((name) => cluster.node(name).info().shards[0]?.loading === undefined),
    "",
  );
  const leader = await cluster.untilLeader();
  const [away = ""] = cluster.followers;
  cluster.kill(away);
  await cluster.world.until(cluster.startNode(away));
  const client = cluster.client(away);
  client.send("GET", "k3");
  await cluster.until(() => client.isAnswered, "a reply", 2_000);
  expect(client.replies).toEqual([bulk(`3-${value}`)]);
  expect(cluster.status(away).appliedIndex).toBeLessThan(cluster.status(leader).appliedIndex);
  expect(cluster.node(away).info().shards[0]?.loading).toBeUndefined();
  await cluster.close();
});
