import { expect, test } from "vitest";
import { genesis, replicasDefault } from "./genesis.ts";
import { voterNodesOf } from "./shard-report.ts";

function namesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `n${at + 1}`);
}

test("a cluster begins at epoch 0 with its first nodes active, and every shard where its wish is", () => {
  expect(genesis({ names: ["a", "b"], shardCount: 2 })).toEqual({
    epoch: 0,
    nextNodeId: 3,
    settings: { replicas: 3, replaceAfterMs: 300_000, movesPerNodeMax: 4 },
    nodes: ["a", "b"].map((name, at) => ({
      id: at + 1,
      name,
      state: "active",
      directoryId: undefined,
      peerAddress: undefined,
      zone: "",
      weight: 100,
      isDecommissioned: false,
    })),
    shards: [0, 1].map((shard) => ({
      shard,
      report: { configurationIndex: 0, voters: [1, 2], learners: [], highestReplica: 2 },
      wish: [1, 2],
    })),
    skips: [],
  });
});

test.for([
  { firstNodes: 1, replicas: 3 },
  { firstNodes: 2, replicas: 3 },
  { firstNodes: 3, replicas: 3 },
  { firstNodes: 4, replicas: 4 },
  { firstNodes: 5, replicas: 5 },
  { firstNodes: 6, replicas: 3 },
  { firstNodes: 9, replicas: 3 },
])("$firstNodes first nodes keep $replicas replicas, unless it is said otherwise", ({ firstNodes, replicas }) => {
  expect(replicasDefault(firstNodes)).toBe(replicas);
  expect(genesis({ names: namesOf(firstNodes), shardCount: 1 }).settings.replicas).toBe(replicas);
});

test("with more first nodes than replicas the shards are spread evenly, and it is the same at every node", () => {
  const state = genesis({ names: namesOf(5), shardCount: 64, replicas: 3 });
  const held = new Map<number, number>();
  for (const { report, wish } of state.shards) {
    expect(voterNodesOf(report)).toEqual(wish);
    expect(wish).toHaveLength(3);
    expect(report.highestReplica).toBe(Math.max(...wish));
    for (const node of wish) held.set(node, (held.get(node) ?? 0) + 1);
  }
  for (const count of held.values()) expect(count).toBeLessThanOrEqual(Math.ceil((64 * 3 * 1.25) / 5));
  expect(held.size).toBe(5);
  expect(genesis({ names: namesOf(5), shardCount: 64, replicas: 3 })).toEqual(state);
});

test("a cluster from before shards could be on some nodes has each on all of them, and should have 15 from now on", () => {
  const names = Array.from({ length: 64 }, (_, at) => `n${at + 10}`);
  for (const count of [16, 64]) {
    const { settings, shards } = genesis({ names: names.slice(0, count), shardCount: 4, replicas: count });
    expect(settings.replicas).toBe(15);
    for (const { report, wish } of shards) expect([report.voters.length, wish.length]).toEqual([count, count]);
  }
  expect(() => genesis({ names: names.slice(0, 20), shardCount: 4, replicas: 16 })).toThrow("within its bounds");
  expect(() => genesis({ names: [...names, "n99"], shardCount: 4, replicas: 65 })).toThrow("within its bounds");
});

test("names that are not sorted would number the nodes differently from node to node: they are a bug of ours", () => {
  expect(() => genesis({ names: ["b", "a"], shardCount: 1 })).toThrow("sorted");
  expect(() => genesis({ names: ["a", "a"], shardCount: 1 })).toThrow("sorted");
});
