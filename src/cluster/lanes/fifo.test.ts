import fc from "fast-check";
import { expect, test } from "vitest";
import { Fifo } from "./fifo.ts";

type Step =
  | { readonly kind: "push" }
  | { readonly kind: "shift" }
  | { readonly kind: "insert"; readonly at: number }
  | { readonly kind: "cut"; readonly at: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>({ kind: "push" }) },
  { weight: 5, arbitrary: fc.constant<Step>({ kind: "shift" }) },
  { weight: 1, arbitrary: fc.nat(20).map((at): Step => ({ kind: "insert", at })) },
  { weight: 1, arbitrary: fc.nat(20).map((at): Step => ({ kind: "cut", at })) },
);

test("a queue does what an array does", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      let next = 0;
      for (const each of steps) {
        if (each.kind === "push") {
          fifo.push(next);
          model.push(next++);
        } else if (each.kind === "shift") {
          expect(fifo.shift()).toBe(model.shift());
        } else if (each.kind === "insert") {
          const at = Math.min(each.at, model.length);
          fifo.insert(at, next);
          model.splice(at, 0, next++);
        } else {
          expect(fifo.cutFrom(each.at)).toEqual(model.splice(each.at));
        }
        expect(fifo.length).toBe(model.length);
        for (let at = 0; at <= model.length; at++) expect(fifo.at(at)).toBe(model[at]);
      }
    }),
  );
});

test("a long queue gives back what was taken", () => {
  const fifo = new Fifo<number>();
  for (let each = 0; each < 10_000; each++) fifo.push(each);
  for (let each = 0; each < 9_999; each++) expect(fifo.shift()).toBe(each);
  expect([fifo.length, fifo.at(0), fifo.shift(), fifo.shift(), fifo.length]).toEqual([1, 9_999, 9_999, undefined, 0]);
});
