import { expect, test } from "vitest";
import { outcomeOf, readGoldenLog } from "../../test/keyspace/golden-log.ts";
import { type Draw, drawFrom, RandomCommands } from "../../test/keyspace/random-commands.ts";
import { entryOf, loaded, Replica } from "../../test/keyspace/replica.ts";
import { encodeReply, type Reply } from "../resp/index.ts";
import { digestOf } from "./digest.ts";
import { keyPositionEnd } from "./key-hash.ts";
import type { KeyspaceSnapshot } from "./snapshot.ts";

/** Entries of random commands, with deadlines that come while they are applied. */
function* randomEntries(draw: Draw, entryCount: number, commandsPerEntry: number): Generator<Uint8Array> {
  let timeMs = 1_700_000_000_000;
  const commands = new RandomCommands(draw, { nowMs: timeMs, keyCount: 60, timeMin: 1, timeMax: 2_000 });
  for (let entry = 0; entry < entryCount; entry++) {
    timeMs += draw(60) - 5;
    commands.options.nowMs = timeMs;
    const batch = Array.from({ length: commandsPerEntry }, () => commands.next());
    yield entryOf(batch, { timeMs, seedLow: draw(0xffff_ffff), seedHigh: draw(0xffff_ffff) });
  }
}

function encoded(replies: readonly Reply[]): string {
  return replies.map((reply) => encodeReply(reply, 3)).join("");
}

/** A snapshot that is being made, and the entries that were applied since it began. */
class Successor {
  readonly #snapshot: KeyspaceSnapshot;
  readonly #chunks: Uint8Array[] = [];
  readonly #entries: Uint8Array[] = [];

  constructor(replica: Replica) {
    this.#snapshot = replica.keyspace.beginSnapshot({ heldBytesMax: 1_000_000 });
  }

  /** Once the snapshot is whole: a replica made from it that has caught up. */
  step(entry: Uint8Array, chunkBytes: number): Replica | undefined {
    this.#entries.push(entry);
    const chunk = this.#snapshot.next(chunkBytes);
    if (chunk !== undefined) {
      this.#chunks.push(chunk);
      return undefined;
    }
    const replica = new Replica(loaded(this.#chunks));
    expect(replica.keyspace.checksum()).toBe(this.#snapshot.digest);
    for (const each of this.#entries) replica.apply(each);
    return replica;
  }
}

test("replicas that lived through 100,000 random commands, and ones restored from snapshots made meanwhile, agree in all replies and digests [A-3, N-3, I-16]", () => {
  const draw = drawFrom(4);
  const lived = new Replica();
  let restored = new Replica();
  let successor = new Successor(lived);
  let entryNumber = 0;
  let restoredCount = 0;
  let seenKeys = 0;
  for (const entry of randomEntries(drawFrom(3), 2_000, 50)) {
    // What is advice to one of them must not be seen.
    lived.keyspace.gather(entryNumber % 20 < 12);
    const expected = encoded(lived.apply(entry));
    if (encoded(restored.apply(entry)) !== expected) expect.fail(`replies differ in entry ${entryNumber}`);
    const next = successor.step(entry, 64 + draw(400));
    if (next !== undefined) {
      restored = next;
      restoredCount++;
      successor = new Successor(lived);
    }
    if (++entryNumber % 50 === 0 || next !== undefined) {
      seenKeys = Math.max(seenKeys, lived.keyspace.keyCount);
      expect(restored.keyspace.checksum()).toBe(lived.keyspace.checksum());
      expect(restored.keyspace.logicalBytes).toBe(lived.keyspace.logicalBytes);
      expect(restored.keyspace.nextDeadlineMs()).toBe(lived.keyspace.nextDeadlineMs());
    }
  }
  expect(seenKeys).toBeGreaterThan(30);
  expect(restoredCount).toBeGreaterThan(50);
});

test("a fixed log has the replies and the digests that it always had, on every version of Node [A-3]", () => {
  const { entries, outcome } = readGoldenLog();
  expect(entries).toHaveLength(400);
  expect(outcomeOf(entries)).toEqual(outcome);
});

test("a digest covers everything that is replicated", () => {
  const base = (): Replica => {
    const replica = new Replica();
    replica.write(1_000, ["SET", "a", "1"], ["SET", "b", "2", "PX", "500"]);
    return replica;
  };
  const changes: [string, (replica: Replica) => void][] = [
    ["a key more", (replica) => replica.write(1_000, ["SET", "c", "1"])],
    ["a key less", (replica) => replica.write(1_000, ["DEL", "a"])],
    ["another value", (replica) => replica.write(1_000, ["SET", "a", "2"])],
    ["the same value at another revision", (replica) => replica.write(1_000, ["SET", "a", "1"])],
    ["another form of a value", (replica) => replica.write(1_000, ["APPEND", "a", ""])],
    ["another deadline", (replica) => replica.write(1_000, ["PEXPIREAT", "b", "1501"])],
    ["no deadline", (replica) => replica.write(1_000, ["PERSIST", "b"])],
    ["another time", (replica) => replica.advance(1_001)],
  ];
  const digests = changes.map(([, change]) => {
    const replica = base();
    change(replica);
    return replica.keyspace.checksum();
  });
  expect(new Set([base().keyspace.checksum(), ...digests]).size).toBe(changes.length + 1);
  const quiet = base();
  quiet.write(1_000, ["GET", "a"], ["SETNX", "a", "5"], ["DEL", "nope"]);
  expect(quiet.keyspace.checksum()).toBe(base().keyspace.checksum());
});

test("a digest in parts covers each key once, and the node's command gives the same", () => {
  const replica = new Replica();
  replica.write(
    1,
    ...Array.from({ length: 500 }, (_, at) => ["SET", at % 2 === 0 ? `{t}${at}` : `k${at}`, "x".repeat(at * 60)]),
  );
  const parts: string[] = [];
  let from = 0;
  do {
    const part = digestOf(replica.keyspace, { from, keyCountMax: 64 });
    expect(replica.write(1, ["CHECKSUM", String(from), "64"])).toEqual([[part.digest, part.next]]);
    parts.push(part.digest);
    from = part.next;
  } while (from !== 0);
  expect(parts).toHaveLength(8);
  expect(new Set(parts).size).toBe(8);
  expect(replica.write(1, ["CHECKSUM"])).toEqual([[replica.keyspace.checksum(), 0]]);
  for (const words of [
    ["CHECKSUM", "0"],
    ["CHECKSUM", "-1", "5"],
    ["CHECKSUM", "0", "0"],
    ["CHECKSUM", String(keyPositionEnd + 1), "5"],
  ]) {
    expect(replica.write(1, words)).toMatchObject([{ text: "ERR value is not an integer or out of range" }]);
  }
});
