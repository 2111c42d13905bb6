import { expect, test } from "vitest";
import { keyspaceOf } from "../../test/keyspace/contents.ts";
import { Replica } from "../../test/keyspace/replica.ts";
import { ErrorReply, ok } from "../resp/index.ts";
import { commandTable } from "./commands.ts";
import { wrongType } from "./replies.ts";
import type { Value } from "./value.ts";

/** A value of a type that is none of those there are. */
const other = { length: 1, clone: () => other } as unknown as Value;

function replicaWithOther(): Replica {
  const header = { appliedIndex: 1, clockMs: 1, semanticsLevel: 1 };
  const records = [
    { key: "k", value: other, deadline: undefined, revision: 1 },
    { key: "s", value: "text", deadline: undefined, revision: 1 },
  ];
  return new Replica(keyspaceOf(header, records));
}

test.for([
  ["GET", "k"],
  ["GETSET", "k", "v"],
  ["GETDEL", "k"],
  ["GETEX", "k", "EX", "100"],
  ["SET", "k", "v", "GET"],
  ["SET", "k", "v", "NX", "GET"],
  ["INCR", "k"],
  ["DECR", "k"],
  ["INCRBY", "k", "1"],
  ["DECRBY", "k", "1"],
  ["INCRBYFLOAT", "k", "1"],
  ["INCRBYFLOAT", "k", "x"],
  ["APPEND", "k", "v"],
  ["STRLEN", "k"],
  ["GETRANGE", "k", "0", "1"],
  ["SUBSTR", "k", "0", "1"],
  ["SETRANGE", "k", "0", "v"],
  ["SETRANGE", "k", "0", ""],
])("%s %s … on a key of another type is refused and changes nothing", (words) => {
  const replica = replicaWithOther();
  expect(replica.run(words, 1)).toBe(wrongType);
  expect([...replica.keyspace.record(replica.keyspace.walk()).key]).toHaveLength(1);
  expect(replica.run(["TTL", "k"], 1)).toBe(-1);
  expect(replica.run(["STRLEN", "k"], 1)).toBe(wrongType);
});

test("commands that do not look at the value take any type", () => {
  const replica = replicaWithOther();
  expect(replica.run(["MGET", "k", "s"], 1)).toEqual([null, "text"]);
  expect(replica.run(["SETNX", "k", "v"], 1)).toBe(0);
  expect(replica.run(["MSETNX", "k", "v"], 1)).toBe(0);
  expect(replica.run(["EXPIRE", "k", "100"], 1)).toBe(1);
  expect(replica.run(["COPY", "k", "c"], 1)).toBe(1);
  expect(replica.run(["RENAME", "c", "d"], 1)).toEqual(ok);
  expect(replica.run(["SET", "d", "v"], 1)).toBe(ok);
  expect(replica.run(["MSET", "k", "v"], 1)).toBe(ok);
  expect(replica.run(["MGET", "k", "d"], 1)).toEqual(["v", "v"]);
});

test("LCS has words of its own for it", () => {
  const expected = new ErrorReply("ERR The specified keys must contain string values");
  expect(replicaWithOther().run(["LCS", "k", "s"], 1)).toEqual(expected);
  expect(replicaWithOther().run(["LCS", "s", "k", "FOO"], 1)).toEqual(expected);
});

test("every command that is refused for a type is one of strings", () => {
  const replica = replicaWithOther();
  for (const spec of commandTable.specs.filter(({ group }) => group === "generic")) {
    if (spec.execute === undefined || spec.keys?.first !== 1) continue;
    const words = [spec.name, ...Array.from({ length: Math.abs(spec.arity) - 1 }, (_, at) => (at === 0 ? "k" : "1"))];
    expect(replica.run(words, 1)).not.toBe(wrongType);
  }
});
