import { expect, test } from "vitest";
import { ShardPlace } from "./shard-place.ts";

test("without a replica the leader that was heard of in the highest term counts, however late an older one is", () => {
  const place = new ShardPlace(3);
  expect(place.route).toEqual({ leader: 0, term: 0 });
  expect(place.heard(2, 5)).toBe(true);
  expect(place.heard(1, 4)).toBe(false);
  expect(place.heard(2, 5)).toBe(false);
  expect(place.route).toEqual({ leader: 2, term: 5 });
  expect(place.heard(3, 7)).toBe(true);
  expect(place.route).toEqual({ leader: 3, term: 7 });
  expect(place.isLedHere).toBe(false);
  expect(place.replica).toBeUndefined();
});

test("a leader that cannot be reached is none, until it says again that it leads", () => {
  const place = new ShardPlace(3);
  place.heard(2, 5);
  place.nodeLost(1);
  expect(place.route).toEqual({ leader: 2, term: 5 });
  place.nodeLost(2);
  expect(place.route).toEqual({ leader: 0, term: 5 });
  expect(place.heard(1, 4)).toBe(false);
  expect(place.heard(2, 5)).toBe(true);
  expect(place.route).toEqual({ leader: 2, term: 5 });
});
