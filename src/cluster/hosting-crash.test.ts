/** A replica that moves while nodes crash: nothing that was acknowledged is lost, and nothing that has gone comes back. */
import { expect, test } from "vitest";
import { bulk, type Client } from "../../test/cluster/client.ts";
import { MovedByHand } from "../../test/cluster/moved-by-hand.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { type MarkName, watchMarks } from "../platform/index.ts";
import { SeededRandom } from "../simulation/index.ts";
import type { NodeSettings } from "./settings.ts";

const small: Partial<NodeSettings> = {
  snapshotLogBytesMin: 65_536,
  snapshotTailBytes: 16_384,
  snapshotLagBytesMax: 32_768,
  snapshotRetryMs: 500,
};

async function load(cluster: SimulatedCluster, client: Client, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    client.send("INCR", "counter");
    client.send("SET", `k${round % 50}`, "x".repeat(2_000));
    await cluster.world.run(10);
  }
  await cluster.until(() => client.isAnswered, "replies");
}

function hostsOf(cluster: SimulatedCluster): string {
  return cluster.names.filter((name) => cluster.nodes.get(name)?.hostedShards.includes(0)).join();
}

interface CrashCase {
  readonly who: "who comes" | "who goes" | "who leads";
  readonly point: MarkName;
  /** How often it is passed before. */
  readonly skip?: number;
}

const cases: readonly CrashCase[] = [
  { who: "who comes", point: "a replica is added where it is wished" },
  { who: "who comes", point: "a replica begins" },
  { who: "who comes", point: "a received snapshot is installed" },
  { who: "who comes", point: "a batch is durable", skip: 6 },
  { who: "who comes", point: "a replica gets its vote where it is wished" },
  { who: "who goes", point: "a replica gets its vote where it is wished" },
  { who: "who goes", point: "a replica that has gone is destroyed" },
  { who: "who goes", point: "a batch is durable", skip: 6 },
  { who: "who leads", point: "a replica is added where it is wished" },
  { who: "who leads", point: "a replica begins" },
  { who: "who leads", point: "a replica gets its vote where it is wished" },
];

test.for(cases)("$who crashes when $point: the shard gets to where it is wished [M-6, M-10, B-2]", async (each) => {
  const random = new SeededRandom(cases.indexOf(each) + 1);
  const placement = new MovedByHand();
  const settings = small;
  const cluster = new SimulatedCluster({ seed: 70, size: 4, node: { shards: 1, replicas: 3, placement, settings } });
  await cluster.start();
  await cluster.untilAllLed();
  const hosts = hostsOf(cluster).split(",");
  const comer = cluster.names.find((name) => !hosts.includes(name)) ?? "";
  const leader = `n${cluster.node("n1").topology().shards[0]?.leader}`;
  const leaver = hosts.find((name) => name !== leader) ?? "";
  const witness = hosts.find((name) => name !== leader && name !== leaver) ?? "";
  await load(cluster, cluster.client(witness), 60);
  // Time for a snapshot, and for the log to be cut behind it.
  await cluster.world.run(3_000);
  const victim = { "who comes": comer, "who goes": leaver, "who leads": leader }[each.who];
  let seen = 0;
  let isDown = false;
  const before = watchMarks((name) => {
    if (name !== each.point || isDown || seen++ < (each.skip ?? 0)) return;
    isDown = true;
    cluster.world.schedule(random.between(0, 3), () => cluster.world.machine(victim).cutPower("random"));
  });
  const wished = [...hosts.filter((name) => name !== leaver), comer].toSorted();
  placement.wish(0, ...wished.map((name) => Number(name.slice(1))));
  try {
    const isEnd = each.point === "a replica that has gone is destroyed";
    if (isEnd) {
      await placement.untilMoved(cluster, 0);
      placement.report(cluster, 0);
    }
    await cluster.until(() => isDown, each.point, 40_000);
    await cluster.world.run(10);
  } finally {
    watchMarks(before);
  }
  await cluster.world.run(random.between(10, 3_000));
  await cluster.world.until(cluster.startNode(victim));
  await placement.untilMoved(cluster, 0);
  placement.report(cluster, 0);
  await cluster.until(() => hostsOf(cluster) === wished.join(), "an end");
  await load(cluster, cluster.client(leaver), 5);
  const reader = cluster.client(comer);
  reader.send("GET", "counter");
  await cluster.until(() => reader.isAnswered, "a reply");
  expect(reader.replies).toEqual([bulk("65")]);
  // Nor does it with all of them started anew.
  await cluster.world.run(200);
  for (const name of cluster.names) cluster.world.machine(name).cutPower("random");
  await cluster.start();
  await cluster.untilAllLed();
  expect(hostsOf(cluster)).toBe(wished.join());
  await cluster.untilEqual();
  expect(cluster.digests(1)).toEqual([[expect.any(String)]]);
  expect([cluster.crashes, cluster.exits, cluster.eventsOf("a replica has stopped")]).toEqual([[], [], []]);
  await cluster.close();
});
