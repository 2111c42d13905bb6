import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawFrom } from "../../test/keyspace/random-commands.ts";
import { chunksOf, loaded, Replica } from "../../test/keyspace/replica.ts";
import { CoterieError } from "../platform/index.ts";
import { Keyspace } from "./keyspace.ts";
import { KeyspaceStatistics } from "./keyspace-statistics.ts";
import { stringBytesMax } from "./raw-string.ts";
import { endItemBytes, snapshotHeaderBytes } from "./snapshot-format.ts";
import { KeyspaceLoader } from "./snapshot-loader.ts";

/** A state with all forms of values and deadlines. */
function sample(): Replica {
  const replica = new Replica();
  replica.write(
    1_700_000_000_000,
    ["MSET", "", "", "plain", "text", "\0\xff", "\r\n", "long", "l".repeat(300)],
    ["SET", "fading", "f", "PX", "1000"],
    ["SET", "late", "l", "PXAT", "9223372036854775807"],
    ["APPEND", "raw", "r"],
    ["INCRBYFLOAT", "embedded", "1"],
  );
  replica.write(1_700_000_000_500, ["PEXPIRE", "raw", "5"], ["SET", "plain", "again"]);
  return replica;
}

function streamOf({ keyspace }: Replica): Buffer {
  return Buffer.concat([...chunksOf(keyspace.beginSnapshot({ heldBytesMax: 0 }))]);
}

const stream = streamOf(sample());
const digest = sample().keyspace.checksum();

/** The items between the header and the end. */
function itemsOf(bytes: Buffer): Buffer[] {
  const items: Buffer[] = [];
  for (let at = snapshotHeaderBytes; bytes[at] !== 255; ) {
    const start = at;
    const hasDeadline = bytes[at + 1] === 1;
    at += 2;
    const numbers = [0, 0, 0].map(() => {
      let value = 0;
      for (let unit = 1; ; unit *= 128) {
        const byte = bytes[at++] as number;
        value += (byte % 128) * unit;
        if (byte < 128) return value;
      }
    });
    at += (hasDeadline ? 8 : 0) + (numbers[0] as number) + (numbers[1] as number);
    items.push(bytes.subarray(start, at));
  }
  return items;
}

const header = stream.subarray(0, snapshotHeaderBytes);
const items = itemsOf(stream);
const end = stream.subarray(-endItemBytes);

/** The code of the error that loading ends with, or "loaded". Any other error than ours is thrown on. */
function outcomeOf(bytes: Buffer, chunkBytes = bytes.length): string {
  try {
    loaded(cut(bytes, chunkBytes));
    return "loaded";
  } catch (error) {
    if (error instanceof CoterieError) return error.code;
    throw error;
  }
}

function* cut(bytes: Buffer, chunkBytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += Math.max(chunkBytes, 1)) yield bytes.subarray(at, at + chunkBytes);
}

function changed(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

/** A header with other content and a checksum that fits. */
function headerWith(change: (bytes: Buffer) => void): Buffer {
  return changed(header, (bytes) => {
    change(bytes);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 32)), 32);
  });
}

describe("a snapshot is loaded", () => {
  test("from chunks cut anywhere", () => {
    for (let chunkBytes = 1; chunkBytes < 100; chunkBytes++) {
      expect(loaded(cut(stream, chunkBytes)).checksum()).toBe(digest);
    }
    for (let at = 0; at <= stream.length; at++) {
      expect(loaded([stream.subarray(0, at), stream.subarray(at)]).checksum()).toBe(digest);
    }
  });

  test("from memory that is reused at once, of any kind, and from empty chunks", () => {
    const loader = new KeyspaceLoader();
    const shared = new Uint8Array(7);
    for (const chunk of cut(stream, 7)) {
      shared.set(chunk);
      loader.feed(shared.subarray(0, chunk.length));
      shared.fill(0xee);
      loader.feed(new Uint8Array(0));
    }
    expect(loader.digest).toBe(digest);
    expect(loader.keyCount).toBe(8);
    const keyspace = loader.finish();
    expect(keyspace.checksum()).toBe(digest);
    expect(keyspace.logicalBytes).toBe(sample().keyspace.logicalBytes);
    expect(keyspace.header()).toEqual(sample().keyspace.header());
  });

  test("into a keyspace with the options that were given", () => {
    const statistics = new KeyspaceStatistics();
    const loader = new KeyspaceLoader({ statistics, semanticsLevelMax: 1 });
    loader.feed(stream);
    expect(loader.finish().statistics).toBe(statistics);
  });

  test("into the same bytes again", () => {
    expect(streamOf(new Replica(loaded([stream])))).toEqual(stream);
    expect(Buffer.concat([header, ...items, end])).toEqual(stream);
  });

  test("from the bytes that format 1 has always had", () => {
    const replica = new Replica();
    replica.write(
      1_700_000_000_000,
      ["SET", "a", "1"],
      ["SET", "b", "2", "PXAT", "1700000001000"],
      ["APPEND", "c", "3"],
    );
    const bytes = streamOf(replica);
    expect(bytes.toString("hex").match(/.{1,64}/g)).toMatchInlineSnapshot(`
      [
        "8f435452530d0a1a0100000001000000000000000068e5cf8b01000001000000",
        "e7577aae0101010101e86be5cf8b010000623201000101016333010001010161",
        "31ff000300000000000000060100000000000022ff1746866437ef814732ac3b",
        "f9a0fd",
      ]
    `);
    expect(loaded([bytes]).checksum()).toBe(replica.keyspace.checksum());
  });
});

/** A session as it stands in a snapshot. */
const sessionText = "*5\r\n$1\r\na\r\n:1000\r\n:0\r\n:0\r\n*0\r\n";
const sessionItem = Buffer.concat([Buffer.of(64, 0, sessionText.length, 0, 0, 0), Buffer.from(sessionText)]);

describe("what is no whole, true snapshot is refused", () => {
  test("cut short anywhere [N-3]", () => {
    for (let length = 0; length < stream.length; length++) {
      expect(outcomeOf(stream.subarray(0, length))).toBe("SNAPSHOT_FORMAT");
    }
  });

  test("with any bit changed, in one chunk or in many [N-3]", () => {
    const outcomes = new Set<string>();
    for (let bit = 0; bit < 8 * stream.length; bit++) {
      const damaged = changed(stream, (bytes) => {
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      });
      const outcome = outcomeOf(damaged, 1 + (bit % 50));
      if (outcome === "loaded") expect.fail(`bit ${bit} changed nothing`);
      outcomes.add(outcome);
    }
    expect([...outcomes].sort()).toEqual(["SNAPSHOT_DIGEST", "SNAPSHOT_FORMAT", "SNAPSHOT_UNKNOWN"]);
  });

  test.for<[string, string, Buffer]>([
    ["two keys swapped", "SNAPSHOT_FORMAT", Buffer.concat([header, ...swapped(items, 2), end])],
    ["keys backwards", "SNAPSHOT_FORMAT", Buffer.concat([header, ...items.toReversed(), end])],
    ["a key twice", "SNAPSHOT_FORMAT", Buffer.concat([header, items[0] as Buffer, ...items, end])],
    ["a key missing", "SNAPSHOT_DIGEST", Buffer.concat([header, ...items.slice(1), end])],
    ["no key", "SNAPSHOT_DIGEST", Buffer.concat([header, end])],
    ["bytes behind the end", "SNAPSHOT_FORMAT", Buffer.concat([stream, Buffer.of(0)])],
    ["two snapshots", "SNAPSHOT_FORMAT", Buffer.concat([stream, stream])],
    ["no header", "SNAPSHOT_FORMAT", Buffer.concat([...items, end])],
    ["two headers", "SNAPSHOT_UNKNOWN", Buffer.concat([header, stream])],
    ["another index", "SNAPSHOT_FORMAT", withHeader((bytes) => bytes.writeUInt32LE(1, 12))],
    ["an index above 2^53", "SNAPSHOT_FORMAT", withHeader((bytes) => bytes.writeUInt32LE(0x20_0000, 16))],
    ["another time", "SNAPSHOT_DIGEST", withHeader((bytes) => bytes.writeUInt32LE(1, 20))],
    ["no level", "SNAPSHOT_FORMAT", withHeader((bytes) => bytes.writeUInt32LE(0, 28))],
    ["a later level", "SEMANTICS_LEVEL_UNKNOWN", withHeader((bytes) => bytes.writeUInt32LE(1_000, 28))],
    ["a later format", "SNAPSHOT_UNKNOWN", withHeader((bytes) => bytes.writeUInt16LE(2, 8))],
    ["the first reserved bytes", "SNAPSHOT_UNKNOWN", withHeader((bytes) => bytes.writeUInt16LE(1, 10))],
    ["replicated settings", "SNAPSHOT_UNKNOWN", withItem(Buffer.of(65, 0, 1, 1, 1))],
    ["a later kind of session", "SNAPSHOT_UNKNOWN", withItem(Buffer.of(64, 1, 0, 0, 0, 0))],
    ["a session that is none", "SNAPSHOT_FORMAT", withItem(Buffer.of(64, 0, 1, 0, 0, 0, 0x61))],
    ["a session that is too long", "SNAPSHOT_FORMAT", withItem(Buffer.of(64, 0, 0, 0, 0, 0x80))],
    ["a session more", "SNAPSHOT_DIGEST", Buffer.concat([header, ...items, sessionItem, end])],
    ["a key behind a session", "SNAPSHOT_FORMAT", Buffer.concat([header, sessionItem, ...items, end])],
    ["another kind of key", "SNAPSHOT_UNKNOWN", withItem(Buffer.of(4, 0, 1, 1, 1, 0x61, 0x61))],
    ["another flag", "SNAPSHOT_UNKNOWN", withItem(Buffer.of(1, 2, 1, 1, 1, 0x61, 0x61))],
    ["kind 0", "SNAPSHOT_UNKNOWN", withItem(Buffer.of(0, 0, 1, 1, 1, 0x61, 0x61))],
    ["a revision of 0", "SNAPSHOT_FORMAT", withItem(Buffer.of(1, 0, 1, 1, 0, 0x61, 0x61))],
    ["a revision after the index", "SNAPSHOT_FORMAT", withItem(Buffer.of(1, 0, 1, 1, 3, 0x61, 0x61))],
    ["a number that is longer than need be", "SNAPSHOT_FORMAT", withItem(Buffer.of(1, 0, 0x81, 0, 1, 1, 0x61, 0x61))],
    ["a number above 2^53", "SNAPSHOT_FORMAT", withItem(Buffer.of(1, 0, ...Array(7).fill(0xff), 0x7f, 1, 1))],
    ["a number without end", "SNAPSHOT_FORMAT", withItem(Buffer.alloc(50, 0xff).fill(Buffer.of(1, 0), 0, 2))],
    ["a deadline above 2^63", "SNAPSHOT_FORMAT", withItem(Buffer.of(1, 1, 0, 0, 1, ...Array(8).fill(0xff)))],
  ])("with %s (%s) [N-3]", ([, code, bytes]) => {
    expect(outcomeOf(bytes)).toBe(code);
    expect(outcomeOf(bytes, 3)).toBe(code);
    expect(outcomeOf(bytes, 1)).toBe(code);
    // Not for want of an end.
    expect(() => loaded([bytes])).not.toThrow("cut short");
  });

  test("with an end of other numbers, though the digest fits", () => {
    for (const offset of [2, 10]) {
      const bytes = changed(stream, (copy) => {
        copy[stream.length - endItemBytes + offset] = (copy[stream.length - endItemBytes + offset] as number) + 1;
      });
      expect(outcomeOf(bytes)).toBe("SNAPSHOT_DIGEST");
    }
  });

  test("and a loader that has failed or finished makes no keyspace", () => {
    const loader = new KeyspaceLoader();
    expect(() => loader.feed(Buffer.concat([header, ...swapped(items, 2), end]))).toThrow("order");
    expect(() => loader.finish()).toThrow("failed before");
    expect(() => loader.feed(Buffer.alloc(0))).toThrow("failed before");
    const finished = new KeyspaceLoader();
    finished.feed(stream);
    expect(finished.finish()).toBeInstanceOf(Keyspace);
    expect(() => finished.finish()).toThrow("taken");
  });
});

describe("lengths are not believed", () => {
  test.for([
    ["a key", [1, 0, ...varintOf(stringBytesMax), 1, 1]],
    ["a value", [1, 0, 1, ...varintOf(stringBytesMax), 1, 0x61]],
  ] as const)("%s of half a gigabyte that does not come takes no memory", ([, head]) => {
    const before = process.memoryUsage();
    const loaders = Array.from({ length: 50 }, () => {
      const loader = new KeyspaceLoader();
      for (const chunk of cut(withItem(Buffer.from([...head, ...Array<number>(100_000).fill(7)])), 10_000)) {
        loader.feed(chunk);
      }
      expect(() => loader.finish()).toThrow("cut short");
      return loader;
    });
    const grownBytes = process.memoryUsage().arrayBuffers - before.arrayBuffers;
    expect(grownBytes / loaders.length).toBeLessThan(1_000_000);
  });

  test.for([
    ["a key", [1, 0, ...varintOf(stringBytesMax + 1), 1, 1]],
    ["a value", [3, 0, 1, ...varintOf(2 ** 52), 1, 0x61]],
  ] as const)("%s longer than any string may be is refused at once", ([, head]) => {
    const loader = new KeyspaceLoader();
    expect(() => loader.feed(withItem(Buffer.from(head)))).toThrow("bytes");
  });

  test("a large value may come in as many chunks as it likes", () => {
    const replica = new Replica();
    replica.write(1, ["SET", "k".repeat(200_000), "v".repeat(5_000_000)], ["APPEND", "raw", "w".repeat(3_000_000)]);
    const bytes = streamOf(replica);
    for (const chunkBytes of [1_001, 65_536, 4_000_000]) {
      expect(loaded(cut(bytes, chunkBytes)).checksum()).toBe(replica.keyspace.checksum());
    }
  });
});

test("any bytes, and any snapshot with parts lost, doubled, moved or overwritten, give a typed error or the state itself", () => {
  const damage = fc.record({
    kind: fc.constantFrom("lose", "double", "move", "overwrite", "insert"),
    at: fc.nat(stream.length),
    length: fc.integer({ min: 1, max: 60 }),
    to: fc.nat(stream.length),
    bytes: fc.uint8Array({ maxLength: 12 }),
  });
  fc.assert(
    fc.property(
      fc.array(damage, { maxLength: 3 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 700 }),
      (damages, isFixed, chunkBytes) => {
        let bytes: Buffer = Buffer.from(stream);
        for (const { kind, at, length, to, bytes: other } of damages) {
          const part = bytes.subarray(at, at + length);
          const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at + length)];
          const rest = Buffer.concat([before, behind]);
          if (kind === "lose") bytes = rest;
          else if (kind === "double") bytes = Buffer.concat([before, part, part, behind]);
          else if (kind === "move") bytes = Buffer.concat([rest.subarray(0, to), part, rest.subarray(to)]);
          else if (kind === "overwrite") bytes = Buffer.concat([before, other, bytes.subarray(at + other.length)]);
          else bytes = Buffer.concat([before, other, bytes.subarray(at)]);
        }
        // So that what comes behind a damaged header is reached as well.
        if (isFixed && bytes.length >= snapshotHeaderBytes) bytes.writeUInt32LE(crc32(bytes.subarray(0, 32)), 32);
        const outcome = outcomeOf(bytes, chunkBytes);
        if (outcome === "loaded") expect(loaded([bytes]).checksum()).toBe(digest);
      },
    ),
    { numRuns: 1_200 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, chunkBytes) => {
      expect(outcomeOf(Buffer.concat([header, bytes]), chunkBytes)).not.toBe("loaded");
      expect(outcomeOf(Buffer.from(bytes), chunkBytes)).not.toBe("loaded");
    }),
    { numRuns: 500 },
  );
});

test("what is loaded goes on as the original does", () => {
  const draw = drawFrom(7);
  const original = sample();
  const copy = new Replica(loaded(cut(stream, 11)));
  for (let timeMs = 1_700_000_000_500; timeMs < 1_700_000_003_000; timeMs += 100) {
    const name = ["plain", "raw", "fading", "late", "embedded"][draw(5)] as string;
    const commands = [
      ["APPEND", name, "x"],
      ["INCRBYFLOAT", "embedded", "1.5"],
      ["PTTL", name],
      ["OBJECT", "ENCODING", name],
    ];
    expect(copy.write(timeMs, ...commands)).toEqual(original.write(timeMs, ...commands));
    expect(copy.keyspace.checksum()).toBe(original.keyspace.checksum());
  }
});

function swapped(from: readonly Buffer[], at: number): Buffer[] {
  return [...from.slice(0, at), from[at + 1] as Buffer, from[at] as Buffer, ...from.slice(at + 2)];
}

function withHeader(change: (bytes: Buffer) => void): Buffer {
  return Buffer.concat([headerWith(change), ...items, end]);
}

function withItem(item: Buffer): Buffer {
  return Buffer.concat([header, item]);
}

function varintOf(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varintOf(Math.floor(value / 128))];
}
