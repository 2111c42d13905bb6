import { expect, test } from "vitest";
import { type CommandSpec, commandTable, type Keyspace } from "../../keyspace/index.ts";
import { ErrorReply, RawReply, type Reply } from "../../resp/index.ts";
import { Gathering, merger } from "./gathering.ts";

function specOf(name: string): CommandSpec<Keyspace> {
  const spec = commandTable.get(name);
  if (spec === undefined) throw new Error(`no command ${name}`);
  return spec;
}

function whole(name: string, ...replies: readonly Reply[]): Reply | undefined {
  let found: Reply | undefined;
  const merge = merger(specOf(name), undefined);
  const gathering = new Gathering({ partCount: replies.length, merge, done: (reply) => (found = reply) });
  // The last part first: they come in any order.
  for (const [part, reply] of [...replies.entries()].reverse()) {
    expect(found).toBeUndefined();
    gathering.add(part, reply);
  }
  return found;
}

const refused = new ErrorReply("CLUSTERDOWN it did not happen");
const doubtful = new RawReply("-UNCERTAIN it may have happened\r\n");

test.for<{ name: string; replies: readonly Reply[]; text: RegExp }>([
  { name: "all refused it", replies: [refused, refused], text: /^CLUSTERDOWN it did not happen$/ },
  { name: "one did it", replies: [1, refused], text: /^UNCERTAIN .*1 of the 2 shards.*did not carry it out/ },
  { name: "one may have done it, and the others refused", replies: [refused, doubtful], text: /^UNCERTAIN / },
  { name: "one may have done it, and the others did", replies: [1, doubtful], text: /^UNCERTAIN / },
])("of a write that several shards carry out: $name", ({ replies, text }) => {
  expect(whole("DEL", ...replies)).toMatchObject({ text: expect.stringMatching(text) });
});

test("a read that one shard refuses is refused, and has no doubt", () => {
  expect(whole("EXISTS", 1, refused)).toMatchObject({ text: "CLUSTERDOWN it did not happen" });
  expect(whole("EXISTS", 1, new RawReply(":2\r\n"))).toBe(3);
});
