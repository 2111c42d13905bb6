import { expect, test } from "vitest";
import type { NodePicture, ShardPicture, SpreadPicture } from "../directory/index.ts";
import { genesis, joinsOf, whatIf } from "../directory/index.ts";
import { formatKey, formatNodes, formatShards, formatSpread, formatWhatIf } from "./directory-report.ts";

const n1: NodePicture = {
  id: 1,
  name: "n1",
  state: "active",
  isDecommissioned: false,
  isUp: true,
  zone: "",
  weight: 100,
  peer: "127.0.0.1:17001",
  replicas: 48,
  leads: 16,
  coming: 0,
  going: 2,
};

test("a node has a row: what it is, and what it has", () => {
  const others: readonly Partial<NodePicture>[] = [
    { name: "n2", state: "draining", isDecommissioned: true, zone: "b" },
    { name: "n3", isUp: false, peer: null },
    { name: "n4", state: "removed", isUp: false, isDecommissioned: true },
  ];
  const lines = formatNodes([n1, ...others.map((other) => ({ ...n1, ...other }))]);
  expect(lines).toEqual([
    "node  state                   zone  weight  replicas  leads  coming  going  peer address",
    "n1    active                  -        100        48     16       0      2  127.0.0.1:17001",
    "n2    draining, then removed  b        100        48     16       0      2  127.0.0.1:17001",
    "n3    active (no answer)      -        100        48     16       0      2  -",
    "n4    removed                 -        100        48     16       0      2  127.0.0.1:17001",
  ]);
});

const shard: ShardPicture = {
  shard: 0,
  slots: { first: 0, last: 8_191 },
  leader: "n1",
  replicas: ["n1", "n2", "n3"],
  learners: [],
  live: ["n1", "n2", "n3"],
  hasMajority: true,
  move: null,
};

test("a shard has a row: who keeps it, what moves; those that stand still are counted", () => {
  const lines = formatShards([
    { ...shard, learners: ["n4"], move: { from: "n1", to: "n4" } },
    { ...shard, shard: 1, leader: null, live: ["n1"], hasMajority: false, move: { from: null, to: "n4" } },
    { ...shard, shard: 2, move: { from: "n3", to: null } },
  ]);
  expect(lines).toEqual([
    "shard  slots   leader  live    replicas       moves",
    "    0  0-8191  n1      3 of 3  n1 n2 n3 (n4)  n1 to n4",
    "    1  0-8191  -       1 of 3  n1 n2 n3       to n4",
    "    2  0-8191  n1      3 of 3  n1 n2 n3       from n3",
    "",
    "1 of 3 shards stand still: no majority of them answers.",
  ]);
  expect(formatShards([shard])).toHaveLength(2);
  const many = Array.from({ length: 11 }, (_, at) => at);
  expect(
    formatShards(
      [shard],
      [
        { reason: "n2 is away", shards: [3] },
        { reason: "it rains", shards: many },
      ],
    ).slice(2),
  ).toEqual([
    "",
    "A move of shard 3 waits: n2 is away.",
    "Moves of shards 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … wait: it rains.",
  ]);
});

test("a key's way is told line by line", () => {
  const picture = { key: "a", slot: 5, shard: 0, slots: shard.slots, leader: null, replicas: shard.replicas };
  expect(formatKey(picture)).toEqual([
    "key        a",
    "slot       5",
    "shard      0, slots 0-8191",
    "leader     none is known",
    "replicas   n1, n2, n3",
  ]);
});

test("the spread shows each node's part as a bar", () => {
  const node = { state: "active", isUp: true, zone: "", weight: 100, fairShare: 2 } as const;
  const picture: SpreadPicture = {
    epoch: 7,
    shards: 2,
    replicas: 2,
    nodes: [
      { ...node, name: "n1", replicas: 3, share: 0.75, ledSlots: 1 },
      { ...node, name: "n2", state: "draining", replicas: 1, share: 0.25, ledSlots: 0 },
      { ...node, name: "n3", isUp: false, replicas: 0, share: 0, ledSlots: 0 },
    ],
  };
  expect(formatSpread(picture)).toEqual([
    "node            zone  weight  replicas  fair   share    leads",
    `n1              -        100         3   2.0  75.0 %  100.0 %  ${"█".repeat(20)}`,
    `n2 (draining)   -        100         1   2.0  25.0 %    0.0 %  ${"█".repeat(7)}`,
    "n3 (no answer)  -        100         0   2.0   0.0 %    0.0 %",
    "",
    "2 shards with 2 replicas each; directory at epoch 7",
  ]);
});

test("what a change would move ends with the word that nothing has been changed", () => {
  const state = genesis({ names: ["n1", "n2", "n3"], shardCount: 64 });
  const lines = formatWhatIf(whatIf(state, joinsOf(state, 1)));
  expect(lines.at(-2)).toBe("48 of 192 replicas move (25.0 %)");
  expect(lines.at(-1)).toBe("Nothing has been changed.");
  const four = genesis({ names: ["n1", "n2", "n3", "n4"], shardCount: 1, replicas: 3 });
  const [{ wish = [] } = {}] = four.shards;
  const nodes = [1, 2, 3, 4].filter((id) => id !== wish[0]);
  const moved = formatWhatIf(whatIf(four, [{ kind: "wish", shard: 0, nodes, configurationIndex: 0 }]));
  expect(moved[0]).toMatch(/^shard 0 moves n\d to n\d$/);
  expect(moved.at(-1)).toBe("Nothing has been changed.");
  expect(formatWhatIf(whatIf(state, []))).toEqual(["Nothing would move."]);
});
