import fc from "fast-check";
import { expect, test } from "vitest";
import { findCollidingKeys } from "../../test/keyspace/colliding-keys.ts";
import { Replica } from "../../test/keyspace/replica.ts";
import type { Reply } from "../resp/index.ts";

interface Page {
  readonly cursor: string;
  readonly keys: readonly string[];
}

function scan(replica: Replica, cursor: string, ...options: string[]): Page {
  const [next, keys] = replica.run(["SCAN", cursor, ...options]) as [string, string[]];
  return { cursor: next, keys };
}

/** A whole scan; `between` runs after each call. */
function scanAll(
  replica: Replica,
  options: readonly string[],
  between?: (calls: number) => Replica | undefined,
): string[] {
  const seen: string[] = [];
  let at = replica;
  let cursor = "0";
  let calls = 0;
  do {
    const page = scan(at, cursor, ...options);
    seen.push(...page.keys);
    cursor = page.cursor;
    at = between?.(++calls) ?? at;
  } while (cursor !== "0");
  return seen;
}

function filled(names: readonly string[]): Replica {
  const replica = new Replica();
  replica.write(1, ...names.map((name) => ["SET", name, "v"]));
  return replica;
}

const mixed = Array.from({ length: 1_500 }, (_, at) => (at % 2 === 0 ? `{tag}${at}` : `key${at}`));

test.for([1, 7, 10, 1_000, 10_000])("a scan by %i gives each key exactly once", (count) => {
  const seen = scanAll(filled(mixed), ["COUNT", String(count)]);
  expect(seen.toSorted()).toEqual(mixed.toSorted());
});

test("a scan takes about as many calls as asked for, and as many keys a call", () => {
  const replica = filled(mixed);
  let calls = 0;
  scanAll(replica, ["COUNT", "100"], (count) => {
    calls = count;
    return undefined;
  });
  expect(calls).toBe(15);
  expect(scan(replica, "0").keys).toHaveLength(10);
});

test("keys that are there throughout are given, whatever comes and goes meanwhile", () => {
  const change = fc.record({ name: fc.constantFrom(...mixed), isRemoval: fc.boolean(), at: fc.nat(30) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 20, max: 200 }), (changes, count) => {
      const replica = filled(mixed.filter((_, at) => at % 3 !== 0));
      const touched = new Set(changes.map(({ name }) => name));
      const seen = scanAll(replica, ["COUNT", String(count)], (calls) => {
        for (const { name, isRemoval, at } of changes) {
          if (at === calls) replica.write(1, isRemoval ? ["DEL", name] : ["SET", name, "w"]);
        }
        return undefined;
      });
      const lasting = mixed.filter((name, at) => at % 3 !== 0 && !touched.has(name));
      const given = new Set(seen);
      expect(lasting.filter((name) => !given.has(name))).toEqual([]);
      // Nothing is ever given twice, not even to a client that would have to bear it with Redis.
      const twice = seen.filter((name, at) => seen.indexOf(name) !== at);
      expect(twice.filter((name) => !touched.has(name))).toEqual([]);
    }),
    { numRuns: 20 },
  );
});

test("a cursor goes on at another replica, however that one came to its keys [A-3]", () => {
  const replica = filled(mixed);
  const others = [filled(mixed.toReversed()), replica.restored()];
  expect(scanAll(replica, [], (calls) => others[calls % 2])).toEqual(scanAll(replica, []));
});

test("keys of one position are given together, since a cursor cannot stand between them", () => {
  const { around } = findCollidingKeys();
  const replica = filled([...around, "{c}one more"]);
  for (const count of [1, 2, 63, 64, 65]) {
    const seen = scanAll(replica, ["COUNT", String(count)]);
    expect(seen.toSorted()).toEqual([...around, "{c}one more"].toSorted());
  }
});

test("MATCH and TYPE choose among the keys that are looked at", () => {
  const replica = filled(mixed);
  expect(scanAll(replica, ["MATCH", "{tag}1*", "COUNT", "50"])).toHaveLength(
    mixed.filter((key) => key.startsWith("{tag}1")).length,
  );
  expect(scanAll(replica, ["MATCH", "*", "TYPE", "String"])).toHaveLength(mixed.length);
  expect(scanAll(replica, ["TYPE", "list"])).toEqual([]);
});

test("a cursor that was never given ends the scan or goes on from there", () => {
  const replica = filled(mixed);
  for (const cursor of ["18446744073709551615", "-1", "999999999999999", "35184372088832"]) {
    expect(scan(replica, cursor)).toEqual({ cursor: "0", keys: [] });
  }
  expect(scan(replica, "17592186044416").keys.length).toBeGreaterThan(0);
});

test("RANDOMKEY draws from all keys alike", () => {
  const replica = filled(mixed.slice(0, 20));
  const drawn = new Map<Reply, number>();
  for (let count = 0; count < 4_000; count++) {
    const key = replica.run(["RANDOMKEY"]);
    drawn.set(key, (drawn.get(key) ?? 0) + 1);
  }
  expect(drawn.size).toBe(20);
  for (const count of drawn.values()) expect(count).toBeGreaterThan(100);
});
