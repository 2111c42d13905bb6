import { expect, test } from "vitest";
import { Arguments } from "../resp/index.ts";
import { entryCommandTable } from "./commands.ts";
import { EntryWriter } from "./entry.ts";
import { entryOnlyFrees, onlyFrees } from "./freeing.ts";

const session = ["COTERIE", "SESSION"];

function entryOf(...commands: readonly (readonly string[])[]): Uint8Array {
  const writer = new EntryWriter();
  writer.begin();
  for (const words of commands) writer.add(Arguments.of([...words]));
  return writer.finish({ timeMs: 1, seedLow: 2, seedHigh: 3 });
}

test("commands that only free space never take any by Redis' flags, and are writes", () => {
  const freeing = entryCommandTable.specs.filter((spec) => spec.onlyFrees === true);
  expect(freeing.map(({ name }) => name)).toEqual(["DEL", "FLUSHALL", "FLUSHDB", "GETDEL", "UNLINK"]);
  for (const { flags } of freeing) {
    expect(flags).toContain("write");
    expect(flags).not.toContain("denyoom");
  }
});

test.for([
  { words: ["DEL", "a", "b"], frees: true },
  { words: ["del", "a"], frees: true },
  { words: ["FLUSHALL", "ASYNC"], frees: true },
  { words: ["SET", "a", "DEL"], frees: false },
  { words: ["EXPIRE", "a", "-1"], frees: false },
  { words: ["RENAME", "a", "b"], frees: false },
  { words: [...session, "RUN", "1", "2", "1", "UNLINK", "a"], frees: true },
  { words: [...session, "RUN", "1", "2", "1", "SET", "a", "1"], frees: false },
  { words: [...session, "OPEN"], frees: false },
  { words: [...session, "FAIL", "1", "2", "1", "ERR no"], frees: false },
])("$words only frees space: $frees, alone in an entry as well [D-7]", ({ words, frees }) => {
  const args = Arguments.of(words);
  const spec = entryCommandTable.resolve(args);
  expect(spec && onlyFrees(spec, args)).toBe(frees);
  expect(entryOnlyFrees(entryOf(words))).toBe(frees);
});

test("an entry only frees space if all of its commands do, and there are some [D-7]", () => {
  expect(entryOnlyFrees(entryOf(["DEL", "a"], ["GETDEL", "b"]))).toBe(true);
  expect(entryOnlyFrees(entryOf(["DEL", "a"], ["SET", "b", "1"], ["DEL", "c"]))).toBe(false);
  expect(entryOnlyFrees(entryOf(["DEL", "a"], ["CHECKSUM"]))).toBe(false);
  expect(entryOnlyFrees(entryOf())).toBe(false);
});

test("of bytes that are no entry, or one of another version, nothing is believed", () => {
  const whole = entryOf(["DEL", "a"]);
  for (const [at, byte] of [
    [0, 2],
    [1, 1],
    [20, 1],
    [21, 0],
  ] as const) {
    const changed = Uint8Array.from(whole);
    changed[at] = byte;
    expect(entryOnlyFrees(changed)).toBe(false);
  }
  for (let length = 0; length < whole.length; length++) expect(entryOnlyFrees(whole.subarray(0, length))).toBe(false);
  expect(entryOnlyFrees(entryOf(["HDEL", "a", "b"]))).toBe(false);
});
