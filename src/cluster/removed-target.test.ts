/** A node is decommissioned while a replica is on its way to it, and who leads the shard cannot be told. */
import { expect, test } from "vitest";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import type { DirectoryRequest } from "../directory/index.ts";
import { type MarkName, watchMarks } from "../platform/index.ts";
import { nodeOf } from "./replica/replica-id.ts";

const shards = 4;

/** Who leads the directory, and a shard that is led elsewhere, with a node that has none of it. */
interface Scene {
  readonly directory: string;
  readonly shard: number;
  readonly leader: string;
  readonly target: string;
}

async function started(): Promise<{ cluster: SimulatedCluster; scene: Scene }> {
  const cluster = new SimulatedCluster({ size: 5, node: { shards, replicas: 3 } });
  await cluster.start();
  await cluster.untilAllLed();
  // All nodes have told what there is to know of them.
  await cluster.world.run(5_000);
  for (const directory of cluster.names) {
    if (cluster.node(directory).directoryReplica?.core.role !== "leader") continue;
    for (let shard = 0; shard < shards; shard++) {
      const hosts = cluster.names.filter((name) => cluster.node(name).hostedShards.includes(shard));
      const leader = hosts.find((name) => cluster.node(name).replicaOf(shard).core.role === "leader");
      const target = cluster.names.find((name) => name !== directory && !hosts.includes(name));
      if (leader === undefined || leader === directory || target === undefined) continue;
      return { cluster, scene: { directory, shard, leader, target } };
    }
  }
  throw new Error("no shard is led by another node than the directory");
}

/** Nodes that vote on the shard, as its leader has it, and are removed from the cluster. */
function removedVoters(cluster: SimulatedCluster, { directory, shard, leader }: Scene): readonly number[] {
  const { nodes } = cluster.node(directory).directoryState;
  const removed = nodes.filter(({ state }) => state === "removed").map(({ id }) => id);
  const voters = cluster.node(leader).replicaOf(shard).core.configuration.voters.map(nodeOf);
  return voters.filter((node) => removed.includes(node));
}

const marks: readonly { readonly mark: MarkName }[] = [
  { mark: "a replica is added where it is wished" },
  { mark: "a replica gets its vote where it is wished" },
];

test.for(marks)("a node that is decommissioned when $mark is not removed while it votes [B-3]", async ({ mark }) => {
  const { cluster, scene } = await started();
  const { directory, shard, leader, target } = scene;
  const change = (request: DirectoryRequest) => cluster.node(directory).changeDirectory(request);
  const targetId = cluster.node(target).nodeStatus().nodeId;
  const { report, wish } = cluster.node(directory).directoryState.shards[shard] ?? { report: undefined, wish: [] };
  if (report === undefined) throw new Error("there is no such shard");
  const leaderId = cluster.node(leader).nodeStatus().nodeId;
  const [gone] = wish.filter((node) => node !== leaderId);
  const nodes = [...wish.filter((node) => node !== gone), targetId].sort((a, b) => a - b);
  let isMet = false;
  const before = watchMarks((name) => {
    if (name !== mark || isMet) return;
    isMet = true;
    // From now on the shard's leader and the directory's do not hear each other.
    cluster.world.schedule(0, () => {
      cluster.world.network.cut({ from: leader, to: directory });
      cluster.world.network.cut({ from: directory, to: leader });
      void change({ kind: "decommission", node: targetId, isForced: false });
    });
  });
  try {
    const { configurationIndex } = report;
    await cluster.world.until(change({ kind: "wish", shard, nodes, configurationIndex }));
    await cluster.until(() => isMet, mark);
  } finally {
    watchMarks(before);
  }
  for (let step = 0; step < 200; step++) {
    await cluster.world.run(100);
    expect(removedVoters(cluster, scene), `after ${step} steps`).toEqual([]);
  }
  cluster.world.network.healAll();
  const isRemoved = (): boolean =>
    cluster.node(directory).directoryState.nodes.find(({ id }) => id === targetId)?.state === "removed";
  await cluster.until(isRemoved, "the target's removal", 60_000);
  expect(removedVoters(cluster, scene)).toEqual([]);
  const isWhole = (): boolean => {
    const { report: now } = cluster.node(directory).directoryState.shards[shard] ?? {};
    return now?.voters.length === 3 && now.learners.length === 0 && !now.voters.map(nodeOf).includes(targetId);
  };
  await cluster.until(isWhole, "three voters elsewhere", 60_000);
  await cluster.close();
});
