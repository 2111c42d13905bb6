/** A shard gives up a replica, and whoever knows of that is gone or cut off. */
import { expect, test } from "vitest";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { watchMarks } from "../platform/index.ts";
import { isJoint } from "../raft/index.ts";
import type { ReplicaView } from "./status.ts";

const shard = 0;

function hostsOf(cluster: SimulatedCluster): readonly string[] {
  return cluster.names.filter((name) => cluster.nodes.get(name)?.hostedShards.includes(shard) === true);
}

function replicaOf(cluster: SimulatedCluster, name: string): ReplicaView | undefined {
  return hostsOf(cluster).includes(name) ? cluster.node(name).replicaOf(shard) : undefined;
}

function isLeading(cluster: SimulatedCluster, name: string): boolean {
  return replicaOf(cluster, name)?.core.role === "leader";
}

/** The leader is to die, and a replica to move from `gone` to `target`. */
function planMove(cluster: SimulatedCluster) {
  const hosts = hostsOf(cluster);
  const dead = hosts.find((name) => isLeading(cluster, name)) as string;
  const [gone, kept] = hosts.filter((name) => name !== dead) as [string, string];
  const target = cluster.names.find((name) => !hosts.includes(name)) as string;
  const idOf = (name: string): number => cluster.node(name).nodeStatus().nodeId;
  const nodes = [dead, kept, target].map(idOf).sort((a, b) => a - b);
  const { report } = cluster.node(dead).directoryState.shards[shard] as { report: { configurationIndex: number } };
  const { configurationIndex } = report;
  return { dead, gone, kept, target, wish: { kind: "wish", shard, nodes, configurationIndex } as const };
}

/**
 * A replica moves from `gone` to `target`, and the leader dies for good in the midst of the change. Whether `gone` is then elected, and what it
 * commits, its own removal, stays unheard.
 */
async function moveWithoutWord(cluster: SimulatedCluster): Promise<{ dead: string; gone: string } | undefined> {
  const { dead, gone, kept, target, wish } = planMove(cluster);
  let isMet = false;
  const before = watchMarks((name) => {
    if (name !== "a replica gets its vote where it is wished" || isMet) return;
    isMet = true;
    cluster.world.schedule(1, () => cluster.kill(dead));
  });
  try {
    await cluster.world.until(cluster.node(kept).changeDirectory(wish));
    await cluster.until(() => isMet && !cluster.nodes.has(dead), "the change");
  } finally {
    watchMarks(before);
  }
  const rest = [gone, kept, target];
  await cluster.until(() => rest.some((name) => isLeading(cluster, name)), "a leader");
  const leader = replicaOf(cluster, gone);
  if (leader?.core.role !== "leader" || !isJoint(leader.core.configuration)) return undefined;
  const hasAll = (name: string): boolean => replicaOf(cluster, name)?.log.lastIndex === leader.log.lastIndex;
  await cluster.until(() => hasAll(kept) && hasAll(target), "the entries of the leader's term");
  for (const name of [kept, target]) cluster.world.network.cut({ from: gone, to: name });
  return { dead, gone };
}

test("a leader that has committed its own removal unheard is there until those that stay know of it [M-5, M-10]", async () => {
  let count = 0;
  for (let seed = 1; seed <= 12 && count < 2; seed++) {
    const cluster = new SimulatedCluster({ size: 5, seed, node: { shards: 1, replicas: 3 } });
    await cluster.start();
    await cluster.untilAllLed();
    await cluster.world.run(5_000);
    const met = await moveWithoutWord(cluster);
    if (met !== undefined) {
      count++;
      await cluster.world.run(3_000);
      cluster.world.network.healAll();
      const { dead, gone } = met;
      const isServed = (): boolean => hostsOf(cluster).some((name) => name !== gone && isLeading(cluster, name));
      await cluster.until(isServed, `a leader among those that stay, seed ${seed}`, 30_000);
      await cluster.until(() => !hostsOf(cluster).includes(gone), `the end of the removed one, seed ${seed}`, 30_000);
      expect(cluster.nodes.has(dead)).toBe(false);
    }
    await cluster.close();
  }
  expect(count).toBe(2);
});

test("a replica that a shard has given up keeps its vote until a majority of those that stay know of it [M-10]", async () => {
  const cluster = new SimulatedCluster({ size: 5, seed: 1, node: { shards: 1, replicas: 3 } });
  await cluster.start();
  await cluster.untilAllLed();
  await cluster.world.run(5_000);
  const { dead, gone, kept, target, wish } = planMove(cluster);
  const before = watchMarks((name) => {
    if (name === "a replica gets its vote where it is wished") cluster.isolate(kept);
  });
  try {
    await cluster.world.until(cluster.node(dead).changeDirectory(wish));
    // In the moment in which the leader knows it, and nobody else does.
    const votersOf = (name: string): readonly number[] => replicaOf(cluster, name)?.core.configuration.voters ?? [];
    const isLeft = (): boolean => {
      const configuration = replicaOf(cluster, dead)?.core.configuration;
      return (
        configuration !== undefined &&
        !isJoint(configuration) &&
        votersOf(dead).some((id) => id % 65_536 === cluster.node(target).nodeStatus().nodeId)
      );
    };
    await cluster.until(isLeft, "the new configuration");
    cluster.kill(target);
    await cluster.world.run(5_000);
    expect(hostsOf(cluster)).toContain(gone);
    cluster.kill(dead);
    cluster.world.network.healAll();
    await cluster.world.until(cluster.startNode(target));
    const isServed = (): boolean => [kept, target].some((name) => isLeading(cluster, name));
    await cluster.until(isServed, "a leader among those that stay", 30_000);
    await cluster.until(() => !hostsOf(cluster).includes(gone), "the end of the removed one", 30_000);
  } finally {
    watchMarks(before);
  }
  await cluster.close();
});
