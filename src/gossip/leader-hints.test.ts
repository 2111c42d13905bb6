import { expect, test } from "vitest";
import { LeaderHints } from "./leader-hints.ts";

test("a leader is replaced only by one of a higher term [W-8]", () => {
  const hints = new LeaderHints(10);
  expect(hints.learn({ shard: 1, term: 5, leader: 2 })).toBe(true);
  expect(hints.learn({ shard: 1, term: 4, leader: 3 })).toBe(false);
  expect(hints.learn({ shard: 1, term: 5, leader: 3 })).toBe(false);
  expect(hints.find(1)).toEqual({ shard: 1, term: 5, leader: 2 });
  expect(hints.learn({ shard: 1, term: 6, leader: 3 })).toBe(true);
  expect(hints.all()).toEqual([{ shard: 1, term: 6, leader: 3 }]);
});

test("no more shards are remembered than there may be; those that are known go on", () => {
  const hints = new LeaderHints(2);
  for (const shard of [3, 1, 2]) hints.learn({ shard, term: 1, leader: 1 });
  expect(hints.all().map(({ shard }) => shard)).toEqual([1, 3]);
  expect(hints.learn({ shard: 3, term: 2, leader: 1 })).toBe(true);
});
