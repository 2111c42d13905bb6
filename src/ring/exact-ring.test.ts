import fc from "fast-check";
import { expect, test } from "vitest";
import { ExactRing, fnv1a32 } from "./index.ts";

test.for([
  { text: "", hash: 0x811c9dc5 },
  { text: "a", hash: 0xe40c292c },
  { text: "foobar", hash: 0xbf9cf968 },
])("FNV-1a of $text is the published value", ({ text, hash }) => {
  expect(fnv1a32(text)).toBe(hash);
  expect(fnv1a32(Buffer.from(text))).toBe(hash);
});

test.for([
  { nodes: [100, 150, 200], key: "filename1", position: 59, owner: 100 },
  { nodes: [50, 100, 200], key: "filename1", position: 59, owner: 100 },
  { nodes: [50, 100, 200], key: "filename2", position: 206, owner: 50 },
])("among $nodes, $key at $position belongs to $owner", ({ nodes, key, position, owner }) => {
  const ring = new ExactRing(nodes);
  expect(ring.positionOf(key)).toBe(position);
  expect(ring.ownerOf(key)).toBe(owner);
});

test("a node is responsible for its own position, and for all after the one before it", () => {
  const ring = new ExactRing([200, 50, 100]);
  expect([50, 51, 100, 101, 200, 201, 255, 0].map((position) => ring.successor(position))).toEqual([
    50, 100, 100, 200, 200, 50, 50, 50,
  ]);
});

const positions = fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 30 });

test("the owner is the first node that a walk round the ring meets", () => {
  fc.assert(
    fc.property(positions, fc.nat(255), (nodes, start) => {
      let at = start;
      while (!nodes.includes(at)) at = (at + 1) % 256;
      expect(new ExactRing(nodes).successor(start)).toBe(at);
    }),
  );
});

test("a node that comes takes keys only for itself, and gives them back when it goes", () => {
  fc.assert(
    fc.property(positions, fc.nat(255), (nodes, joiner) => {
      fc.pre(!nodes.includes(joiner));
      const before = new ExactRing(nodes);
      const after = before.with(joiner);
      for (let position = 0; position < 256; position++) {
        const owner = after.successor(position);
        if (owner !== joiner) expect(owner).toBe(before.successor(position));
      }
      expect(after.without(joiner).positions).toEqual(before.positions);
    }),
  );
});

test.for([{ nodes: [] }, { nodes: [1, 1] }, { nodes: [256] }, { nodes: [-1] }, { nodes: [0.5] }])(
  "a ring of $nodes is refused",
  ({ nodes }) => {
    expect(() => new ExactRing(nodes)).toThrow(expect.objectContaining({ code: "RING" }));
  },
);
