import fc from "fast-check";
import { expect, test } from "vitest";
import { findCollidingKeys } from "../../test/keyspace/colliding-keys.ts";
import { Arguments } from "../resp/index.ts";
import { hashSlotOfText, slotCount } from "../ring/index.ts";
import { type KeyPosition, keyHash, keyHashCount, keyHashOfText, keyPositionEnd } from "./key-hash.ts";
import { KeyTable } from "./key-table.ts";

function insert(table: KeyTable, key: string, value = "v"): void {
  expect(table.find(Arguments.of([key]), 0)).toBe(false);
  table.insert(key, value, 1);
  expect(table.key).toBe(key);
}

function remove(table: KeyTable, key: string): void {
  expect(table.find(Arguments.of([key]), 0)).toBe(true);
  table.remove();
}

function keysFrom(table: KeyTable, position: KeyPosition = 0): string[] {
  const keys: string[] = [];
  for (const walk = table.walk(position); !walk.isOver; walk.next()) keys.push(walk.key);
  return keys;
}

function positionOf(key: string): KeyPosition {
  return hashSlotOfText(key) * keyHashCount + keyHashOfText(key);
}

function sorted(keys: Iterable<string>): string[] {
  return [...keys].sort((a, b) => positionOf(a) - positionOf(b) || (a < b ? -1 : 1));
}

const colliding = findCollidingKeys();

test("the hash of bytes and of the byte string is the same, and never changes", () => {
  for (const key of ["", "a", "key:000000000001", "\xff\0"]) {
    const bytes = Buffer.from(`..${key}..`, "latin1");
    expect(keyHash(bytes, 2, 2 + key.length)).toBe(keyHashOfText(key));
    expect(keyHashOfText(key)).toBeLessThan(keyHashCount);
  }
  expect(["", "a", "key:000000000001", "\xff\0"].map(keyHashOfText)).toEqual([
    1_436_499_461, 222_320_857, 256_980_602, 1_797_221_991,
  ]);
});

test("keys come and go as in a Map, and are always walked in the logical order", () => {
  const key = fc.oneof(
    fc.nat(2_000).map((number) => `{t}${number}`),
    fc.nat(50).map((number) => `k${number}`),
    fc.nat(100).map((number) => `{of one leaf}${number}`),
    fc.constantFrom(...colliding.pairs, "", "\0", "x".repeat(100)),
  );
  // Phases of mostly inserting and mostly removing make leaves split and join.
  const phase = fc.tuple(
    fc.integer({ min: 0, max: 10 }),
    fc.boolean(),
    fc.array(key, { minLength: 1, maxLength: 1_500, size: "max" }),
  );
  fc.assert(
    fc.property(fc.array(phase, { minLength: 1, maxLength: 5 }), (phases) => {
      const table = new KeyTable();
      const model = new Map<string, string>();
      for (const [removals, isGathering, keys] of phases) {
        table.gather(isGathering);
        for (const [at, each] of keys.entries()) {
          expect(table.find(Arguments.of(["GET", each]), 1)).toBe(model.has(each));
          if (!model.has(each)) {
            table.insert(each, String(at), at);
            model.set(each, String(at));
          } else if (at % 10 < removals) {
            table.remove();
            model.delete(each);
          } else {
            expect([table.key, table.value]).toEqual([each, model.get(each)]);
            table.value = "changed";
            model.set(each, "changed");
          }
        }
        expect(keysFrom(table)).toEqual(sorted(model.keys()));
        expect(table.keyCount).toBe(model.size);
      }
      for (const [each, value] of model) {
        expect(table.findText(each)).toBe(true);
        expect(table.value).toBe(value);
      }
    }),
    { numRuns: 8 },
  );
});

/** Ten slots with forty keys each, in the order in which they come. */
const gathered = Array.from({ length: 400 }, (_, number) => `{${number % 10}}${(number * 7_919) % 400}`);

test("a table that gathers finds, changes and removes what has just come", () => {
  const table = new KeyTable();
  table.gather(true);
  const left = new Set<string>();
  for (const [at, key] of gathered.entries()) {
    insert(table, key, "first");
    left.add(key);
    const earlier = gathered[Math.floor(at / 2)] as string;
    expect(table.find(Arguments.of([earlier]), 0)).toBe(left.has(earlier));
    if (at % 3 === 0 && left.delete(earlier)) table.remove();
    else if (left.has(earlier)) table.value = "second";
  }
  expect(table.keyCount).toBe(left.size);
  for (const key of gathered) expect(table.find(Arguments.of([key]), 0)).toBe(left.has(key));
  // Whether it goes on gathering or not, and whether somebody has walked through it or not, more may come.
  for (const more of ["one more", "another", "a third"]) {
    for (let number = 0; number < 10; number++) {
      insert(table, `{${number}}${more}`);
      left.add(`{${number}}${more}`);
      expect(table.find(Arguments.of([`{${number}}${more}`]), 0)).toBe(true);
    }
    if (more === "one more") table.gather(false);
    else expect(keysFrom(table)).toEqual(sorted(left));
  }
  for (const [at, key] of sorted(left).entries()) expect(table.nth(at).key).toBe(key);
});

test("a table that has gathered holds what any other holds, the same leaves in the same order", () => {
  const plain = new KeyTable();
  const table = new KeyTable();
  table.gather(true);
  for (const key of [...gathered, ...colliding.around, ...colliding.pairs].toReversed()) {
    for (const each of [plain, table]) if (!each.find(Arguments.of([key]), 0)) each.insert(key, `value of ${key}`, 7);
  }
  expect(keysFrom(table)).toEqual(keysFrom(plain));
  for (const key of keysFrom(plain)) {
    expect(table.find(Arguments.of([key]), 0)).toBe(true);
    expect([table.key, table.value, table.meta, table.position]).toEqual([key, `value of ${key}`, 7, positionOf(key)]);
  }
});

test("one hash tag may hold many keys", () => {
  const table = new KeyTable();
  const keys = Array.from({ length: 5_000 }, (_, number) => `{tag}${number}`);
  for (const key of keys) insert(table, key);
  expect(keysFrom(table)).toEqual(sorted(keys));
  for (const key of keys.slice(0, 4_990)) remove(table, key);
  expect(keysFrom(table)).toEqual(sorted(keys.slice(4_990)));
  for (const key of keys.slice(4_990)) remove(table, key);
  expect(table.walk(0).isOver).toBe(true);
});

test("keys with one hash are told apart", () => {
  const table = new KeyTable();
  const keys = colliding.pairs;
  for (const key of keys.toReversed()) insert(table, key, `value of ${key}`);
  expect(keysFrom(table)).toEqual(sorted(keys));
  for (const key of keys) {
    expect(table.find(Arguments.of([key]), 0)).toBe(true);
    expect(table.value).toBe(`value of ${key}`);
  }
  remove(table, keys[0] as string);
  expect(table.findText(keys[0] as string)).toBe(false);
  expect(table.findText(keys[1] as string)).toBe(true);
});

test("keys with one hash are found on both sides of where a leaf was split", () => {
  const table = new KeyTable();
  for (const key of colliding.around) insert(table, key);
  // The 129th key splits the leaf in the middle, between the two.
  insert(table, "{c}one more");
  for (const key of colliding.around) {
    expect(table.find(Arguments.of([key]), 0)).toBe(true);
    expect(table.key).toBe(key);
  }
  const [first, second] = colliding.pairs as [string, string];
  expect(keysFrom(table, positionOf(first)).slice(0, 2)).toEqual([first, second]);
});

test("a walk begins at any position", () => {
  const table = new KeyTable();
  const keys = sorted([...Array.from({ length: 400 }, (_, number) => `{tag}${number}`), "a", "b", "c"]);
  for (const key of keys) insert(table, key);
  for (const [at, key] of keys.entries()) {
    expect(keysFrom(table, positionOf(key))[0]).toBe(key);
    expect(keysFrom(table, positionOf(key) + 1)[0]).toBe(keys[at + 1]);
  }
  expect(keysFrom(table, keyPositionEnd)).toEqual([]);
  expect(table.walk(keyPositionEnd).position).toBe(slotCount * keyHashCount);
});

test("the n-th key is found without walking all before it", () => {
  const table = new KeyTable();
  const keys = sorted([...Array.from({ length: 400 }, (_, number) => `{tag}${number}`), "a", "b", "c"]);
  for (const key of keys) insert(table, key);
  for (const [at, key] of keys.entries()) expect(table.nth(at).key).toBe(key);
  for (const key of keys.slice(0, 300)) remove(table, key);
  expect(table.nth(0).key).toBe(keys[300]);
  expect(() => table.nth(keys.length)).toThrow("behind the last one");
});
