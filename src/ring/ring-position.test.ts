import { expect, test } from "vitest";
import { fnv1a32, fnv1a64, HashRing, ringPosition, ringPositions } from "./index.ts";
import { finalise } from "./ring-position.ts";

test.for([
  { text: "", hash: "cbf29ce484222325" },
  { text: "a", hash: "af63dc4c8601ec8c" },
  { text: "foobar", hash: "85944171f73967e8" },
])("the 64-bit FNV-1a of $text is the published value", ({ text, hash }) => {
  expect(fnv1a64(text)).toBe(hash);
});

test("a position is the finalised 64-bit FNV-1a, for text and bytes alike", () => {
  for (const text of ["", "a", "foobar", "n1/0", "ключ", "\u0000\u00ff", "x".repeat(1_000)]) {
    const hash = fnv1a64(text);
    const high = Number.parseInt(hash.slice(0, 8), 16);
    const low = Number.parseInt(hash.slice(8), 16);
    expect(ringPosition(text)).toBe(finalise(low ^ finalise(high)));
    expect(ringPosition(Buffer.from(text))).toBe(ringPosition(text));
  }
});

test("positions stay what they are: stored placements rest on them", () => {
  expect([ringPosition("n1/0"), ringPosition("n1/1"), ringPosition("shard 0"), ringPosition("filename1")]).toEqual([
    3357266846, 4104265269, 1605386061, 67587817,
  ]);
});

/** The widest share, as a part of the fair one, over rings of that many nodes with short names. */
function widestShare(nodeCount: number, positionOf: (text: string) => number): number {
  const points: { readonly position: number; readonly node: number }[] = [];
  for (let node = 1; node <= nodeCount; node++) {
    for (let point = 0; point < 256; point++) points.push({ position: positionOf(`n${node}/${point}`), node });
  }
  points.sort((a, b) => a.position - b.position);
  const owned = new Map<number, number>();
  for (const [at, { position, node }] of points.entries()) {
    const before = at === 0 ? (points.at(-1)?.position ?? 0) - ringPositions : (points[at - 1]?.position ?? 0);
    owned.set(node, (owned.get(node) ?? 0) + position - before);
  }
  return (Math.max(...owned.values()) / ringPositions) * nodeCount;
}

test.for([3, 4, 5, 10, 50])(
  "of %i nodes with short names none owns 1.15 times its share; by FNV-1a alone one does",
  (n) => {
    expect(widestShare(n, ringPosition)).toBeLessThan(1.15);
    expect(widestShare(n, fnv1a32)).toBeGreaterThan(1.2);
    const ring = new HashRing(Array.from({ length: n }, (_, at) => ({ id: `n${at + 1}` })));
    expect(Math.max(...ring.nodes.map(({ id }) => ring.shareOf(id) * n))).toBeCloseTo(widestShare(n, ringPosition), 10);
  },
);

test("one bit of a name that is turned turns half of the position's bits; FNV-1a alone turns nine of 32", () => {
  for (const positionOf of [ringPosition, fnv1a32]) {
    let turned = 0;
    for (let at = 0; at < 1_000; at++) {
      const name = Buffer.from(`node-${at}`);
      const before = positionOf(name);
      const last = name.length - 1;
      name[last] = (name[last] as number) ^ 1;
      turned += bitCount(before ^ positionOf(name)) / 1_000;
    }
    if (positionOf === ringPosition) expect(turned).toBeCloseTo(16, 0);
    else expect(turned).toBeLessThan(10);
  }
});

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}
