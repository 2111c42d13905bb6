import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRandom } from "../simulation/index.ts";
import { ProbeOrder, pickSome } from "./probe-order.ts";

test("each round probes everybody once, in an order of its own [W-1]", () => {
  const order = new ProbeOrder(new SeededRandom(1));
  for (let id = 0; id < 20; id++) order.add(id);
  const rounds = Array.from({ length: 5 }, () => Array.from({ length: 20 }, () => order.next()));
  for (const round of rounds) expect(new Set(round).size).toBe(20);
  expect(new Set(rounds.map(String)).size).toBe(5);
});

test("whoever comes is probed within what is left of the round, whoever goes is not, and nobody is left out [W-1]", () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 60 }), (seed, steps) => {
      const order = new ProbeOrder(new SeededRandom(seed));
      const present = new Set<number>();
      let nextId = 0;
      for (const step of steps) {
        if (step === 0) {
          order.add(nextId);
          present.add(nextId++);
        } else if (step === 1 && present.size > 0) {
          const [first] = present;
          order.remove(first as number);
          present.delete(first as number);
        } else {
          const next = order.next();
          expect(next === undefined ? present.size === 0 : present.has(next)).toBe(true);
        }
      }
      const probed = Array.from({ length: 2 * present.size }, () => order.next());
      expect(new Set(probed).size).toBe(present.size);
    }),
  );
});

test("some are picked at random, each at most once", () => {
  const random = new SeededRandom(3);
  const seen = new Set<string>();
  for (let round = 0; round < 200; round++) {
    const picked = pickSome([1, 2, 3, 4], 2, random);
    expect(new Set(picked).size).toBe(2);
    seen.add(String(picked));
  }
  expect(seen.size).toBe(12);
  expect(pickSome([1], 3, random)).toEqual([1]);
});
