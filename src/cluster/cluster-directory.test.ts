/** Nodes that come and go, from the directory's side: replicas move where they are wished, and nobody loses anything. */
import { expect, test } from "vitest";
import { SimulatedCluster, type SimulatedClusterOptions } from "../../test/cluster/simulated-cluster.ts";
import { type DirectoryRequest, type DirectoryState, nodesOfShard, textOfState } from "../directory/index.ts";

async function started(size: number, node: SimulatedClusterOptions["node"] = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ size, node: { shards: 4, replicas: 3, ...node } });
  await cluster.start();
  await cluster.untilAllLed();
  return cluster;
}

function change(cluster: SimulatedCluster, name: string, request: DirectoryRequest): Promise<DirectoryState> {
  return cluster.world.until(cluster.node(name).changeDirectory(request));
}

async function untilSame(cluster: SimulatedCluster): Promise<void> {
  const isSame = (): boolean => {
    const texts = [...cluster.nodes.values()].map((node) => textOfState(node.directoryState));
    return texts.every((text) => text === texts[0]);
  };
  await cluster.until(isSame, "equal directories");
}

/** Writes a counter under a key of each of many slots, and waits for the replies. */
async function write(cluster: SimulatedCluster, name: string, round: number): Promise<void> {
  const client = cluster.client(name);
  for (let key = 0; key < 40; key++) client.send("SET", `key${key}`, `${round}`);
  await cluster.until(() => client.isAnswered, "replies");
  expect(new Set(client.replies)).toEqual(new Set(["+OK\r\n"]));
}

async function expectRound(cluster: SimulatedCluster, name: string, round: number): Promise<void> {
  const client = cluster.client(name);
  for (let key = 0; key < 40; key++) client.send("GET", `key${key}`);
  await cluster.until(() => client.isAnswered, "replies");
  expect(new Set(client.replies)).toEqual(new Set([`$${`${round}`.length}\r\n${round}\r\n`]));
}

test("a change asked for at any node, also one that only learns, is known to all", async () => {
  const cluster = await started(4);
  for (const [at, name] of cluster.names.entries()) {
    const state = await change(cluster, name, { kind: "set", movesPerNodeMax: at + 5 });
    expect(state.settings.movesPerNodeMax).toBe(at + 5);
  }
  await untilSame(cluster);
  expect(cluster.node("n1").directoryState.epoch).toBe(4);
  // It stays known, and goes on, after a restart of everything.
  for (const name of cluster.names) cluster.kill(name);
  await cluster.start();
  await cluster.until(() => cluster.node("n4").directoryState.epoch === 4, "what was known");
  await untilSame(cluster);
  await cluster.close();
});

test("a node that drains gives all its replicas away, and its data with them [M-10, B-2]", async () => {
  const cluster = await started(5);
  await write(cluster, "n1", 1);
  await change(cluster, "n2", { kind: "drain", node: 1, isForced: false });
  const isDrained = (): boolean => cluster.node("n3").directoryState.nodes[0]?.state === "drained";
  await cluster.until(isDrained, "a drained node", 120_000);
  const { shards } = cluster.node("n3").directoryState;
  expect(shards.flatMap(nodesOfShard)).not.toContain(1);
  expect(shards.every(({ report }) => report.voters.length === 3 && report.learners.length === 0)).toBe(true);
  await cluster.until(() => cluster.node("n1").hostedShards.length === 0, "nothing hosted");
  await write(cluster, "n1", 2);
  await expectRound(cluster, "n5", 2);
  await cluster.close();
});
