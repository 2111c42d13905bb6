import { expect, test } from "vitest";
import { directoryGroup, groupOfShard } from "../replica/shard-group.ts";
import { FirstMembers } from "./first-members.ts";

function membersOf(nodes: number, shardCount = 1, replicaCount = Math.max(3, nodes)): FirstMembers {
  const names = Array.from({ length: nodes }, (_, at) => `n${at + 1}`);
  return new FirstMembers({ names, shardCount, replicaCount });
}

test.each([
  { nodes: 1, voters: [1], learners: [] },
  { nodes: 2, voters: [1, 2], learners: [] },
  { nodes: 3, voters: [1, 2, 3], learners: [] },
  { nodes: 4, voters: [1, 2, 3], learners: [4] },
  { nodes: 5, voters: [1, 2, 3, 4, 5], learners: [] },
  { nodes: 7, voters: [1, 2, 3, 4, 5], learners: [6, 7] },
])("of $nodes first nodes $voters vote on the directory, and $learners learn it", ({ nodes, voters, learners }) => {
  expect(membersOf(nodes).of(directoryGroup)).toMatchObject({ voters, learners, highestReplica: 0 });
});

test("where there are no more nodes than replicas a shard begins with a vote for every one", () => {
  expect(membersOf(4).of(groupOfShard(0))).toMatchObject({ voters: [1, 2, 3, 4], learners: [] });
  expect(membersOf(2).of(groupOfShard(0))).toMatchObject({ voters: [1, 2], learners: [] });
});

test("otherwise each shard begins on so many of them, which share the shards, and a node that joined has none", () => {
  const members = membersOf(6, 16, 3);
  const counts = new Map<number, number>();
  for (let shard = 0; shard < 16; shard++) {
    const { voters } = members.of(groupOfShard(shard));
    expect(new Set(voters).size).toBe(3);
    for (const node of voters) counts.set(node, (counts.get(node) ?? 0) + 1);
    for (let node = 1; node <= 7; node++) expect(members.has(groupOfShard(shard), node)).toBe(voters.includes(node));
  }
  expect([...counts.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(members.has(directoryGroup, 6)).toBe(true);
  expect(members.has(directoryGroup, 7)).toBe(false);
});
