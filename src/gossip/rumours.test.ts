import { expect, test } from "vitest";
import { encodeUpdate, Rumours } from "./rumours.ts";
import type { Update } from "./update.ts";

function dead(id: number): Update {
  return { kind: "dead", id, incarnation: 1, by: 9 };
}

const eachBytes = encodeUpdate(dead(1)).length;

test("news rides on each message, the least told first, of these the newest, and each a bounded number of times [W-5]", () => {
  const rumours = new Rumours();
  for (const id of [1, 2, 3]) rumours.add(dead(id));
  const take = (count: number): number[] => rumours.take(count * eachBytes, 2).map((bytes) => bytes[1] ?? 0);
  expect(take(2)).toEqual([3, 2]);
  expect(take(2)).toEqual([1, 3]);
  rumours.add(dead(4));
  expect(take(2)).toEqual([4, 2]);
  expect(take(9)).toEqual([4, 1]);
  expect(take(9)).toEqual([]);
  expect(rumours.count).toBe(0);
});

test("what does not fit waits, and what does goes [W-5]", () => {
  const rumours = new Rumours();
  rumours.add({ kind: "leader", shard: 1, term: 2 ** 50, leader: 2 ** 50 });
  rumours.add(dead(1));
  expect(rumours.take(eachBytes, 3)).toEqual([encodeUpdate(dead(1))]);
  expect(rumours.take(eachBytes - 1, 3)).toEqual([]);
  expect(rumours.take(1_000, 3)).toHaveLength(2);
});

test("a newer claim about the same subject takes the place of the older one", () => {
  const rumours = new Rumours();
  rumours.add({ kind: "suspect", id: 1, incarnation: 1, by: 2 });
  rumours.add({ kind: "leader", shard: 1, term: 1, leader: 1 });
  rumours.take(1_000, 5);
  rumours.add(dead(1));
  rumours.add({ kind: "leader", shard: 1, term: 2, leader: 1 });
  expect(rumours.count).toBe(2);
  expect(rumours.take(1_000, 1)).toEqual([
    encodeUpdate({ kind: "leader", shard: 1, term: 2, leader: 1 }),
    encodeUpdate(dead(1)),
  ]);
});
