/** The directory's group: on every node, beside the shards and not one of them. */
import { expect, test } from "vitest";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { directoryGroup } from "./replica/shard-group.ts";
import type { DirectoryStatus } from "./status.ts";

function statusOf(cluster: SimulatedCluster, name: string): DirectoryStatus {
  const { directory } = cluster.node(name).nodeStatus();
  if (directory === null) throw new Error(`${name} has no replica of the directory`);
  return directory;
}

async function untilDirectoryEqual(cluster: SimulatedCluster): Promise<void> {
  const isEqual = (): boolean => {
    const all = [...cluster.nodes.keys()].map((name) => statusOf(cluster, name));
    return all.every(({ appliedIndex, leader }) => {
      return leader !== null && appliedIndex > 0 && appliedIndex === all[0]?.lastIndex;
    });
  };
  await cluster.until(isEqual, "equal directories");
}

test("every node has a replica of the directory: of four three vote, and the fourth learns", async () => {
  const cluster = new SimulatedCluster({ size: 4 });
  await cluster.start();
  await untilDirectoryEqual(cluster);
  const roles = cluster.names.map((name) => statusOf(cluster, name).role).toSorted();
  expect(roles).toEqual(["follower", "follower", "leader", "learner"]);
  expect(statusOf(cluster, "n4")).toMatchObject({ role: "learner", rebuild: null, epoch: 0, replica: 4 });
  // To who looks at the shards there is no such group.
  const node = cluster.node("n4");
  expect(node.nodeStatus().groups.map(({ group }) => group)).toEqual([1]);
  expect(node.topology().shards.map(({ shard }) => shard)).toEqual([0]);
  expect(node.info().shards.map(({ shard }) => shard)).toEqual([0]);
  expect(node.info().directoryGroup).toMatchObject({ role: "learner", epoch: 0 });
  await cluster.close();
});

test("a node that is alone leads its directory, and again after a restart", async () => {
  const cluster = new SimulatedCluster({ size: 1 });
  await cluster.start();
  await cluster.until(() => statusOf(cluster, "n1").role === "leader", "a leader");
  const { term } = statusOf(cluster, "n1");
  cluster.kill("n1");
  await cluster.start();
  await cluster.until(() => statusOf(cluster, "n1").role === "leader", "a leader");
  expect(statusOf(cluster, "n1").term).toBeGreaterThan(term);
  await cluster.close();
});

test("a damaged learner of the directory is made anew, and is shown as that only until it has the state [D-3]", async () => {
  const cluster = new SimulatedCluster({ size: 4 });
  await cluster.start();
  await untilDirectoryEqual(cluster);
  // What is written after it proves that it was durable.
  for (let round = 0; round < 5; round++) {
    const client = cluster.client("n1");
    client.send("SET", "key", String(round));
    await cluster.until(() => client.isAnswered, "replies");
  }
  cluster.kill("n4");
  cluster.damageLog("n4");
  await cluster.start();
  await cluster.until(() => statusOf(cluster, "n4").replica > 4, "a successor");
  await untilDirectoryEqual(cluster);
  await cluster.until(() => statusOf(cluster, "n4").rebuild === null, "its end");
  expect(statusOf(cluster, "n4").role).toBe("learner");
  const steps = (): readonly unknown[] =>
    cluster
      .eventsOf("a replica is made anew")
      .filter(({ fields }) => fields.group === directoryGroup)
      .map(({ fields }) => fields.step);
  await cluster.until(() => steps().length >= 2, "the end of the lost one");
  expect(steps()).toEqual(["add", "drop"]);
  await cluster.close();
});

test("a voter of the directory that is away for too long gives its vote to a node that learns [M-3, B-3]", async () => {
  const cluster = new SimulatedCluster({ size: 4, node: { shards: 2, replicas: 3 } });
  await cluster.start();
  await untilDirectoryEqual(cluster);
  const set = { kind: "set", replaceAfterMs: 10_000 } as const;
  await cluster.world.until(cluster.node("n4").changeDirectory(set));
  const victim = cluster.names.find((name) => statusOf(cluster, name).role === "leader") ?? "";
  cluster.kill(victim);
  const votes = (name: string): boolean => ["leader", "follower"].includes(statusOf(cluster, name).role);
  const others = cluster.names.filter((name) => name !== victim);
  await cluster.until(() => others.every(votes), "three voters that are there", 60_000);
  // With one of them gone the other two are a majority.
  cluster.kill("n4");
  const [asked = ""] = others;
  await cluster.world.until(cluster.node(asked).changeDirectory({ kind: "set", movesPerNodeMax: 7 }));
  // Who comes back learns what it missed.
  await cluster.start();
  await cluster.until(() => statusOf(cluster, victim).epoch === statusOf(cluster, asked).epoch, "what it missed");
  await cluster.until(() => statusOf(cluster, victim).role === "learner", "a replica that learns");
  expect(cluster.node(victim).directoryState.settings.movesPerNodeMax).toBe(7);
  await cluster.close();
});
