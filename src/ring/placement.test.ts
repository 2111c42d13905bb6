import fc from "fast-check";
import { expect, test } from "vitest";
import { HashRing, ideal, movesBetween, type RingNode, shardPosition } from "./index.ts";

const options = { shards: 64, replicas: 3, pointsPerNode: 16 };

const nodeLists: fc.Arbitrary<RingNode<number>[]> = fc.uniqueArray(
  fc.record({
    id: fc.nat(1_000),
    weight: fc.integer({ min: 20, max: 300 }),
    zone: fc.constantFrom("", "a", "b", "c", "d"),
  }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 9 },
);

test("each shard stands at the first distinct nodes clockwise of its own point", () => {
  const nodes = [1, 2, 3, 4, 5].map((id) => ({ id }));
  const ring = new HashRing(nodes, options);
  for (const [shard, ids] of ideal(nodes, options).entries()) {
    const walked = [...ring.points()].map(({ id }) => id);
    const start = [...ring.points()].findIndex(({ position }) => position >= shardPosition(shard));
    const around = start === -1 ? walked : [...walked.slice(start), ...walked.slice(0, start)];
    expect(ids).toEqual([...new Set(around)].slice(0, 3));
  }
});

test("the set of nodes decides, not their order", () => {
  fc.assert(
    fc.property(nodeLists, (nodes) => {
      expect(ideal(nodes.toReversed(), options)).toEqual(ideal(nodes, options));
    }),
  );
});

test("when a node joins, a shard exchanges at most one replica, for that node; when it leaves, it is exchanged back", () => {
  fc.assert(
    fc.property(nodeLists, fc.constantFrom("", "a", "e"), (nodes, zone) => {
      const joiner = { id: 5_000, zone };
      const before = ideal(nodes, options);
      const after = ideal([...nodes, joiner], options);
      const moves = movesBetween(before, after);
      expect(new Set(moves.map(({ shard }) => shard)).size).toBe(moves.length);
      expect(moves.filter(({ to }) => to !== joiner.id)).toEqual([]);
      expect(movesBetween(after, before).filter(({ from }) => from !== joiner.id)).toEqual([]);
    }),
  );
});

test.for([
  { joined: 4, share: 1 / 4 },
  { joined: 6, share: 1 / 6 },
  { joined: 12, share: 1 / 12 },
])("a joiner that makes them $joined moves $share of the replicas in the mean over many rings", ({ joined, share }) => {
  const ringCount = 40;
  let moved = 0;
  for (let ring = 0; ring < ringCount; ring++) {
    const nodes = Array.from({ length: joined }, (_, at) => ({ id: `r${ring}-n${at}` }));
    moved += movesBetween(ideal(nodes.slice(1), options), ideal(nodes, options)).length;
  }
  expect(moved / (ringCount * 64 * 3) / share).toBeGreaterThan(0.9);
  expect(moved / (ringCount * 64 * 3) / share).toBeLessThan(1.1);
});

test("moves pair what goes with what comes, shard by shard", () => {
  const moves = movesBetween<number>([[1, 2, 3], [1, 2], [3], [1, 2]], [[3, 4, 5], [2, 1], [], [1, 2, 4], [6]]);
  expect(moves).toEqual([
    { shard: 0, from: 1, to: 4, reason: "left" },
    { shard: 0, from: 2, to: 5, reason: "left" },
    { shard: 2, from: 3, to: undefined, reason: "left" },
    { shard: 3, from: undefined, to: 4, reason: "missing" },
    { shard: 4, from: undefined, to: 6, reason: "missing" },
  ]);
});

test.for([
  { shards: 0, replicas: 3 },
  { shards: 1_025, replicas: 3 },
  { shards: 1.5, replicas: 3 },
  { shards: 64, replicas: 0 },
  { shards: 64, replicas: 16 },
])("$shards shards of $replicas replicas are refused", (wrong) => {
  expect(() => ideal([{ id: 1 }], wrong)).toThrow(expect.objectContaining({ code: "RING" }));
});
