import { expect, test } from "vitest";
import { entries, entry } from "../../test/log/fixture.ts";
import { EntryCache, entryMemoryBytes } from "./entry-cache.ts";

function held(cache: EntryCache): readonly number[] {
  const indexes: number[] = [];
  for (let index = cache.firstIndex; index < cache.nextIndex; index++) indexes.push(cache.get(index)?.index ?? 0);
  return indexes;
}

test("the oldest entries go first, and never those that must stay", () => {
  const cache = new EntryCache(5);
  for (const one of entries(5, 10, 1, 72)) cache.push(one);
  expect(cache.bytes).toBe(6 * 200);
  cache.evict(800, 6);
  expect(held(cache)).toEqual([6, 7, 8, 9, 10]);
  cache.evict(800, 100);
  expect(held(cache)).toEqual([7, 8, 9, 10]);
  cache.evict(0, 100);
  expect([held(cache), cache.bytes, cache.nextIndex]).toEqual([[], 0, 11]);
});

test("a cut above, within and below what is held", () => {
  const cache = new EntryCache(1);
  for (const one of entries(1, 6, 1)) cache.push(one);
  cache.evict(entryMemoryBytes(entry(1, 1)) * 4, 100);
  expect(held(cache)).toEqual([3, 4, 5, 6]);
  cache.truncateFrom(7);
  expect(held(cache)).toEqual([3, 4, 5, 6]);
  cache.truncateFrom(5);
  expect(held(cache)).toEqual([3, 4]);
  cache.push(entry(5, 2));
  expect(cache.get(5)?.term).toBe(2);
  cache.truncateFrom(2);
  expect([held(cache), cache.bytes, cache.nextIndex]).toEqual([[], 0, 2]);
  cache.push(entry(2, 3));
  expect(cache.get(2)?.term).toBe(3);
  expect(cache.get(1)).toBeUndefined();
});

test("long use leaves nothing behind", () => {
  const cache = new EntryCache(1);
  for (let index = 1; index <= 20_000; index++) {
    cache.push(entry(index, 1));
    cache.evict(1_000, index + 1);
  }
  expect(cache.nextIndex).toBe(20_001);
  expect(cache.bytes).toBeLessThanOrEqual(1_000);
  expect(held(cache).at(-1)).toBe(20_000);
});
