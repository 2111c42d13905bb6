import { expect, test } from "vitest";
import { SeededRandom } from "./seeded-random.ts";

function draw(random: SeededRandom, count = 8): number[] {
  return Array.from({ length: count }, () => random.uint32());
}

test("one seed gives one sequence, in all of its 53 bits", () => {
  expect(draw(new SeededRandom(1))).toEqual(draw(new SeededRandom(1)));
  const seeds = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 52, Number.MAX_SAFE_INTEGER];
  expect(new Set(seeds.map((seed) => draw(new SeededRandom(seed)).join())).size).toBe(seeds.length);
});

test("a fork goes its own way", () => {
  const random = new SeededRandom(1);
  const fork = random.fork();
  const rest = draw(random);
  expect(draw(fork)).not.toEqual(rest);
  const again = new SeededRandom(1);
  draw(again.fork(), 100);
  expect(draw(again)).toEqual(rest);
});

test("draws are spread as they say", () => {
  const random = new SeededRandom(2);
  const counts = new Map<number, number>();
  for (let count = 0; count < 6_000; count++) {
    const value = random.integer(-1, 4);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2, 3, 4]);
  for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  let sum = 0;
  for (let count = 0; count < 10_000; count++) sum += random.exponential(3);
  expect(sum / 10_000).toBeGreaterThan(2.8);
  expect(sum / 10_000).toBeLessThan(3.2);
  expect(random.shuffle([1, 2, 3, 4, 5]).toSorted()).toEqual([1, 2, 3, 4, 5]);
  expect(() => random.pick([])).toThrow(RangeError);
});
