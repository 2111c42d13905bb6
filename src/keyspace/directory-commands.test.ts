import { expect, test } from "vitest";
import { chunksOf, entryOf, loaded, Replica } from "../../test/keyspace/replica.ts";
import { Arguments, ErrorReply, SimpleString } from "../resp/index.ts";
import { commandTable, directoryCommandTable, entryCommandTable, sessionCommand } from "./commands.ts";

function change(replica: Replica, ...words: readonly (string | number)[]): unknown {
  const [reply] = replica.apply(entryOf([["DIRECTORY-CHANGE", ...words.map(String)]], { timeMs: 1 }));
  return reply instanceof SimpleString || reply instanceof ErrorReply ? reply.text : reply;
}

function records(replica: Replica): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const walk = replica.keyspace.walk(); !walk.isOver; walk.next()) found[walk.key] = String(walk.value);
  return found;
}

test("a change counts for the epoch that it was decided for, and for no other [B-5]", () => {
  const replica = new Replica();
  expect(change(replica, 0, "node:4", "one", "shard:1", "two")).toBe("CHANGED 1");
  expect(change(replica, 0, "node:4", "other")).toBe("EPOCH 1");
  expect(change(replica, 2, "node:4", "other")).toBe("EPOCH 1");
  expect(records(replica)).toEqual({ epoch: "1", "node:4": "one", "shard:1": "two" });
  expect(change(replica, 1, "node:4", "", "shard:1", "three", "no:such", "")).toBe("CHANGED 2");
  expect(records(replica)).toEqual({ epoch: "2", "shard:1": "three" });
});

test("without records it tells whether the epoch is the present one, and changes nothing", () => {
  const replica = new Replica();
  expect(change(replica, 0)).toBe("CHANGED 0");
  expect(change(replica, 1)).toBe("EPOCH 0");
  expect(records(replica)).toEqual({});
});

test.for([
  { name: "a record without a value", words: ["0", "node:4"] },
  { name: "an epoch that is no number", words: ["one", "node:4", "text"] },
  { name: "an epoch below zero", words: ["-1", "node:4", "text"] },
  { name: "the epoch itself as a record", words: ["0", "node:4", "text", "epoch", "7"] },
])("$name is refused, and changes nothing", ({ words }) => {
  const replica = new Replica();
  expect(change(replica, ...words)).toMatch(/^ERR /);
  expect(records(replica)).toEqual({});
});

test("two changes of one entry follow each other", () => {
  const replica = new Replica();
  const replies = replica.apply(
    entryOf(
      [
        ["DIRECTORY-CHANGE", "0", "a", "1"],
        ["DIRECTORY-CHANGE", "0", "a", "2"],
        ["DIRECTORY-CHANGE", "1", "a", "3"],
      ],
      { timeMs: 1 },
    ),
  );
  expect(replies.map((reply) => (reply as SimpleString).text)).toEqual(["CHANGED 1", "EPOCH 1", "CHANGED 2"]);
  expect(records(replica)).toEqual({ a: "3", epoch: "2" });
});

test("the epoch is part of snapshot and digest", () => {
  const replica = new Replica();
  change(replica, 0, "node:4", "one");
  const before = replica.keyspace.checksum();
  const copy = new Replica(loaded(chunksOf(replica.keyspace.beginSnapshot({ heldBytesMax: 1_000 }))));
  expect(copy.keyspace.checksum()).toBe(before);
  for (const each of [replica, copy]) expect(change(each, 1, "node:4", "one")).toBe("CHANGED 2");
  expect(copy.keyspace.checksum()).toBe(replica.keyspace.checksum());
  expect(copy.keyspace.checksum()).not.toBe(before);
});

test("no client reaches it: neither by its name, nor within a session", () => {
  const words = ["DIRECTORY-CHANGE", "0", "node:4", "x"];
  expect(commandTable.resolve(Arguments.of(words))).toBeUndefined();
  expect(
    sessionCommand.innerOf(Arguments.of(["COTERIE", "SESSION", "RUN", "0-1", "1", "0", ...words])),
  ).toBeUndefined();
  const failed = sessionCommand
    .entryOf(Arguments.of(["COTERIE", "SESSION", "RUN", "0-1", "1", "0", ...words]), 1)
    .texts();
  expect(failed.slice(0, 3)).toEqual(["COTERIE", "SESSION", "FAIL"]);
  expect(entryCommandTable.resolve(Arguments.of(words))?.name).toBe("DIRECTORY-CHANGE");
  expect(directoryCommandTable.specs.map(({ name }) => name)).toEqual(["DIRECTORY-CHANGE", "SEMANTICS-LEVEL"]);
  expect(commandTable.resolve(Arguments.of(["SEMANTICS-LEVEL", "2"]))).toBeUndefined();
});
