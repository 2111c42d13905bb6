import { expect, test } from "vitest";
import type { CommandSpec, KeySpecification } from "./command.ts";
import { keysOf } from "./command-keys.ts";

function command(name: string, ...keySpecifications: readonly KeySpecification[]): CommandSpec<never> {
  return {
    name,
    arity: -1,
    flags: [],
    keys: undefined,
    keySpecifications,
    group: "generic",
    summary: "",
    since: "",
    complexity: "",
    categories: [],
    tips: [],
    subcommands: [],
    execute: undefined,
  };
}

function specification(begin: KeySpecification["begin"], find: KeySpecification["find"]): KeySpecification {
  return { flags: ["RW"], begin, find };
}

const first = { kind: "index", index: 1 } as const;
const all = { kind: "range", last: -1, step: 1, limit: 0 } as const;

const cases: readonly { name: string; spec: KeySpecification; words: string; keys: number[] | undefined }[] = [
  { name: "one", spec: specification(first, { ...all, last: 0 }), words: "GET a", keys: [1] },
  { name: "all that follow", spec: specification(first, all), words: "DEL a b c", keys: [1, 2, 3] },
  { name: "every second", spec: specification(first, { ...all, step: 2 }), words: "MSET a 1 b 2", keys: [1, 3] },
  { name: "all but the last", spec: specification(first, { ...all, last: -2 }), words: "BLPOP a b 0", keys: [1, 2] },
  {
    name: "the first half behind a word",
    spec: specification({ kind: "keyword", keyword: "STREAMS", from: 1 }, { ...all, limit: 2 }),
    words: "XREAD COUNT 1 streams a b 0 0",
    keys: [4, 5],
  },
  {
    name: "behind a word, looked for from the end",
    spec: specification({ kind: "keyword", keyword: "KEYS", from: -2 }, all),
    words: "MIGRATE h p KEYS x KEYS a",
    keys: [6],
  },
  {
    name: "a word that is not there",
    spec: specification({ kind: "keyword", keyword: "KEYS", from: 1 }, all),
    words: "X a",
    keys: undefined,
  },
  {
    name: "as many as are announced",
    spec: specification({ kind: "index", index: 2 }, { kind: "keynum", keynum: 0, firstKey: 1, step: 1 }),
    words: "EVAL s 2 a b c",
    keys: [3, 4],
  },
  {
    name: "none, as announced",
    spec: specification({ kind: "index", index: 2 }, { kind: "keynum", keynum: 0, firstKey: 1, step: 1 }),
    words: "EVAL s 0 c",
    keys: [],
  },
  {
    name: "more announced than there are",
    spec: specification({ kind: "index", index: 2 }, { kind: "keynum", keynum: 0, firstKey: 1, step: 1 }),
    words: "EVAL s 9 a",
    keys: undefined,
  },
  {
    name: "what nobody can say",
    spec: specification({ kind: "unknown" }, { kind: "unknown" }),
    words: "X a",
    keys: undefined,
  },
];

test.for(cases)("keys: $name", ({ spec, words, keys }) => {
  expect(keysOf(command("X", spec), words.split(" "))?.map(({ word }) => word)).toEqual(keys);
});

test("SET reads its key only with GET", () => {
  const flags = ["RW", "access", "update", "variable_flags"];
  const set = command("SET", { flags, begin: first, find: { ...all, last: 0 } });
  expect(keysOf(set, ["SET", "k", "v"])).toEqual([{ word: 1, flags: ["OW", "update"] }]);
  expect(keysOf(set, ["SET", "k", "v", "get"])).toEqual([{ word: 1, flags: ["RW", "access", "update"] }]);
  expect(keysOf(set, ["SET", "k", "GET"])).toEqual([{ word: 1, flags: ["OW", "update"] }]);
});
