import fc from "fast-check";
import { expect, test } from "vitest";
import { findCollidingKeys } from "../../test/keyspace/colliding-keys.ts";
import { hashSlotOfText } from "../ring/index.ts";
import { keyHashOfText } from "./key-hash.ts";
import { leafKeysMax } from "./key-leaf.ts";
import { KeyTable } from "./key-table.ts";
import { KeyTableBuilder } from "./key-table-builder.ts";

function inserted(keys: Iterable<string>): KeyTable {
  const table = new KeyTable();
  for (const key of keys) if (!table.findText(key)) table.insert(key, `value of ${key}`, key.length);
  return table;
}

function built(from: KeyTable): KeyTable {
  const builder = new KeyTableBuilder();
  for (const walk = from.walk(0); !walk.isOver; walk.next()) {
    const { key, value, meta } = walk;
    builder.add(hashSlotOfText(key), keyHashOfText(key), key, value, meta);
  }
  return builder.finish();
}

function entriesOf(table: KeyTable): unknown[] {
  const entries: unknown[] = [];
  for (const walk = table.walk(0); !walk.isOver; walk.next()) {
    entries.push([walk.position, walk.key, walk.value, walk.meta]);
  }
  return entries;
}

const sizes = [0, 1, leafKeysMax - 1, leafKeysMax, leafKeysMax + 1, 191, 192, 193, 287, 288, 289, 1_000, 5_000];

test.for(sizes)("%i keys of one slot are built into a table that can be used as any other", (count) => {
  const names = Array.from({ length: count }, (_, at) => `{tag}${at}`);
  const source = inserted([...names, "before", "behind", "{other}1", "{other}2"]);
  const table = built(source);
  expect(table.keyCount).toBe(count + 4);
  expect(entriesOf(table)).toEqual(entriesOf(source));
  for (const [at, name] of names.entries()) {
    for (const each of [source, table]) {
      expect(each.findText(name)).toBe(true);
      if (at % 3 === 0) each.remove();
      else if (at % 3 === 1) each.value = "changed";
      if (!each.findText(`{tag}new ${name}`)) each.insert(`{tag}new ${name}`, "v", 1);
    }
  }
  expect(entriesOf(table)).toEqual(entriesOf(source));
  expect(table.keyCount).toBe(source.keyCount);
  for (let nth = 0; nth < table.keyCount; nth += 97) expect(table.nth(nth).key).toBe(source.nth(nth).key);
});

test("keys of one hash stay in the order of their bytes", () => {
  const source = inserted(findCollidingKeys().around);
  expect(entriesOf(built(source))).toEqual(entriesOf(source));
});

test("any keys are built into what inserting them makes", () => {
  const key = fc.oneof(
    fc.string(),
    fc.nat(500).map((number) => `{a}${number}`),
    fc.nat(500).map(String),
  );
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 500 }), (keys) => {
      const latin1 = keys.map((each) => Buffer.from(each).toString("latin1"));
      const source = inserted(latin1);
      expect(entriesOf(built(source))).toEqual(entriesOf(source));
    }),
    { numRuns: 30 },
  );
});
