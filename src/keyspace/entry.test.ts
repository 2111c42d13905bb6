import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Arguments } from "../resp/index.ts";
import { EntryFormatError, EntryReader, EntryUnknownError, EntryWriter, entryHeaderBytes } from "./entry.ts";

const header = { timeMs: 0x0102_0304_0506, seedLow: 0x0a0b_0c0d, seedHigh: 0xfffe_fdfc };

function written(commands: readonly (readonly string[])[]): Uint8Array {
  const writer = new EntryWriter();
  writer.begin();
  for (const words of commands) writer.add(Arguments.of(words));
  return writer.finish(header);
}

function read(data: Uint8Array): string[][] {
  const reader = new EntryReader();
  const args = new Arguments();
  const commands: string[][] = [];
  reader.open(data);
  while (reader.next(args)) commands.push(args.texts());
  return commands;
}

/** The header for `commandCount` commands and then these bytes. */
function forged(commandCount: number, ...bytes: number[]): Uint8Array {
  const data = Buffer.alloc(entryHeaderBytes + bytes.length);
  data[0] = 1;
  data.writeUInt32LE(commandCount, 16);
  data.set(bytes, entryHeaderBytes);
  return data;
}

test("the layout is the one that was fixed for good", () => {
  expect(Buffer.from(written([["set", "k", "\xff"], ["PING"]])).toString("hex")).toBe(
    "01" + // Format.
      "00" + // Reserved.
      "060504030201" + // Time.
      "0d0c0b0a" + // Seed, low half.
      "fcfdfeff" + // Seed, high half.
      "02000000" + // Commands.
      "0003" + // Kind, words.
      "03534554" +
      "016b" +
      "01ff" +
      "0001" +
      "0450494e47",
  );
});

test("the header comes back as it was written", () => {
  const reader = new EntryReader();
  reader.open(written([["A"], ["B"]]));
  expect(reader).toMatchObject({ ...header, commandCount: 2, isEmpty: false });
});

test("empty data is Raft's own entry, and says nothing", () => {
  const reader = new EntryReader();
  reader.open(written([["A"]]));
  reader.open(new Uint8Array(0));
  expect(reader).toMatchObject({ isEmpty: true, timeMs: 0, seedLow: 0, seedHigh: 0, commandCount: 0 });
  expect(reader.next(new Arguments())).toBe(false);
});

test("an entry without commands is one that advances the clock", () => {
  expect(written([])).toHaveLength(entryHeaderBytes);
  expect(read(written([]))).toEqual([]);
});

test("whatever is written is read again, the name in upper case", () => {
  const word = fc
    .oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(200_000).map((length) => new Uint8Array(length).fill(length)),
    )
    .map((bytes) => Buffer.from(bytes).latin1Slice());
  const command = fc.tuple(fc.string({ unit: "grapheme-ascii", maxLength: 12 }), fc.array(word, { maxLength: 5 }));
  fc.assert(
    fc.property(fc.array(command, { maxLength: 20 }), (commands) => {
      const expected = commands.map(([name, words]) => [name.toUpperCase(), ...words]);
      expect(read(written(commands.map(([name, words]) => [name, ...words])))).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test("a command of many words, and words of each length that takes another byte to say", () => {
  const words = [
    ...Array.from({ length: 500 }, (_, at) => `w${at}`),
    ...[127, 128, 16_383, 16_384].map((n) => "x".repeat(n)),
  ];
  expect(read(written([["MSET", ...words]]))).toEqual([["MSET", ...words]]);
});

test("the writer can be used again, and what was not finished is dropped", () => {
  const writer = new EntryWriter();
  writer.begin();
  writer.add(Arguments.of(["SET", "large", "x".repeat(2_000_000)]));
  expect(writer.commandCount).toBe(1);
  expect(writer.byteLength).toBeGreaterThan(2_000_000);
  writer.begin();
  expect(writer.byteLength).toBe(entryHeaderBytes);
  writer.add(Arguments.of(["GET", "k"]));
  const entry = writer.finish(header);
  expect(entry).toHaveLength(writer.byteLength);
  writer.begin();
  writer.add(Arguments.of(["DEL", "k"]));
  expect(read(entry)).toEqual([["GET", "k"]]);
});

describe("bytes that are no entry", () => {
  test("any bytes give commands or a typed error, and words that lie within them", () => {
    const anyBytes = fc.uint8Array({ maxLength: 60 });
    const likely = fc
      .tuple(fc.nat(3), fc.array(fc.nat(255), { maxLength: 40 }))
      .map(([count, bytes]) => forged(count, ...bytes));
    fc.assert(
      fc.property(fc.oneof(anyBytes, likely), (data) => {
        try {
          for (const words of read(data)) expect(words.join("").length).toBeLessThanOrEqual(data.length);
        } catch (error) {
          expect(error instanceof EntryFormatError || error instanceof EntryUnknownError).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("an entry that is cut short anywhere, or goes on, is refused", () => {
    const data = written([
      ["SET", "key", "x".repeat(200)],
      ["DEL", "key"],
    ]);
    for (let length = 1; length < data.length; length++) {
      expect(() => read(data.subarray(0, length))).toThrow(EntryFormatError);
    }
    expect(() => read(Buffer.concat([data, Buffer.from([0])]))).toThrow(EntryFormatError);
  });

  test.for([
    { name: "no words", bytes: [0, 0] },
    { name: "more words than bytes", bytes: [0, 0xff, 0xff, 0xff, 0xff, 7] },
    { name: "a word longer than what is left", bytes: [0, 1, 2, 65] },
    { name: "a length above 2^31", bytes: [0, 1, 0xff, 0xff, 0xff, 0xff, 8] },
    { name: "a length of six bytes", bytes: [0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 1] },
    { name: "a length that is longer than it need be", bytes: [0, 1, 0x81, 0, 65] },
  ])("$name is damage", ({ bytes }) => {
    expect(() => read(forged(1, ...bytes))).toThrow(EntryFormatError);
  });

  test("another format or kind of command is a newer version's", () => {
    const data = Buffer.from(written([["A"]]));
    expect(() => read(Buffer.concat([Buffer.from([2]), data.subarray(1)]))).toThrow(EntryUnknownError);
    expect(() => read(Buffer.concat([Buffer.from([1, 1]), data.subarray(2)]))).toThrow(EntryUnknownError);
    expect(() => read(forged(1, 1, 1, 1, 65))).toThrow(EntryUnknownError);
  });
});
