import fc from "fast-check";
import { expect, test } from "vitest";
import { fairShares } from "./fair-share.ts";
import { type MoveReason, type Placement, type Plan, plan, type ReplicaMove, type RingNode } from "./index.ts";
import { sortedNodes } from "./ring-node.ts";

const options = { shards: 64, replicas: 3, pointsPerNode: 8 };

function named(...ids: readonly number[]): RingNode<number>[] {
  return ids.map((id) => ({ id }));
}

function zonesOf(ids: readonly number[], nodes: readonly RingNode<number>[]): number {
  return new Set(ids.map((id) => nodes.find((node) => node.id === id)?.zone ?? "")).size;
}

/** What holds of every plan, whatever it began with. */
function check(made: Plan<number>, nodes: readonly RingNode<number>[], replicas = options.replicas): void {
  const zoneCount = new Set(nodes.map(({ zone }) => zone ?? "")).size;
  const held = new Map(nodes.map(({ id }) => [id, 0]));
  const wrong: (readonly number[])[] = [];
  for (const ids of made.placement) {
    const isDistinct = new Set(ids).size === ids.length && ids.length === Math.min(replicas, nodes.length);
    if (!isDistinct || zonesOf(ids, nodes) !== Math.min(ids.length, zoneCount)) wrong.push(ids);
    for (const id of ids) held.set(id, (held.get(id) ?? Number.NaN) + 1);
  }
  expect(wrong).toEqual([]);
  expect(made.loads.map(({ id, after }) => [id, after])).toEqual([...held].sort(([a], [b]) => a - b));
}

/** Carries `moves` out, one by one, as their reader would. */
function carriedOut(before: Placement<number>, made: Plan<number>): readonly (readonly number[])[] {
  const shards = made.placement.map((_, shard) => new Set(before[shard] ?? []));
  for (const { shard, from, to } of made.moves) {
    const ids = shards[shard];
    if (from !== undefined && ids?.delete(from) !== true) throw new Error(`shard ${shard} has no replica at ${from}`);
    if (to !== undefined) ids?.add(to);
  }
  return shards.map((ids) => [...ids].sort());
}

const node = fc.record({
  id: fc.oneof(fc.nat(7), fc.nat(40)),
  weight: fc.constantFrom(50, 100, 100, 100, 200, 1_000),
  zone: fc.constantFrom("", "a", "b", "c", "d"),
});
const nodeLists = fc.uniqueArray(node, { selector: ({ id }) => id, minLength: 1, maxLength: 10 });
/** From nothing to something wild, and full ones that are far from even. */
const placements: fc.Arbitrary<number[][]> = fc.oneof(
  fc.array(fc.uniqueArray(fc.nat(45), { maxLength: 5 }), { maxLength: 64 }),
  fc.array(fc.uniqueArray(fc.nat(7), { minLength: 3, maxLength: 3 }), { minLength: 64, maxLength: 64 }),
);

test("whatever it begins with: distinct nodes, then zones; the moves are the difference; again it moves nothing", () => {
  fc.assert(
    fc.property(placements, nodeLists, fc.integer({ min: 1, max: 5 }), (current, nodes, replicas) => {
      const made = plan(current, nodes, { ...options, replicas });
      check(made, nodes, replicas);
      expect(carriedOut(current, made)).toEqual(made.placement.map((ids) => [...ids].sort()));
      expect(plan(made.placement, nodes, { ...options, replicas }).moves).toEqual([]);
      expect(plan(current, nodes.toReversed(), { ...options, replicas })).toEqual(made);
    }),
    { numRuns: 100 },
  );
});

test("a replica moves only if its node left, its shard lacked a zone, its node held too much, or to a joiner", () => {
  fc.assert(
    fc.property(placements, nodeLists, (current, nodes) => {
      const made = plan(current, nodes, options);
      const load = new Map(made.loads.map((each) => [each.id, each]));
      const isAllowed: Record<MoveReason, (move: ReplicaMove<number>) => boolean> = {
        left: ({ from }) => from !== undefined && !load.has(from),
        missing: ({ from }) => from === undefined,
        surplus: ({ shard }) => (current[shard]?.length ?? 0) > 3,
        zone: ({ shard }) => zonesOf(current[shard] ?? [], nodes) < zonesOf(made.placement[shard] ?? [], nodes) + 1,
        bound: ({ from = -1 }) => (load.get(from)?.after ?? 0) >= (load.get(from)?.bound ?? 0),
        share: ({ from = -1, to = -1 }) =>
          (load.get(from)?.after ?? 0) >= Math.floor((load.get(from)?.fairShare ?? 0) + 1e-6) &&
          (load.get(to)?.before ?? 0) < (load.get(to)?.fairShare ?? 0),
      };
      expect(made.moves.filter((move) => !isAllowed[move.reason](move))).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test("who holds more than its bound could give nothing to anybody below theirs, and what joins holds its share or could get no more", () => {
  fc.assert(
    fc.property(placements, nodeLists, (current, nodes) => {
      const { placement, loads } = plan(current, nodes, options);
      const canMove = (giver: number, taker: number): boolean =>
        placement.some((ids) => {
          if (!ids.includes(giver) || ids.includes(taker)) return false;
          const moved = ids.map((id) => (id === giver ? taker : id));
          return zonesOf(moved, nodes) >= zonesOf(ids, nodes);
        });
      const left: string[] = [];
      for (const giver of loads) {
        for (const taker of loads) {
          if (giver === taker || !canMove(giver.id, taker.id)) continue;
          if (giver.after > giver.bound && taker.after < taker.bound) left.push(`bound ${giver.id} ${taker.id}`);
          const isShort = taker.after < Math.floor((taker.fairShare * 100) / 125 + 1e-6);
          if (isShort && giver.after > Math.floor(giver.fairShare + 1e-6)) left.push(`share ${giver.id} ${taker.id}`);
        }
      }
      expect(left).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

/** Nodes that come and go, each step planned on what the step before left. */
const histories = fc.record({
  first: fc.integer({ min: 1, max: 8 }),
  boundPercent: fc.constantFrom(125, 125, 200),
  steps: fc.array(fc.record({ isJoin: fc.boolean(), pick: fc.nat(1_000) }), { minLength: 1, maxLength: 12 }),
});

interface HistoryStep {
  readonly isJoin: boolean;
  readonly id: number;
  readonly before: Plan<number>;
  readonly after: Plan<number>;
  readonly nodes: readonly RingNode<number>[];
}

interface History {
  readonly first: number;
  readonly boundPercent: number;
  readonly steps: readonly { readonly isJoin: boolean; readonly pick: number }[];
}

function stepsOf(history: History): HistoryStep[] {
  const limits = { ...options, boundPercent: history.boundPercent };
  let nodes = named(...Array.from({ length: history.first }, (_, at) => at));
  let current = plan([], nodes, limits);
  let nextId = history.first;
  const found: HistoryStep[] = [];
  for (const { isJoin, pick } of history.steps) {
    if (!isJoin && nodes.length === 1) continue;
    const id = isJoin ? nextId++ : (nodes[pick % nodes.length]?.id ?? -1);
    nodes = isJoin ? [...nodes, { id }] : nodes.filter((other) => other.id !== id);
    const after = plan(current.placement, nodes, limits);
    found.push({ isJoin, id, before: current, after, nodes });
    current = after;
  }
  return found;
}

test("through joins and leaves of equal nodes a join moves replicas to the joiner alone, its fair share of them", () => {
  fc.assert(
    fc.property(histories, (history) => {
      for (const { isJoin, id, after, nodes } of stepsOf(history)) {
        check(after, nodes);
        if (!isJoin) continue;
        const joiner = after.loads.find((load) => load.id === id);
        expect(after.moves.every(({ to }) => to === id)).toBe(true);
        expect(joiner?.after).toBeGreaterThanOrEqual(Math.floor((joiner?.fairShare ?? 0) + 1e-6));
        expect(after.moves.length).toBeLessThanOrEqual(Math.ceil((joiner?.fairShare ?? 0) - 1e-6));
      }
    }),
    { numRuns: 40 },
  );
});

test("through joins and leaves of equal nodes a leave moves what the leaver held, and nothing else", () => {
  fc.assert(
    fc.property(histories, (history) => {
      for (const { isJoin, id, before, after } of stepsOf(history)) {
        if (isJoin) continue;
        expect(after.moves.every(({ from }) => from === id)).toBe(true);
        expect(after.moves).toHaveLength(before.placement.filter((ids) => ids.includes(id)).length);
      }
    }),
    { numRuns: 40 },
  );
});

test("through joins and leaves of equal nodes nobody holds more than its bound", () => {
  fc.assert(
    fc.property(histories, (history) => {
      for (const { after } of stepsOf(history)) {
        expect(after.loads.filter((load) => load.after > load.bound)).toEqual([]);
      }
    }),
    { numRuns: 40 },
  );
});

test("a fourth node that joins three takes a quarter of 64 shards' replicas, evenly from the three", () => {
  const three = plan([], named(1, 2, 3), options);
  const four = plan(three.placement, named(1, 2, 3, 4), options);
  expect(four.moves.length / (64 * 3)).toBe(0.25);
  expect(four.loads.map(({ before, after }) => [before, after])).toEqual([
    [64, 48],
    [64, 48],
    [64, 48],
    [0, 48],
  ]);
  expect(new Set(four.moves.map(({ reason }) => reason))).toEqual(new Set(["share"]));
});

test("what stays keeps its slot, so that the preferred leaders stay too", () => {
  const three = plan([], named(1, 2, 3), options);
  const four = plan(three.placement, named(1, 2, 3, 4), options);
  for (const [shard, ids] of four.placement.entries()) {
    for (const [slot, id] of ids.entries()) if (id !== 4) expect(three.placement[shard]?.[slot]).toBe(id);
  }
});

test("a second joiner at once gets its share too, and the first moves nothing between the old ones", () => {
  const three = plan([], named(1, 2, 3), options);
  const five = plan(three.placement, named(1, 2, 3, 4, 5), options);
  expect(five.moves.every(({ to }) => to === 4 || to === 5)).toBe(true);
  expect(five.loads.slice(3).map(({ after }) => after)).toEqual([38, 38]);
});

test("nodes hold by weight; one that weighs more than all shards' replicas holds one of each, the others share the rest", () => {
  const loads = (nodes: RingNode<number>[]): number[] =>
    plan([], nodes, options).loads.map(({ fairShare }) => fairShare);
  expect(loads([{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4, weight: 50 }, { id: 5, weight: 50 }])).toEqual([
    48, 48, 48, 24, 24,
  ]);
  expect(loads([{ id: 1 }, { id: 2 }, { id: 3, weight: 200 }, { id: 4, weight: 1_000 }])).toEqual([32, 32, 64, 64]);
  const heavy = plan([], [...named(1, 2, 3, 4), { id: 5, weight: 1_000 }], options);
  expect(heavy.loads.at(-1)?.after).toBeGreaterThan(58);
  for (const { after, bound } of heavy.loads) expect(after).toBeLessThanOrEqual(bound);
});

test("a node whose weight is doubled gets its share as one that joins does", () => {
  const before = plan([], named(1, 2, 3, 4, 5), options);
  const after = plan(before.placement, [...named(1, 2, 3, 4), { id: 5, weight: 200 }], options);
  expect(after.moves.every(({ to }) => to === 5)).toBe(true);
  expect(after.loads.at(-1)?.after).toBeGreaterThan(60);
});

test.for<{ name: string; zones: string; shares: number[] }>([
  { name: "one node alone in one of three zones holds one of each", zones: "abbcc", shares: [64, 32, 32, 32, 32] },
  { name: "of two zones each holds one of each at least", zones: "abbbb", shares: [64, 32, 32, 32, 32] },
  { name: "with more zones than replicas a zone holds one of each at most", zones: "abcddddddd", shares: [] },
  { name: "zones of a size share as if there were none", zones: "aabbcc", shares: [32, 32, 32, 32, 32, 32] },
])("fair shares: $name", ({ zones, shares }) => {
  const nodes = [...zones].map((zone, id) => ({ id, zone }));
  const found = fairShares(sortedNodes(nodes), options);
  if (shares.length > 0) expect(found).toEqual(shares);
  expect(found.reduce((sum, share) => sum + share, 0)).toBeCloseTo(192, 9);
  const made = plan([], nodes, options);
  check(made, nodes);
  for (const { after, bound } of made.loads) expect(after).toBeLessThanOrEqual(bound);
});

test("fair shares add up, whatever the weights and zones, and nobody has more than one replica of a shard", () => {
  fc.assert(
    fc.property(nodeLists, fc.integer({ min: 1, max: 5 }), (nodes, replicas) => {
      const shares = fairShares(sortedNodes(nodes), { shards: 64, replicas });
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(64 * Math.min(replicas, nodes.length), 6);
      for (const share of shares) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(64 + 1e-6);
      }
    }),
  );
});

test("zones come before the bound: the only node of a third zone gets a replica of every shard", () => {
  const two = [..."aabb"].map((zone, id) => ({ id, zone }));
  const before = plan([], two, options);
  const nodes = [...two, { id: 9, zone: "c" }];
  const after = plan(before.placement, nodes, options);
  check(after, nodes);
  expect(after.moves).toHaveLength(64);
  expect(after.moves.every(({ to, reason }) => to === 9 && reason === "zone")).toBe(true);
});

test("distinct nodes come before zones: with two nodes in one zone a shard has two replicas, and a third makes it whole", () => {
  const pair = [
    { id: 1, zone: "a" },
    { id: 2, zone: "a" },
  ];
  const before = plan([], pair, options);
  check(before, pair);
  const nodes = [...pair, { id: 3, zone: "a" }];
  const after = plan(before.placement, nodes, options);
  check(after, nodes);
  expect(new Set(after.moves.map(({ from, to, reason }) => `${from} ${to} ${reason}`))).toEqual(
    new Set(["undefined 3 missing"]),
  );
});

test("more replicas and fewer: those that are missing are made, those too many go, the others stay", () => {
  const nodes = named(1, 2, 3, 4, 5);
  const three = plan([], nodes, options);
  const five = plan(three.placement, nodes, { ...options, replicas: 5 });
  expect(five.moves.every(({ reason }) => reason === "missing")).toBe(true);
  expect(five.moves).toHaveLength(128);
  const back = plan(five.placement, nodes, options);
  expect(back.moves.every(({ to, reason }) => to === undefined && reason === "surplus")).toBe(true);
  expect(back.moves).toHaveLength(128);
});

test.for<{ name: string; make: () => unknown }>([
  { name: "more shards than there are to be", make: () => plan([[1], [1]], named(1), { shards: 1, replicas: 1 }) },
  { name: "two replicas on one node", make: () => plan([[1, 1]], named(1), options) },
  { name: "a bound that leaves no room", make: () => plan([], named(1), { ...options, boundPercent: 100 }) },
  { name: "no nodes", make: () => plan([], [], options) },
  { name: "no shards", make: () => plan([], named(1), { shards: 0, replicas: 3 }) },
])("refused: $name", ({ make }) => {
  expect(make).toThrow(expect.objectContaining({ code: "RING" }));
});
