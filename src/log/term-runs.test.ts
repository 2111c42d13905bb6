import fc from "fast-check";
import { expect, test } from "vitest";
import { TermRuns } from "./term-runs.ts";

/** Of doubles nearly all that are drawn are next to 0. */
const part = fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100);

test("the term of every entry, over any growth and any cut", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("extend" as const),
      count: fc.integer({ min: 1, max: 5 }),
      rise: fc.integer({ min: 0, max: 2 }),
    }),
    fc.record({ kind: fc.constant("cut" as const), place: part }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 3 }), (steps, baseIndex) => {
      const baseTerm = baseIndex === 0 ? 0 : 2;
      const runs = new TermRuns({ index: baseIndex, term: baseTerm });
      const plain: number[] = [];
      let term = 2;
      for (const next of steps) {
        if (next.kind === "extend") {
          term += next.rise;
          for (let count = 0; count < next.count; count++) plain.push(term);
          runs.extend(baseIndex + plain.length, term);
        } else {
          const kept = Math.floor(next.place * plain.length);
          plain.length = kept;
          runs.truncateFrom(baseIndex + kept + 1);
        }
        expect(runs.lastIndex).toBe(baseIndex + plain.length);
        expect(runs.lastTerm).toBe(plain.at(-1) ?? baseTerm);
        expect(plain.map((_, place) => runs.termAt(baseIndex + place + 1))).toEqual(plain);
        expect(runs.termAt(baseIndex)).toBe(baseTerm);
      }
    }),
  );
});

test("what is not in the log has no term", () => {
  const runs = new TermRuns({ index: 4, term: 2 });
  runs.extend(6, 3);
  expect(() => runs.termAt(3)).toThrow("not in the log");
  expect(() => runs.termAt(7)).toThrow("not in the log");
  expect(() => runs.extend(6, 3)).toThrow("forward");
  expect(() => runs.truncateFrom(4)).toThrow("before its first entry");
});

test("compacted, it begins later; restated, it changes where it is told to", () => {
  const runs = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(runs, part, part, part, (lengths, from, length, gone) => {
      const log = new TermRuns();
      const plain: number[] = [0];
      for (const [term, count] of lengths.entries()) {
        for (let entry = 0; entry < count; entry++) plain.push(term + 1);
        log.extend(plain.length - 1, term + 1);
      }
      const last = plain.length - 1;
      const firstIndex = 1 + Math.floor(from * (last - 1));
      const lastIndex = firstIndex + Math.floor(length * (last - firstIndex));
      const term = plain[lastIndex] as number;
      log.restate(firstIndex, lastIndex, term);
      plain.fill(term, firstIndex, lastIndex + 1);
      const base = Math.round(gone * last);
      log.compactTo(base);
      expect([log.baseIndex, log.baseTerm, log.lastIndex]).toEqual([base, plain[base], last]);
      for (let index = base; index <= last; index++) expect(log.termAt(index)).toBe(plain[index]);
      log.extend(last + 2, 99);
      expect([log.termAt(last), log.termAt(last + 1), log.lastTerm]).toEqual([plain[last], 99, 99]);
      if (base < last) {
        log.truncateFrom(base + 1);
        expect([log.lastIndex, log.lastTerm]).toEqual([base, plain[base]]);
      }
    }),
  );
});

test("changes of the configuration are noted with the entries that make them, and forgotten with them", () => {
  const log = new TermRuns();
  log.extend(10, 1);
  for (const index of [7, 3, 9, 7]) log.markConfiguration(index);
  const marked = (): number[] => Array.from({ length: 12 }, (_, at) => at).filter((at) => log.hasConfiguration(at, at));
  expect(marked()).toEqual([3, 7, 9]);
  expect([log.hasConfiguration(4, 6), log.hasConfiguration(4, 7), log.hasConfiguration(1, 3)]).toEqual([
    false,
    true,
    true,
  ]);
  log.truncateFrom(9);
  log.extend(12, 2);
  expect(marked()).toEqual([3, 7]);
  log.restate(6, 8, 1);
  log.compactTo(3);
  expect(marked()).toEqual([7]);
  expect(() => log.markConfiguration(3)).toThrow(/in the log/);
});
