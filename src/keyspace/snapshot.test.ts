import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findCollidingKeys } from "../../test/keyspace/colliding-keys.ts";
import { type Draw, drawFrom, RandomCommands } from "../../test/keyspace/random-commands.ts";
import { chunksOf, filled, loaded, Replica, recordsOf } from "../../test/keyspace/replica.ts";
import { isWrite } from "./command.ts";
import { entryCommandTable } from "./commands.ts";
import type { Keyspace } from "./keyspace.ts";
import type { KeyspaceSnapshot } from "./snapshot.ts";
import { cloneOf } from "./value.ts";

const unbounded = { heldBytesMax: Number.POSITIVE_INFINITY };

/** All that a snapshot must hold, as plain data that no later change reaches. */
function contentOf(keyspace: Keyspace): unknown {
  const records = [...recordsOf(keyspace)].map(({ key, value, deadline, revision }) => {
    const clone = cloneOf(value);
    const [form, text] = typeof clone === "string" ? ["plain", clone] : [clone.encoding, clone.text()];
    return { key, form, text, deadline, revision };
  });
  const { logicalBytes, keyCount, deadlineCount } = keyspace;
  return { header: keyspace.header(), records, logicalBytes, keyCount, deadlineCount, due: keyspace.nextDeadlineMs() };
}

/** Makes a snapshot of `replica`, with `between` after each chunk, and holds what is loaded against the beginning. */
function checkSnapshot(
  replica: Replica,
  bytesOf: () => number,
  between: (snapshot: KeyspaceSnapshot) => void,
): Keyspace {
  const content = contentOf(replica.keyspace);
  const digest = replica.keyspace.checksum();
  const snapshot = replica.keyspace.beginSnapshot(unbounded);
  const chunks: Uint8Array[] = [];
  for (let chunk = snapshot.next(bytesOf()); chunk !== undefined; chunk = snapshot.next(bytesOf())) {
    chunks.push(chunk);
    between(snapshot);
  }
  expect(snapshot.digest).toBe(digest);
  expect(snapshot.heldBytes).toBe(0);
  const copy = loaded(chunks);
  expect(contentOf(copy)).toEqual(content);
  expect(copy.checksum()).toBe(digest);
  return copy;
}

/** Applies random commands in entries of a few, gathering at times, while a snapshot is made in steps of random sizes. */
function interleave(seed: number, chunkBytesMax: number): void {
  const draw = drawFrom(seed);
  const replica = new Replica();
  const twin = new Replica();
  let timeMs = 1_700_000_000_000;
  const commands = new RandomCommands(draw, { nowMs: timeMs, keyCount: 40, timeMin: 1, timeMax: 1_000 });
  const write = (): void => {
    timeMs += draw(80) - 10;
    commands.options.nowMs = timeMs;
    const batch = Array.from({ length: draw(6) }, () => commands.next());
    replica.keyspace.gather(draw(3) > 0);
    expect(replica.write(timeMs, ...batch)).toEqual(twin.write(timeMs, ...batch));
  };
  for (let entry = draw(40); entry >= 0; entry--) write();
  checkSnapshot(
    replica,
    () => 1 + draw(chunkBytesMax),
    () => {
      for (let entry = draw(3); entry > 0; entry--) write();
    },
  );
  expect(contentOf(replica.keyspace)).toEqual(contentOf(twin.keyspace));
  expect(replica.keyspace.checksum()).toBe(twin.keyspace.checksum());
}

/** A change of a random one of `names`, some of which are there. */
function change(draw: Draw, names: readonly string[]): string[] {
  const name = names[draw(names.length)] as string;
  const other = names[draw(names.length)] as string;
  const makers: readonly (() => string[])[] = [
    () => ["SET", name, "new"],
    () => ["SET", name, "fading", "PX", String(1 + draw(100))],
    () => ["APPEND", name, "x".repeat(draw(300))],
    () => ["SETRANGE", name, String(draw(400)), "y"],
    () => ["DEL", name, other],
    () => ["RENAME", name, other],
    () => ["COPY", name, other, "REPLACE"],
    () => ["PEXPIRE", name, String(1 + draw(1_000))],
    () => ["PERSIST", name],
    () => ["INCRBYFLOAT", name, "0.5"],
  ];
  return (makers[draw(makers.length)] as () => string[])();
}

describe("a snapshot made while entries are applied", () => {
  test.for([64, 200, 2_000, 20_000])(
    "is the state at its beginning, in steps of up to %i bytes [N-8]",
    (chunkBytes) => {
      fc.assert(
        fc.property(fc.nat(), (seed) => interleave(seed, chunkBytes)),
        { numRuns: 40 },
      );
    },
  );

  test.for<[string, (at: number) => string]>([
    ["spread over all slots", (at) => `key${at}`],
    ["in one slot by a hash tag, whose leaves split and join", (at) => `{tag}${at}`],
  ])("is the state at its beginning, with thousands of keys %s [N-8]", ([, nameOf]) => {
    for (const seed of [1, 2, 3]) {
      const draw = drawFrom(seed);
      const names = Array.from({ length: 3_000 }, (_, at) => nameOf(at));
      const replica = filled(names.filter((_, at) => at % 3 !== 0));
      const isShrinking = seed === 3;
      let timeMs = 1;
      checkSnapshot(
        replica,
        () => 64 + draw(4_000),
        () => {
          timeMs += draw(30);
          const changes = Array.from({ length: draw(120) }, () => change(draw, names));
          const removed = Array.from({ length: isShrinking ? 200 : 0 }, () => names[draw(names.length)] as string);
          replica.write(timeMs, ...changes, ["DEL", "none", ...removed]);
        },
      );
    }
  });

  test("of an empty keyspace is empty", () => {
    const replica = new Replica();
    const snapshot = replica.keyspace.beginSnapshot(unbounded);
    replica.write(1, ["SET", "k", "v"]);
    const copy = loaded(chunksOf(snapshot));
    expect(copy.heldKeyCount).toBe(0);
    expect(copy.header()).toEqual({ appliedIndex: 0, clockMs: 0, semanticsLevel: 1 });
  });

  test("keeps keys of one position apart, whichever of them changes", () => {
    const { around } = findCollidingKeys();
    for (let seed = 0; seed < 10; seed++) {
      const draw = drawFrom(seed);
      checkSnapshot(
        filled(around),
        () => 64,
        () => {},
      );
      const replica = filled(around);
      checkSnapshot(
        replica,
        () => 64,
        () => void replica.write(2, change(draw, around), change(draw, around)),
      );
    }
  });

  test("holds keys and values of all bytes and sizes", () => {
    const replica = new Replica();
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
    replica.write(
      1,
      ["MSET", "", "", "\0", "\xff\xff", all, all, all.repeat(500), all.repeat(2_000)],
      ["SET", "{t}late", "v", "PXAT", "9223372036854775807"],
      ["SET", "{t}exact", "v", "PXAT", "9007199254740991"],
      ["SET", "{t}beyond", "v", "PXAT", "9007199254740992"],
      ["APPEND", "raw", all.repeat(3)],
      ["APPEND", "short", "x"],
      ["APPEND", "none", ""],
      ["INCRBYFLOAT", "float", "1"],
    );
    for (const bytes of [1, 64, 100, 65_536, 10_000_000]) {
      const copy = checkSnapshot(
        replica,
        () => bytes,
        () => {},
      );
      expect(new Replica(copy).run(["PEXPIRETIME", "{t}late"])).toBe(9223372036854775807n);
      expect(new Replica(copy).run(["OBJECT", "ENCODING", "float"])).toBe("embstr");
    }
  });

  test("holds due keys that are not freed yet, and those that are freed meanwhile", () => {
    const replica = new Replica();
    const names = Array.from({ length: 3_500 }, (_, at) => `k${at}`);
    replica.write(1_000, ["SET", "lasting", "v"], ...names.map((name, at) => ["SET", name, "v", "PX", String(1 + at)]));
    replica.advance(2_500);
    expect(replica.keyspace.heldKeyCount).toBe(2_501);
    checkSnapshot(
      replica,
      () => 1_000,
      () => replica.advance(replica.keyspace.clockMs + 200),
    );
    expect(replica.run(["KEYS", "*"])).toEqual(["lasting"]);
  });

  test("keeps a due key that a new one takes the place of", () => {
    const replica = new Replica();
    const names = Array.from({ length: 1_500 }, (_, at) => `k${at}`);
    replica.write(1_000, ...names.map((name) => ["SET", name, "old", "PX", "1"]));
    replica.advance(2_000);
    checkSnapshot(
      replica,
      () => 5_000,
      () => {
        replica.write(2_000, ["APPEND", "k7", "new"], ["SETNX", "k8", "new"], ["SET", "k9", "new", "PX", "500"]);
      },
    );
  });
});

/** Every command that writes; "k" is a key, "new" is none. */
const firstChanges: readonly string[] = [
  "APPEND k x",
  "COPY other k REPLACE",
  "COPY k new",
  "DECR k",
  "DECRBY k 5",
  "DEL k",
  "EXPIRE k 100",
  "EXPIRE k -1",
  "EXPIREAT k 9999999999",
  "FLUSHALL",
  "FLUSHDB",
  "GETDEL k",
  "GETEX k EX 100",
  "GETEX k PERSIST",
  "GETSET k new",
  "INCR k",
  "INCRBY k 5",
  "INCRBYFLOAT k 0.5",
  "MSET k new other new",
  "MSETNX new 1 new2 2",
  "PERSIST k",
  "PEXPIRE k 100",
  "PEXPIREAT k 99999999999999",
  "PSETEX k 100 new",
  "RENAME k new",
  "RENAME k other",
  "RENAME other k",
  "RENAMENX k new",
  "SET k new",
  "SET k new KEEPTTL",
  "SET k new EX 100",
  "SET k new PXAT 1",
  "SETEX k 100 new",
  "SETNX new x",
  "SETRANGE k 0 x",
  "SETRANGE k 1000 x",
  "UNLINK k other",
];

test("the list of changes has every command that may write a key", () => {
  const listed = new Set(firstChanges.map((command) => command.split(" ")[0]));
  const { specs } = entryCommandTable;
  const unlisted = specs.filter((spec) => isWrite(spec) && spec.group !== "coterie" && !listed.has(spec.name));
  expect(unlisted.map(({ name }) => name)).toEqual([]);
});

test.for(firstChanges)(
  "%s leaves a snapshot the key as it was, whatever its form, before its turn and after it",
  (command) => {
    const forms: readonly (readonly string[])[] = [
      ["SET", "k", "17"],
      ["INCRBYFLOAT", "k", "1"],
      ["SETRANGE", "k", "0", "17"],
      ["SETRANGE", "k", "0", "v".repeat(1_000)],
    ];
    // Each form without a deadline and with one, under names of its own.
    const renamed = (words: readonly string[], at: number): string[] =>
      words.map((word) => (["k", "other", "new", "new2"].includes(word) ? `${word}${at}` : word));
    for (const chunksBefore of [0, 20]) {
      const replica = new Replica();
      for (const [at, form] of [...forms, ...forms].entries()) {
        const deadline = at < forms.length ? ["TTL", "k"] : ["PEXPIRE", "k", "5000"];
        replica.write(
          1,
          ...[form, deadline, ["SET", "other", "value", "PX", "5000"]].map((words) => renamed(words, at)),
        );
      }
      let chunks = 0;
      checkSnapshot(
        replica,
        () => 64,
        () => {
          if (chunks++ !== chunksBefore) return;
          replica.write(2, ...Array.from({ length: 2 * forms.length }, (_, at) => renamed(command.split(" "), at)));
        },
      );
      expect(chunks).toBeGreaterThan(30);
    }
  },
);

describe("FLUSHALL during a snapshot", () => {
  test.for([0, 1, 5, 20])("leaves it the old keys, after %i chunks", (chunksBefore) => {
    const names = Array.from({ length: 500 }, (_, at) => `k${at}`);
    const replica = filled(names);
    replica.write(1, ["PEXPIRE", "k1", "50"], ["APPEND", "k2", "more"]);
    const draw = drawFrom(chunksBefore);
    let chunks = 0;
    checkSnapshot(
      replica,
      () => 500,
      () => {
        const changes = Array.from({ length: 10 }, () => change(draw, names));
        if (chunks++ === chunksBefore) replica.write(2, ...changes, ["FLUSHALL"], ...changes);
        else if (chunks === chunksBefore + 4) replica.write(99, ["FLUSHDB"], ["SET", "k1", "again"]);
        else replica.write(2 + chunks, ...changes);
      },
    );
  });

  test("counts the old keys as held, and more than may be held abandons it", () => {
    const names = Array.from({ length: 100 }, (_, at) => `k${at}`);
    for (const [spareBytes, isAbandoned] of [
      [0, false],
      [-1, true],
    ] as const) {
      const replica = filled(names);
      const { logicalBytes } = replica.keyspace;
      const snapshot = replica.keyspace.beginSnapshot({ heldBytesMax: logicalBytes + spareBytes });
      snapshot.next(500);
      replica.write(2, ["FLUSHALL"], ["SET", "k1", "v"]);
      expect(snapshot.isAbandoned).toBe(isAbandoned);
      expect(snapshot.heldBytes).toBe(isAbandoned ? 0 : logicalBytes);
      expect(replica.run(["KEYS", "*"])).toEqual(["k1"]);
    }
  });
});

describe("the chunks of a snapshot", () => {
  test("are no larger than asked for, and full but for the last", () => {
    const replica = filled(
      Array.from({ length: 2_000 }, (_, at) => `k${at}`),
      50,
    );
    for (const bytesMax of [64, 1_000, 65_536]) {
      const sizes = [...chunksOf(replica.keyspace.beginSnapshot(unbounded), bytesMax)].map(({ length }) => length);
      for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThan(bytesMax - 34);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(bytesMax);
    }
  });

  test("spread a large value, which may be overwritten, extended or removed in the middle", () => {
    const bytes = 3_000_000;
    const before = "a".repeat(bytes);
    for (const last of [["SETRANGE", "k", "0", "b".repeat(bytes)], ["APPEND", "k", "b"], ["DEL", "k"], ["FLUSHALL"]]) {
      for (const make of [
        ["SET", "k", before],
        ["APPEND", "k", before],
      ]) {
        const replica = new Replica();
        replica.write(1, make, ["SETRANGE", "k", "5", make[0] === "SET" ? "" : "c"], ["SET", "other", "v"]);
        let chunks = 0;
        checkSnapshot(
          replica,
          () => 65_536,
          () => {
            if (++chunks === 20) replica.write(2, last);
            if (chunks % 7 === 0)
              replica.write(2, ["SETRANGE", "k", String(chunks * 60_000), "x"], ["APPEND", "k", "y"]);
          },
        );
        expect(chunks).toBeGreaterThan(45);
      }
    }
  });

  test("are empty now and then rather than late, where nearly all keys are new", () => {
    const replica = filled(["{tag}1", "{tag}2"]);
    const snapshot = replica.keyspace.beginSnapshot(unbounded);
    replica.write(2, ...Array.from({ length: 50_000 }, (_, at) => ["SET", `{tag}new${at}`, "v"]));
    const sizes = [...chunksOf(snapshot)].map(({ length }) => length);
    expect(sizes.length).toBeGreaterThan(10);
    expect(sizes).toContain(0);
  });
});
