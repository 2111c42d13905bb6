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
  expect(index.find(2, 9)).toMatchObject({ firstIndex: 1, lastIndex: 2, place: place(1, 2), earlierPlaces: [] });
  expect(index.find(9, 9)).toMatchObject({ firstIndex: 3, lastIndex: 9, place: place(1, 4), earlierPlaces: [] });
});

test("a set that is spread over batches is found with all of them", () => {
  const index = new PositionIndex();
  index.add(1, place(1, 9), [place(1, 2), place(1, 5)]);
  index.add(2, place(2, 1));
  expect(index.find(1, 2)?.earlierPlaces).toEqual([place(1, 2), place(1, 5)]);
  index.add(1, place(2, 7));
  expect(index.find(1, 1)?.earlierPlaces).toEqual([]);
});

test("compaction and restating move what they name, and nothing else", () => {
  const step = fc.record({
    kind: fc.constantFrom("add", "add", "add", "restate", "compact"),
    back: fc.integer({ min: 0, max: 3 }),
    count: fc.integer({ min: 1, max: 4 }),
    // Of doubles nearly all that are drawn are next to 0.
    part: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
    isSpread: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const index = new PositionIndex();
      let base = 0;
      /** Of the entries behind the base: the places that hold each. */
      let plain: (readonly BatchPlace[])[] = [];
      for (const [number, { kind, back, count, part, isSpread }] of steps.entries()) {
        const last = base + plain.length;
        const batch = place(1 + number, number * 4);
        const earlier = isSpread ? [place(1 + (number >> 1), number * 4 + 2)] : [];
        if (kind === "add") {
          const first = Math.max(base + 1, last + 1 - back);
          index.add(first, batch, earlier, 100 * count);
          plain = [...plain.slice(0, first - base - 1), ...Array.from({ length: count }, () => [batch, ...earlier])];
        } else if (kind === "restate" && plain.length > 0) {
          const firstIndex = base + 1 + Math.floor(part * (plain.length - 1));
          const lastIndex = Math.min(last, firstIndex + count - 1);
          index.restate({ firstIndex, lastIndex, place: batch, earlierPlaces: earlier, dataBytes: 10 }, last);
          for (let entry = firstIndex; entry <= lastIndex; entry++) plain[entry - base - 1] = [batch, ...earlier];
        } else if (kind === "compact") {
          const gone = Math.round(part * plain.length);
          index.compactTo(base + gone, last);
          base += gone;
          plain = plain.slice(gone);
        }
        const end = base + plain.length;
        for (let entry = base + 1; entry <= end; entry++) {
          const run = index.find(entry, end);
          expect([run?.place, ...(run?.earlierPlaces ?? [])]).toEqual(plain[entry - base - 1]);
          expect(run !== undefined && run.firstIndex <= entry && entry <= run.lastIndex).toBe(true);
          expect(run !== undefined && run.firstIndex > base && run.lastIndex <= end).toBe(true);
        }
        if (base > 0) expect(index.find(base, end)).toBeUndefined();
        const segments = plain.flat().map((one) => one.segment);
        expect(index.oldestSegment()).toBe(segments.length === 0 ? undefined : Math.min(...segments));
        for (const segment of new Set(segments)) {
          const entries = index
            .runsIn(segment, end)
            .flatMap((run) =>
              Array.from({ length: run.lastIndex - run.firstIndex + 1 }, (_, at) => run.firstIndex + at),
            );
          const wanted = plain.flatMap((one, at) =>
            one.some((each) => each.segment === segment) ? [base + 1 + at] : [],
          );
          expect(entries).toEqual(wanted);
        }
        for (let segment = 1; segment <= number + 2; segment++) {
          const runs = index.runsIn(segment, end);
          const bytes = runs.length === 0 ? undefined : runs.reduce((sum, run) => sum + run.dataBytes, 0);
          expect(index.dataBytesIn(segment)).toBe(bytes);
        }
      }
    }),
  );
});

test("a cut run counts for its part of the bytes", () => {
  const index = new PositionIndex();
  index.add(1, place(1, 0), [], 1_000);
  index.add(11, place(2, 0), [], 300);
  expect([index.dataBytesAbove(0), index.dataBytesAbove(10)]).toEqual([1_300, 300]);
  index.compactTo(5, 13);
  expect(index.dataBytesAbove(5)).toBe(800);
  expect(index.runsIn(1, 13)).toMatchObject([{ firstIndex: 6, lastIndex: 10, dataBytes: 500 }]);
  const moved = { firstIndex: 7, lastIndex: 8, place: place(3, 0), earlierPlaces: [], dataBytes: 200 };
  index.restate(moved, 13);
  expect(index.runsIn(1, 13)).toMatchObject([
    { firstIndex: 6, lastIndex: 6, dataBytes: 100 },
    { firstIndex: 9, lastIndex: 10, dataBytes: 200 },
  ]);
});
