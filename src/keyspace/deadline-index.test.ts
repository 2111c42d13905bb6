import fc from "fast-check";
import { expect, test } from "vitest";
import { type Deadline, DeadlineIndex } from "./deadline-index.ts";

/** Few hashes, some of them the same in their low bits. */
function hashOf(key: string): number {
  return (Number(key) % 7) * 512;
}

/** Takes all out in order. */
function drained(index: DeadlineIndex, ids: Map<string, number>): [string, number][] {
  const order: [string, number][] = [];
  while (index.count > 0) {
    const key = index.earliestKey;
    order.push([key, index.earliestMs]);
    index.remove(ids.get(key) as number);
  }
  return order;
}

test("deadlines are added, moved and removed, and always leave in order, equal ones by hash and key", () => {
  const step = fc.record({ key: fc.nat(60).map(String), deadline: fc.nat(40), isRemoval: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 300, size: "max" }),
      fc.nat(45),
      fc.constantFrom(0, 2 ** 43 - 20),
      (steps, until, start) => {
        const index = new DeadlineIndex();
        const ids = new Map<string, number>();
        const model = new Map<string, number>();
        for (const { key, deadline: offset, isRemoval } of steps) {
          const deadline = start + offset;
          const id = ids.get(key);
          if (id === undefined) {
            ids.set(key, index.add(key, hashOf(key), deadline));
            model.set(key, deadline);
          } else if (isRemoval) {
            index.remove(id);
            ids.delete(key);
            model.delete(key);
          } else {
            index.move(id, hashOf(key), deadline);
            model.set(key, deadline);
          }
          expect(index.count).toBe(model.size);
          expect(index.earliestMs).toBe(Math.min(...model.values()));
        }
        for (const [key, deadline] of model) expect(index.exactDeadline(ids.get(key) as number)).toBe(deadline);
        const timeMs = start + until;
        expect(index.countUntil(timeMs)).toBe([...model.values()].filter((deadline) => deadline <= timeMs).length);
        const tie = (key: string, deadline: number): number => (deadline < 2 ** 43 ? hashOf(key) % 1024 : 0);
        const expected = [...model].sort(
          ([aKey, a], [bKey, b]) => a - b || tie(aKey, a) - tie(bKey, b) || (aKey < bKey ? -1 : 1),
        );
        expect(drained(index, ids)).toEqual(expected);
      },
    ),
    { numRuns: 60 },
  );
});

test("a deadline that no number can hold is kept exactly, until it is another", () => {
  const index = new DeadlineIndex();
  const far: Deadline = 2n ** 63n - 1n;
  const id = index.add("far", 1, far);
  expect(index.exactDeadline(id)).toBe(far);
  expect(index.deadlineMs(id)).toBe(Number(far));
  index.move(id, 1, 5);
  expect(index.exactDeadline(id)).toBe(5);
  index.move(id, 1, far);
  index.remove(id);
  expect(index.exactDeadline(index.add("near", 2, 7))).toBe(7);
});

test("an index without deadlines is never due", () => {
  expect(new DeadlineIndex().earliestMs).toBe(Number.POSITIVE_INFINITY);
  expect(new DeadlineIndex().countUntil(Number.MAX_SAFE_INTEGER)).toBe(0);
});

test("an index that was large and became empty begins anew", () => {
  const index = new DeadlineIndex();
  for (let round = 0; round < 2; round++) {
    const ids = new Map(Array.from({ length: 5_000 }, (_, at) => [`k${at}`, index.add(`k${at}`, at, 10_000 - at)]));
    expect(Math.max(...ids.values())).toBe(4_999);
    expect(drained(index, ids).map(([, deadline]) => deadline)).toEqual(
      Array.from({ length: 5_000 }, (_, at) => 5_001 + at),
    );
  }
});
