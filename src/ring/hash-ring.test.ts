import fc from "fast-check";
import { expect, test } from "vitest";
import { HashRing, type RingNode, ringPosition, ringPositions } from "./index.ts";

const nodeLists: fc.Arbitrary<RingNode[]> = fc.uniqueArray(
  fc.record({
    id: fc.string({ maxLength: 4 }),
    weight: fc.integer({ min: 1, max: 300 }),
    zone: fc.constantFrom("", "a", "b", "c"),
  }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 8 },
);
const positions = fc.integer({ min: 0, max: ringPositions - 1 });
const pointsPerNode = 16;

test("the owner is the node of the first point that a walk round the ring meets", () => {
  fc.assert(
    fc.property(nodeLists, positions, (nodes, start) => {
      const ring = new HashRing(nodes, { pointsPerNode });
      const points = [...ring.points()];
      const met = points.find(({ position }) => position >= start) ?? points[0];
      expect(ring.successors(start, 1)).toEqual([met?.id]);
    }),
  );
});

test("the successors are distinct, the owner comes first, and all nodes come in the end", () => {
  fc.assert(
    fc.property(nodeLists, fc.string(), fc.nat(10), (nodes, key, count) => {
      const ring = new HashRing(nodes, { pointsPerNode });
      const found = ring.successorsOf(key, count);
      expect(new Set(found).size).toBe(Math.min(count, nodes.length));
      expect(found).toEqual(ring.successors(ring.positionOf(key), count));
      if (count > 0) expect(found[0]).toBe(ring.ownerOf(key));
    }),
  );
});

test("successors stand in as many zones as there are, and where zones do not count they stand in the ring's order", () => {
  fc.assert(
    fc.property(nodeLists, positions, fc.nat(8), (nodes, start, count) => {
      const ring = new HashRing(nodes, { pointsPerNode });
      const zoneOf = new Map(nodes.map(({ id, zone }) => [id, zone]));
      const zones = (ids: readonly string[]): number => new Set(ids.map((id) => zoneOf.get(id))).size;
      const found = ring.successors(start, count);
      expect(zones(found)).toBe(Math.min(found.length, zones(nodes.map(({ id }) => id))));
      const everybody = ring.successors(start, nodes.length, { spreadsZones: false });
      expect(ring.successors(start, count, { spreadsZones: false })).toEqual(everybody.slice(0, count));
    }),
  );
});

test("the order in which the nodes are named makes no difference", () => {
  fc.assert(
    fc.property(nodeLists, positions, (nodes, start) => {
      const ring = new HashRing(nodes, { pointsPerNode });
      const other = new HashRing(nodes.toReversed(), { pointsPerNode });
      expect([...other.points()]).toEqual([...ring.points()]);
      expect(other.successors(start, 5)).toEqual(ring.successors(start, 5));
    }),
  );
});

test("a node that joins takes keys only for itself, and gives them back when it leaves", () => {
  fc.assert(
    fc.property(nodeLists, fc.array(fc.string(), { minLength: 20, maxLength: 20 }), (nodes, keys) => {
      const before = new HashRing(nodes, { pointsPerNode });
      const after = before.with({ id: "joiner", weight: 150 });
      for (const key of keys) {
        const owner = after.ownerOf(key);
        if (owner !== "joiner") expect(owner).toBe(before.ownerOf(key));
      }
      expect([...after.without("joiner").points()]).toEqual([...before.points()]);
    }),
  );
});

test("shares add up to the whole ring, and follow the weights", () => {
  const ring = new HashRing([{ id: 1 }, { id: 2 }, { id: 3, weight: 200 }, { id: 4, weight: 50 }]);
  const shares = ring.nodes.map(({ id }) => ring.shareOf(id));
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  for (const [at, { weight }] of ring.nodes.entries()) expect(shares[at]).toBeCloseTo(weight / 450, 1);
});

test("the share is the part of the keys that a node owns", () => {
  const ring = new HashRing([{ id: "a" }, { id: "b" }, { id: "c" }], { pointsPerNode: 4 });
  let owned = 0;
  const keyCount = 20_000;
  for (let at = 0; at < keyCount; at++) if (ring.ownerOf(`key:${at}`) === "b") owned++;
  expect(owned / keyCount).toBeCloseTo(ring.shareOf("b"), 1);
});

test("a point exactly at a key's position owns it", () => {
  const ring = new HashRing([{ id: "a" }, { id: "b" }]);
  expect(ring.successors(ringPosition("a/0"), 1)).toEqual(["a"]);
  expect(ring.successors(ringPosition("b/7"), 1)).toEqual(["b"]);
});

test.for<{ name: string; make: () => unknown }>([
  { name: "no nodes", make: () => new HashRing([]) },
  { name: "one node twice", make: () => new HashRing([{ id: "a" }, { id: "a" }]) },
  { name: "names and numbers together", make: () => new HashRing<string | number>([{ id: "1" }, { id: 1 }]) },
  { name: "half a number", make: () => new HashRing([{ id: 0.5 }]) },
  { name: "no weight", make: () => new HashRing([{ id: "a", weight: 0 }]) },
  { name: "too much weight", make: () => new HashRing([{ id: "a", weight: 10_001 }]) },
  { name: "no points", make: () => new HashRing([{ id: "a" }], { pointsPerNode: 0 }) },
  { name: "too many points", make: () => new HashRing([{ id: "a", weight: 10_000 }], { pointsPerNode: 4_096 * 3 }) },
  {
    name: "too many points together",
    make: () => new HashRing(Array.from({ length: 50 }, (_, id) => ({ id, weight: 10_000 }))),
  },
  { name: "too many nodes", make: () => new HashRing(Array.from({ length: 1_025 }, (_, id) => ({ id }))) },
  { name: "a position outside", make: () => new HashRing([{ id: "a" }]).successors(ringPositions, 1) },
  { name: "half a successor", make: () => new HashRing([{ id: "a" }]).successors(0, 0.5) },
  { name: "the share of a stranger", make: () => new HashRing([{ id: "a" }]).shareOf("b") },
  { name: "a leaver that is not there", make: () => new HashRing([{ id: "a" }]).without("b") },
  { name: "the last one leaving", make: () => new HashRing([{ id: "a" }]).without("a") },
])("refused: $name", ({ make }) => {
  expect(make).toThrow(expect.objectContaining({ code: "RING" }));
});
