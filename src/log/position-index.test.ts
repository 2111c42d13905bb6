import fc from "fast-check";
import { expect, test } from "vitest";
import { type BatchPlace, PositionIndex } from "./position-index.ts";

const place = (segment: number, block: number): BatchPlace => ({ segment, offset: block * 4_096, bytes: 8_192 });

test("every entry is found in the batch that stored it last", () => {
  const addition = fc.record({
    back: fc.integer({ min: 0, max: 6 }),
    count: fc.integer({ min: 1, max: 4 }),
    isLost: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(addition, { maxLength: 120 }), (additions) => {
      const index = new PositionIndex();
      const plain: (BatchPlace | undefined)[] = [];
      for (const [number, { back, count, isLost }] of additions.entries()) {
        const first = Math.max(1, plain.length + 1 - back);
        const batch = isLost && number % 5 === 0 ? undefined : place(1 + (number >> 3), number * 2);
        index.add(first, batch);
        plain.length = first - 1;
        for (let entry = 0; entry < count; entry++) plain.push(batch);
        for (let entry = 1; entry <= plain.length; entry++) {
          const run = index.find(entry, plain.length);
          expect(run?.place).toEqual(plain[entry - 1]);
          expect(run !== undefined && run.firstIndex <= entry && entry <= run.lastIndex).toBe(true);
        }
        expect(index.find(plain.length + 1, plain.length)).toBeUndefined();
        expect(index.lastHoleIndex(plain.length)).toBe(plain.lastIndexOf(undefined) + 1);
      }
    }),
  );
});

test("sets of one batch share a run, and a run is cut by what rewrites its end", () => {
  const index = new PositionIndex();
  index.add(1, place(1, 2));
  index.add(4, place(1, 2));
  expect(index.runCount).toBe(1);
  index.add(3, place(1, 4));
  expect(index.find(2, 9)).toEqual({ firstIndex: 1, lastIndex: 2, place: place(1, 2), earlierPlaces: [] });
  expect(index.find(9, 9)).toEqual({ firstIndex: 3, lastIndex: 9, place: place(1, 4), earlierPlaces: [] });
});

test("a set that is spread over batches is found with all of them", () => {
  const index = new PositionIndex();
  index.add(1, place(1, 9), [place(1, 2), place(1, 5)]);
  index.add(2, place(2, 1));
  expect(index.find(1, 2)?.earlierPlaces).toEqual([place(1, 2), place(1, 5)]);
  index.add(1, place(2, 7));
  expect(index.find(1, 1)?.earlierPlaces).toEqual([]);
});
