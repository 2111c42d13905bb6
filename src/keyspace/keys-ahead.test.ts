import { expect, test } from "vitest";
import { drawFrom, RandomCommands } from "../../test/keyspace/random-commands.ts";
import { entryOf, Replica } from "../../test/keyspace/replica.ts";
import { Arguments, encodeReply } from "../resp/index.ts";
import { entryCommandTable } from "./commands.ts";
import { EntryReader } from "./entry.ts";
import { KeysAhead, keysAheadMax } from "./keys-ahead.ts";
import type { Keyspace } from "./keyspace.ts";

const reader = new EntryReader();
const keys = new KeysAhead();
const args = new Arguments();

/** Applies an entry as a node does, and gives the replies. */
function applyAhead(keyspace: Keyspace, data: Uint8Array): string {
  let replies = "";
  let left = 0;
  reader.open(data);
  keyspace.beginEntry(keyspace.appliedIndex + 1, reader);
  for (;;) {
    if (left-- === 0) {
      reader.readAhead(keys);
      keyspace.readAhead(keys);
      left = keysAheadMax - 1;
    }
    if (!reader.next(args)) break;
    const spec = entryCommandTable.resolve(args);
    replies += encodeReply(spec === undefined ? entryCommandTable.refusal(args) : keyspace.execute(spec, args), 3);
  }
  keys.clear();
  keyspace.endEntry();
  return replies;
}

/** A quarter of the commands under one hash tag, so that a slot has more keys than a leaf holds; now and then all keys go. */
function* randomEntries(): Generator<Uint8Array> {
  const draw = drawFrom(11);
  let timeMs = 1_700_000_000_000;
  const random = new RandomCommands(draw, { nowMs: timeMs, keyCount: 60, timeMin: 1, timeMax: 2_000 });
  for (let entry = 0; entry < 300; entry++) {
    timeMs += draw(60);
    random.options.nowMs = timeMs;
    const commands = Array.from({ length: draw(100) }, () => {
      if (draw(200) === 0) return ["FLUSHALL"];
      return draw(4) > 0 ? random.next() : ["SET", `{tag}${draw(1_000)}`, String(draw(100))];
    });
    yield entryOf(commands, { timeMs, seedLow: entry });
  }
}

test("a replica that reads keys ahead and one that does not agree in all replies and in their state", () => {
  const plain = new Replica();
  const ahead = new Replica();
  let bytes = 0;
  for (const entry of randomEntries()) {
    const expected = plain
      .apply(entry)
      .map((reply) => encodeReply(reply, 3))
      .join("");
    expect(applyAhead(ahead.keyspace, entry)).toBe(expected);
    expect(ahead.keyspace.logicalBytes).toBe(plain.keyspace.logicalBytes);
    bytes += expected.length;
  }
  expect(ahead.keyspace.checksum()).toBe(plain.keyspace.checksum());
  expect(bytes).toBeGreaterThan(100_000);
});

test("what was read ahead counts for just these bytes, and no longer once it is cleared", () => {
  const replica = new Replica();
  replica.write(1_000, ["SET", "one", "1"], ["SET", "two", "2"]);
  const get = entryCommandTable.get("GET");
  const words = Arguments.of(["GET", "one"]);
  const read = (): unknown => get && replica.keyspace.read(get, words, 1_000);
  keys.begin(words.bytes);
  keys.push(words.starts[1] as number, words.ends[1] as number);
  replica.keyspace.readAhead(keys);
  expect(read()).toBe("1");
  keys.clear();
  words.bytes.write("two", words.starts[1] as number);
  expect(read()).toBe("2");
});

test("looking ahead in bytes that are no entry reads nothing outside of them", () => {
  const draw = drawFrom(5);
  const whole = entryOf(
    [
      ["SET", "key", "value"],
      ["GET", "key"],
      ["DEL", "a", "b"],
    ],
    { timeMs: 1 },
  );
  for (let round = 0; round < 2_000; round++) {
    const damaged = Uint8Array.from(whole);
    damaged[20 + draw(damaged.length - 20)] = draw(256);
    reader.open(damaged);
    try {
      reader.readAhead(keys);
    } catch {
      // A number that is none: `next` says so as well.
    }
    for (let at = 0; at < keys.count; at++) {
      expect(keys.starts[at]).toBeGreaterThanOrEqual(20);
      expect(keys.ends[at]).toBeLessThanOrEqual(damaged.length);
    }
  }
});
