import { expect, test } from "vitest";
import { firstConfiguration } from "./first-members.ts";
import { directoryGroup, groupOfShard } from "./shard-group.ts";

test.each([
  { nodes: 1, voters: [1], learners: [] },
  { nodes: 2, voters: [1, 2], learners: [] },
  { nodes: 3, voters: [1, 2, 3], learners: [] },
  { nodes: 4, voters: [1, 2, 3], learners: [4] },
  { nodes: 5, voters: [1, 2, 3, 4, 5], learners: [] },
  { nodes: 7, voters: [1, 2, 3, 4, 5], learners: [6, 7] },
])("of $nodes first nodes $voters vote on the directory, and $learners learn it", ({ nodes, voters, learners }) => {
  expect(firstConfiguration(directoryGroup, nodes)).toMatchObject({ voters, learners, highestReplica: 0 });
});

test("a shard begins with a vote for every first node", () => {
  expect(firstConfiguration(groupOfShard(0), 4)).toMatchObject({ voters: [1, 2, 3, 4], learners: [] });
});
