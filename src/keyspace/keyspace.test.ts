import { describe, expect, test } from "vitest";
import { chunksOf, entryOf, loaded, Replica, recordsOf } from "../../test/keyspace/replica.ts";
import { Arguments, ErrorReply, ok, type Reply } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { CommandTable } from "./command-table.ts";
import { commandTable, entryCommandTable } from "./commands.ts";
import { dueKeyMet } from "./due-key-met.ts";
import { keyHashOfText } from "./key-hash.ts";
import { freedKeysMax, Keyspace } from "./keyspace.ts";
import { SemanticsLevelError } from "./semantics.ts";

/** A command that does not exist otherwise. */
function command(name: string, execute: (keyspace: Keyspace, args: Arguments) => Reply): CommandSpec<Keyspace> {
  return { ...(entryCommandTable.get("CHECKSUM") as CommandSpec<Keyspace>), name, execute };
}

function tableWith(...specs: CommandSpec<Keyspace>[]): CommandTable<Keyspace> {
  return new CommandTable([...entryCommandTable.specs, ...specs]);
}

function read(replica: Replica, words: readonly string[], nowMs: number): unknown {
  const args = Arguments.of(words);
  return replica.keyspace.read(commandTable.resolve(args) as CommandSpec<Keyspace>, args, nowMs);
}

describe("an entry", () => {
  test("is executed command by command, each seeing the ones before", () => {
    const replica = new Replica();
    expect(replica.write(1, ["SET", "k", "1"], ["INCR", "k"], ["GET", "k"], ["DEL", "k"], ["GET", "k"])).toEqual([
      ok,
      2,
      "2",
      1,
      null,
    ]);
  });

  test("is applied once, and in order", () => {
    const replica = new Replica();
    replica.apply(entryOf([["INCR", "k"]], { timeMs: 1 }), 5);
    expect(replica.keyspace.appliedIndex).toBe(5);
    expect(() => replica.apply(entryOf([["INCR", "k"]], { timeMs: 1 }), 5)).toThrow("applied twice");
    expect(() => replica.keyspace.skipEntry(4)).toThrow("applied twice");
  });

  test("that is Raft's own changes nothing but the index", () => {
    const replica = new Replica();
    replica.write(100, ["SET", "k", "v", "PX", "10"]);
    const before = replica.keyspace.checksum();
    replica.apply(new Uint8Array(0));
    expect(replica.keyspace.checksum()).toBe(before);
    expect(replica.keyspace.appliedIndex).toBe(2);
  });

  test("may be read from at any of its positions, without a trace", () => {
    const [with_, without] = [new Replica(), new Replica()];
    const get = commandTable.get("GET") as CommandSpec<Keyspace>;
    const random = commandTable.get("RANDOMKEY") as CommandSpec<Keyspace>;
    const draw = command("DRAW", (keyspace) => keyspace.random.uint32());
    const increment = commandTable.get("INCR") as CommandSpec<Keyspace>;
    const run = ({ keyspace }: Replica, isReading: boolean): Reply[] => {
      keyspace.beginEntry(1, { timeMs: 1, seedLow: 3, seedHigh: 4 });
      const replies = [keyspace.execute(increment, Arguments.of(["INCR", "k"]))];
      if (isReading) {
        expect(keyspace.execute(get, Arguments.of(["GET", "k"]))).toBe("1");
        expect(keyspace.execute(random, Arguments.of(["RANDOMKEY"]))).toBe("k");
      }
      replies.push(
        keyspace.execute(increment, Arguments.of(["INCR", "k"])),
        keyspace.execute(draw, Arguments.of(["DRAW"])),
      );
      keyspace.endEntry();
      return replies;
    };
    expect(run(with_, true)).toEqual(run(without, false));
    expect(with_.keyspace.checksum()).toBe(without.keyspace.checksum());
  });

  test("whose command fails in an unforeseen way stops the replica for good, and is no reply [A-4]", () => {
    const poison = command("POISON", () => {
      throw new RangeError("unforeseen");
    });
    const replica = new Replica(new Keyspace(), tableWith(poison));
    expect(() => replica.write(1, ["POISON"])).toThrow(new RangeError("unforeseen"));
    expect(() => replica.write(2, ["SET", "k", "v"])).toThrow("an entry begins within another one");
    expect(() => read(replica, ["GET", "k"], 3)).toThrow("a read between entries comes within one");
  });
});

describe("the replicated clock", () => {
  test("is the latest time of any entry and never goes back [K-1]", () => {
    const replica = new Replica();
    for (const timeMs of [1_000, 500, 1_000, 2_000, 1_999]) replica.advance(timeMs);
    expect(replica.keyspace.clockMs).toBe(2_000);
    replica.write(1_500, ["SET", "k", "v", "PX", "100"]);
    expect(replica.run(["PEXPIRETIME", "k"])).toBe(2_100);
  });

  test("alone makes a key due: at its deadline, at once and on all replicas [S-6]", () => {
    const [leader, follower] = [new Replica(), new Replica()];
    const entries = [
      entryOf([["SET", "k", "v", "PX", "100"]], { timeMs: 1_000 }),
      entryOf([["GET", "k"]], { timeMs: 1_099 }),
      entryOf(
        [
          ["GET", "k"],
          ["EXISTS", "k"],
          ["SETNX", "k", "w"],
          ["PTTL", "k"],
        ],
        { timeMs: 1_100 },
      ),
    ];
    const replies = entries.map((entry) => leader.apply(entry));
    expect(replies).toEqual([[ok], ["v"], [null, 0, 1, -1]]);
    expect(entries.map((entry) => follower.apply(entry))).toEqual(replies);
    expect(follower.keyspace.checksum()).toBe(leader.keyspace.checksum());
  });

  test("of a reader that is a year ahead expires nothing [K-1]", () => {
    const replica = new Replica();
    replica.write(1_000, ["SET", "k", "v", "PX", "100"]);
    expect(read(replica, ["GET", "k"], 365 * 86_400_000)).toBe(dueKeyMet);
    expect(read(replica, ["GET", "k"], 1_050)).toBe("v");
    expect(replica.keyspace.clockMs).toBe(1_000);
  });

  test("answers the next deadline, until its key is gone", () => {
    const { keyspace } = new Replica();
    expect(keyspace.nextDeadlineMs()).toBeUndefined();
    const replica = new Replica(keyspace);
    replica.write(1_000, ["SET", "a", "v", "PX", "300"], ["SET", "b", "v", "PX", "200"], ["SET", "c", "v"]);
    expect(keyspace.nextDeadlineMs()).toBe(1_200);
    replica.write(1_000, ["PERSIST", "b"]);
    expect(keyspace.nextDeadlineMs()).toBe(1_300);
    replica.advance(1_300);
    expect(keyspace.nextDeadlineMs()).toBeUndefined();
  });
});

describe("a read between entries", () => {
  const replica = new Replica();
  replica.write(
    1_000,
    ["SET", "lasting", "1"],
    ["SET", "fading", "2", "PX", "100"],
    ["SET", "later", "3", "PX", "900"],
  );

  test.for([
    { words: ["GET", "fading"], nowMs: 1_099, reply: "2" },
    { words: ["GET", "fading"], nowMs: 1_100, reply: dueKeyMet },
    { words: ["PTTL", "fading"], nowMs: 1_040, reply: 60 },
    { words: ["PTTL", "fading"], nowMs: 900, reply: 100 },
    { words: ["EXISTS", "lasting", "fading"], nowMs: 1_100, reply: dueKeyMet },
    { words: ["EXISTS", "lasting", "later"], nowMs: 1_100, reply: 2 },
    { words: ["DBSIZE"], nowMs: 1_099, reply: 3 },
    { words: ["DBSIZE"], nowMs: 1_100, reply: dueKeyMet },
    { words: ["KEYS", "las*"], nowMs: 1_100, reply: dueKeyMet },
    { words: ["SCAN", "0"], nowMs: 1_100, reply: dueKeyMet },
    { words: ["RANDOMKEY"], nowMs: 1_100, reply: dueKeyMet },
  ])("$words at $nowMs", ({ words, nowMs, reply }) => {
    expect(read(replica, words, nowMs)).toEqual(reply);
  });

  test("that met a due key has its answer after the entry that it asked for", () => {
    const other = replica.restored();
    expect(other.run(["GET", "fading"], 1_100)).toBe(null);
    expect(other.clockEntryCount).toBe(1);
    expect(other.run(["DBSIZE"], 1_100)).toBe(2);
    expect(other.clockEntryCount).toBe(1);
  });

  test("changes nothing, whatever it is [A-5]", () => {
    const before = [replica.keyspace.checksum(), replica.keyspace.logicalBytes, replica.keyspace.nextDeadlineMs()];
    const readCommands = commandTable.specs
      .flatMap((spec) => (spec.subcommands.length > 0 ? spec.subcommands : [spec]))
      .filter((spec) => spec.flags.includes("readonly"));
    expect(readCommands.length).toBeGreaterThan(15);
    for (const spec of readCommands) {
      for (const nowMs of [1_000, 1_100, 5_000]) {
        for (const key of ["lasting", "fading", "absent"]) {
          const words = Array.from({ length: Math.abs(spec.arity) }, () => key);
          replica.keyspace.read(spec, Arguments.of(words), nowMs);
        }
      }
    }
    expect([replica.keyspace.checksum(), replica.keyspace.logicalBytes, replica.keyspace.nextDeadlineMs()]).toEqual(
      before,
    );
  });

  test("that tried to change something would be stopped", () => {
    const changes: ((keyspace: Keyspace, args: Arguments) => unknown)[] = [
      (keyspace, args) => keyspace.set(args, 1, "x"),
      (keyspace) => keyspace.replace("x"),
      (keyspace) => keyspace.changed(1),
      (keyspace) => keyspace.remove(),
      (keyspace) => keyspace.expireAt(5_000),
      (keyspace) => keyspace.persist(),
      (keyspace) => keyspace.clear(),
      (keyspace) => keyspace.raiseSemanticsLevel(1),
    ];
    for (const change of changes) {
      const spec = command("BAD", (keyspace, args) => {
        keyspace.find(args, 1);
        change(keyspace, args);
        return ok;
      });
      const bad: CommandSpec<Keyspace> = { ...spec, flags: ["readonly"] };
      expect(() => replica.keyspace.read(bad, Arguments.of(["BAD", "later"]), 1_000)).toThrow();
    }
    expect(() =>
      replica.keyspace.execute(commandTable.get("GET") as CommandSpec<Keyspace>, Arguments.of(["GET", "k"])),
    ).toThrow("outside an entry");
  });
});

describe("due keys", () => {
  test(`are freed by at most ${freedKeysMax} an entry, in the order of their deadlines, and are invisible before [A-5]`, () => {
    const replica = new Replica();
    // Three keys each with one deadline; the deadlines run against the order of the names.
    const deadline = (at: number): number => 2_000 - Math.floor(at / 3);
    const names = Array.from({ length: 2_500 }, (_, at) => `k${at}`);
    replica.write(1_000, ...names.map((name, at) => ["SET", name, "v", "PXAT", String(deadline(at))]));
    const inOrder = [...names.entries()]
      .sort(
        ([a, aName], [b, bName]) =>
          deadline(a) - deadline(b) || (keyHashOfText(aName) % 1024) - (keyHashOfText(bName) % 1024),
      )
      .map(([, name]) => name);
    const bytesPerKey = replica.keyspace.logicalBytes;
    for (const freed of [1_000, 2_000, 2_500, 2_500]) {
      replica.advance(100_000);
      const held = [...recordsOf(replica.keyspace)].map(({ key }) => key);
      expect(new Set(held)).toEqual(new Set(inOrder.slice(freed)));
      expect(replica.keyspace.keyCount).toBe(0);
      expect(replica.run(["EXISTS", ...names])).toBe(0);
      expect(replica.run(["KEYS", "*"])).toEqual([]);
      expect(replica.run(["SCAN", "0", "COUNT", "10000"])).toEqual(["0", []]);
      expect(replica.run(["RANDOMKEY"])).toBe(null);
      const next = inOrder[freed];
      const expected = next === undefined ? undefined : deadline(Number(next.slice(1)));
      expect(replica.keyspace.nextDeadlineMs()).toBe(expected);
    }
    expect(bytesPerKey).toBeGreaterThan(0);
    expect(replica.keyspace.logicalBytes).toBe(0);
  });

  test("that are written again before they are freed are new keys", () => {
    const replica = new Replica();
    const names = Array.from({ length: 1_200 }, (_, at) => `k${at}`);
    replica.write(1_000, ...names.map((name, at) => ["SET", name, "old", "PX", String(1 + at)]));
    replica.advance(5_000);
    const late = "k1100";
    expect([...recordsOf(replica.keyspace)].map(({ key }) => key)).toContain(late);
    expect(replica.write(5_000, ["APPEND", late, "new"], ["PTTL", late])).toEqual([3, -1]);
    expect(replica.run(["GET", late])).toBe("new");
    replica.advance(5_001);
    expect(replica.run(["KEYS", "*"])).toEqual([late]);
  });

  test("are found by RANDOMKEY only as long as they are not due, however few the others are", () => {
    const replica = new Replica();
    replica.write(
      1_000,
      ["SET", "lasting", "v"],
      ...Array.from({ length: 3_000 }, (_, at) => ["SET", `k${at}`, "v", "PX", "1"]),
    );
    replica.advance(2_000);
    expect([...recordsOf(replica.keyspace)]).toHaveLength(2_001);
    for (let count = 0; count < 20; count++) expect(replica.run(["RANDOMKEY"])).toBe("lasting");
  });
});

describe("what apply depends on", () => {
  test("random numbers of a write come from the entry's seed; no read disturbs them [S-6]", () => {
    const table = tableWith(command("DRAW", (keyspace) => [keyspace.random.uint32(), keyspace.random.below(100)]));
    const [quiet, busy] = [new Replica(new Keyspace(), table), new Replica(new Keyspace(), table)];
    const seen = new Set<string>();
    for (let seedLow = 0; seedLow < 50; seedLow++) {
      const entry = entryOf([["SET", "k", "v"], ["DRAW"], ["DRAW"]], { timeMs: 1, seedLow, seedHigh: 7 });
      const drawn = quiet.apply(entry);
      for (let count = 0; count < 3; count++) busy.run(["RANDOMKEY"]);
      expect(busy.apply(entry)).toEqual(drawn);
      seen.add(JSON.stringify(drawn));
    }
    expect(seen.size).toBe(50);
  });

  test("the revision of a key is the last entry that changed it", () => {
    const spec = command("REVISION", (keyspace, args) =>
      keyspace.find(args, 1) === undefined ? null : keyspace.revision,
    );
    const table = tableWith({ ...spec, flags: ["readonly"], arity: 2 });
    const replica = new Replica(new Keyspace(), table);
    const revision = (): Reply => replica.run(["REVISION", "k"]);
    const steps: [string[], number][] = [
      [["SET", "k", "1"], 1],
      [["GET", "k"], 0],
      [["INCR", "k"], 1],
      [["EXPIRE", "k", "100"], 1],
      [["PERSIST", "k"], 1],
      [["PERSIST", "k"], 0],
      [["SETNX", "k", "2"], 0],
      [["APPEND", "k", "x"], 1],
      [["APPEND", "k", "x"], 1],
      [["SETRANGE", "k", "1", "y"], 1],
      [["GETEX", "k", "EX", "5"], 1],
      [["SET", "k", "1", "XX", "KEEPTTL"], 1],
    ];
    for (const [words, isChanged] of steps) {
      const before = revision();
      replica.write(1, words);
      expect([words, revision()]).toEqual([words, isChanged === 1 ? replica.keyspace.appliedIndex : before]);
    }
    replica.write(1, ["DEL", "k"]);
    expect(revision()).toBe(null);
  });

  test("a level guards every change of outcome; both binaries agree at every level that both know [A-2]", () => {
    const oldTable = tableWith(command("GREET", () => "hello"));
    const newTable = tableWith(command("GREET", (keyspace) => (keyspace.semanticsLevel >= 2 ? "good day" : "hello")));
    const old = new Replica(new Keyspace({ semanticsLevelMax: 1 }), oldTable);
    const [upgraded, other] = [0, 1].map(() => new Replica(new Keyspace({ semanticsLevelMax: 2 }), newTable)) as [
      Replica,
      Replica,
    ];
    const agree = (entry: Uint8Array, replicas: readonly Replica[]): Reply[][] => {
      const replies = replicas.map((replica) => replica.apply(entry));
      expect(new Set(replicas.map(({ keyspace }) => keyspace.checksum())).size).toBe(1);
      return replies;
    };
    const greet = entryOf([["GREET"], ["SEMANTICS-LEVEL", "1"]], { timeMs: 1 });
    expect(agree(greet, [old, upgraded, other])).toEqual([0, 1, 2].map(() => ["hello", ok]));
    const raise = entryOf([["GREET"], ["SEMANTICS-LEVEL", "2"], ["GREET"], ["SEMANTICS-LEVEL", "1"], ["GREET"]], {
      timeMs: 1,
    });
    expect(agree(raise, [upgraded, other])).toEqual([0, 1].map(() => ["hello", ok, "good day", ok, "good day"]));
    expect(() => old.apply(raise)).toThrow(SemanticsLevelError);
    const chunks = chunksOf(upgraded.keyspace.beginSnapshot({ heldBytesMax: 1_000 }));
    expect(() => loaded(chunks)).toThrow(SemanticsLevelError);
  });

  test("nothing but the entries counts: readers, their clocks and their number make no difference [A-1]", () => {
    const [plain, busy] = [new Replica(), new Replica(new Keyspace({ semanticsLevelMax: 9 }))];
    for (let step = 1; step <= 300; step++) {
      const entry = entryOf(
        [
          ["SET", `k${step % 40}`, `v${step}`, "PX", String(1 + (step % 70))],
          ["INCRBYFLOAT", "f", "0.1"],
          ["APPEND", `a${step % 7}`, "x"],
          ["EXPIRE", `a${step % 5}`, "1", "NX"],
        ],
        { timeMs: 1_000 + step * 3, seedLow: step },
      );
      const replies = plain.apply(entry);
      for (const words of [["GET", "k1"], ["TOUCH", "k2"], ["RANDOMKEY"], ["SCAN", "0"], ["PTTL", "k3"]]) {
        read(busy, words, step % 2 === 0 ? 0 : 1_000_000_000);
      }
      expect(busy.apply(entry)).toEqual(replies);
    }
    expect(busy.keyspace.checksum()).toBe(plain.keyspace.checksum());
  });
});

describe("sizes", () => {
  test("are those of the logical content, and come back to nothing", () => {
    const replica = new Replica();
    const { keyspace } = replica;
    const size = (): number => keyspace.logicalBytes;
    replica.write(1, ["SET", "key", "12345678"]);
    const one = size();
    expect(replica.run(["MEMORY", "USAGE", "key"])).toBe(one);
    replica.write(1, ["APPEND", "key", "90"]);
    expect(size()).toBe(one + 2);
    replica.write(1, ["SETRANGE", "key", "18", "zz"]);
    expect(size()).toBe(one + 12);
    replica.write(1, ["EXPIRE", "key", "100"]);
    expect(replica.run(["MEMORY", "USAGE", "key"])).toBe(size());
    replica.write(1, ["COPY", "key", "yek"]);
    expect(size()).toBe(2 * (replica.run(["MEMORY", "USAGE", "key"]) as number));
    expect(replica.restored().keyspace.logicalBytes).toBe(size());
    replica.write(1, ["RENAME", "key", "yek"], ["PERSIST", "yek"], ["SET", "yek", "12345678"]);
    expect(size()).toBe(one);
    replica.write(1, ["DEL", "yek"]);
    expect(size()).toBe(0);
    replica.write(1, ["MSET", "a", "1", "b", "2"], ["FLUSHALL"]);
    expect([size(), keyspace.keyCount, keyspace.nextDeadlineMs()]).toEqual([0, 0, undefined]);
  });

  test("say how many keys have a deadline", () => {
    const replica = new Replica();
    replica.write(1, ["SET", "a", "1", "PX", "10"], ["SET", "b", "1", "PX", "20"], ["SET", "c", "1"]);
    expect([replica.keyspace.keyCount, replica.keyspace.deadlineCount]).toEqual([3, 2]);
    replica.advance(11);
    expect([replica.keyspace.keyCount, replica.keyspace.deadlineCount]).toEqual([2, 1]);
  });
});

test("a command with too few words is refused at apply too", () => {
  const { keyspace } = new Replica();
  keyspace.beginEntry(1, { timeMs: 1, seedLow: 0, seedHigh: 0 });
  expect(keyspace.execute(commandTable.get("SET") as CommandSpec<Keyspace>, Arguments.of(["SET", "k"]))).toEqual(
    new ErrorReply("ERR wrong number of arguments for 'set' command"),
  );
});
