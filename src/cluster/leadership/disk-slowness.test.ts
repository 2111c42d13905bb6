import fc from "fast-check";
import { expect, test } from "vitest";
import {
  DiskSlowness,
  slowFactor,
  slowLooks,
  slowMsMin,
  steadyLooks,
  wellLooksMax,
  wellLooksMin,
} from "./disk-slowness.ts";

function look(disk: DiskSlowness, times: number, ownMs: number | undefined, others: readonly number[]): void {
  for (let at = 0; at < times; at++) disk.look(ownMs, others);
}

/** How many looks at a well disk it takes until it is taken for well. */
function looksUntilWell(disk: DiskSlowness): number {
  for (let count = 1; ; count++) {
    disk.look(1, [1, 1]);
    if (!disk.isSlow) return count;
  }
}

test.for([
  { name: "several times the others'", own: 60, others: [1, 1], isSlow: true },
  { name: "one of two others is well", own: 200, others: [1, 200], isSlow: true },
  { name: "all are slow", own: 200, others: [150, 200], isSlow: false },
  { name: "slower, but quick enough", own: 49, others: [1, 1], isSlow: false },
  { name: "not that much slower", own: 119, others: [30, 30], isSlow: false },
  { name: "nobody else says anything", own: 500, others: [], isSlow: false },
  { name: "it wrote nothing of late", own: undefined, others: [1, 1], isSlow: false },
])("$name: slow is $isSlow [H-7]", ({ own, others, isSlow }) => {
  const disk = new DiskSlowness();
  look(disk, slowLooks - 1, own, others);
  expect(disk.isSlow).toBe(false);
  disk.look(own, others);
  expect(disk.isSlow).toBe(isSlow);
});

test("it takes looks in a row, in either direction [H-7]", () => {
  const disk = new DiskSlowness();
  for (let round = 0; round < 5; round++) {
    look(disk, slowLooks - 1, 60, [1, 1]);
    disk.look(40, [1, 1]);
  }
  expect(disk.isSlow).toBe(false);
  look(disk, slowLooks, 60, [1, 1]);
  look(disk, wellLooksMin - 1, 1, [1, 1]);
  disk.look(30, [1, 1]);
  look(disk, wellLooksMin - 1, 1, [1, 1]);
  expect(disk.isSlow).toBe(true);
  disk.look(1, [1, 1]);
  expect(disk.isSlow).toBe(false);
});

test.for([
  { name: "half of what is slow", own: 24, others: [1, 1], isWell: true },
  { name: "just below what is slow", own: 40, others: [1, 1], isWell: false },
  { name: "the others are slow by now", own: 200, others: [150, 150], isWell: true },
  { name: "it writes nothing any more", own: undefined, others: [1, 1], isWell: true },
  { name: "nobody else says anything any more", own: 200, others: [], isWell: false },
])("what was slow is well again: $name: $isWell", ({ own, others, isWell }) => {
  const disk = new DiskSlowness();
  look(disk, slowLooks, 500, [1, 1]);
  look(disk, wellLooksMin, own, others);
  expect(disk.isSlow).toBe(!isWell);
});

test("each relapse doubles the wait, up to a limit, until it was well for ten minutes", () => {
  const disk = new DiskSlowness();
  const waits = Array.from({ length: 7 }, () => {
    look(disk, slowLooks, 500, [1, 1]);
    return looksUntilWell(disk);
  });
  expect(waits).toEqual([60, 120, 240, 480, 960, 960, 960]);
  expect(waits.at(-1)).toBe(wellLooksMax);
  look(disk, steadyLooks, 1, [1, 1]);
  look(disk, slowLooks, 500, [1, 1]);
  expect(looksUntilWell(disk)).toBe(wellLooksMin);
});

test("it never turns to and fro faster than its waits, whatever the figures are [H-7]", () => {
  const figure = fc.option(fc.integer({ min: 0, max: 1_000 }), { nil: undefined });
  const looks = fc.array(
    fc.tuple(figure, fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 4 }), fc.integer({ min: 1, max: 90 })),
    {
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(looks, (steps) => {
      const disk = new DiskSlowness();
      let sinceTurn = Number.POSITIVE_INFINITY;
      for (const [own, others, times] of steps) {
        for (let at = 0; at < times; at++) {
          const before = disk.isSlow;
          disk.look(own, others);
          sinceTurn++;
          if (disk.isSlow === before) continue;
          expect(sinceTurn).toBeGreaterThanOrEqual(before ? wellLooksMin : slowLooks);
          if (disk.isSlow) {
            // Only where somebody is clearly better off.
            expect(own).toBeGreaterThanOrEqual(slowMsMin);
            expect(own).toBeGreaterThanOrEqual(slowFactor * Math.min(...others));
          }
          sinceTurn = 0;
        }
      }
    }),
  );
});
