import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MessageTooLargeError } from "./message-errors.ts";
import { createSplitter, type Framing, frame, type MessageSplitter } from "./message-splitter.ts";

const bytesMax = 20;
const framings: readonly Framing[] = ["lines", "lengthPrefixed"];

/** All that `splitter` has to say for now: messages, and the numbers of those that are too large. */
function drain(splitter: MessageSplitter): readonly (string | number)[] {
  const said: (string | number)[] = [];
  for (;;) {
    try {
      const message = splitter.next();
      if (message === undefined) return said;
      said.push(Buffer.from(message).toString());
    } catch (error) {
      if (!(error instanceof MessageTooLargeError)) throw error;
      expect(error.messageNumber).toBe(splitter.messageNumber);
      said.push(splitter.messageNumber);
    }
  }
}

function feed(
  framing: Framing,
  pieces: readonly Uint8Array[],
): { said: readonly (string | number)[]; unfinished: number } {
  const splitter = createSplitter(framing, bytesMax);
  const said = pieces.flatMap((piece) => {
    splitter.push(piece);
    return drain(splitter);
  });
  return { said, unfinished: splitter.unfinishedBytes };
}

const messages = fc.array(
  fc.oneof(fc.string({ maxLength: bytesMax }), fc.string({ minLength: bytesMax + 1, maxLength: 3 * bytesMax })),
  { maxLength: 6 },
);

describe.for(framings)("%s", (framing) => {
  const encode = (texts: readonly string[]): Buffer => Buffer.concat(texts.map((text) => frame(text, framing)));
  const expectedOf = (texts: readonly string[]): readonly (string | number)[] =>
    texts.map((text, at) => (Buffer.byteLength(text) > bytesMax ? at + 1 : text));

  test("cut at every byte, the same messages come", () => {
    const texts = ["{}", "", "0123456789", "x".repeat(bytesMax), "y".repeat(bytesMax + 1), "é", "z".repeat(500), "[1]"];
    const bytes = encode(texts);
    for (let at = 0; at <= bytes.length; at++) {
      const { said, unfinished } = feed(framing, [bytes.subarray(0, at), bytes.subarray(at)]);
      expect(said).toEqual(expectedOf(texts));
      expect(unfinished).toBe(0);
    }
  });

  test("byte by byte, the same messages come", () => {
    const texts = ["{}", "", "x".repeat(bytesMax), "y".repeat(200), "[1]"];
    const pieces = [...encode(texts)].map((byte) => Uint8Array.of(byte));
    expect(feed(framing, pieces)).toEqual({ said: expectedOf(texts), unfinished: 0 });
  });

  test("however they are cut", () => {
    fc.assert(
      fc.property(messages, fc.array(fc.nat(), { maxLength: 10 }), (texts, cuts) => {
        const clean = texts.map((text) => text.replaceAll("\n", " "));
        const bytes = encode(clean);
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const pieces = places.slice(1).map((place, at) => bytes.subarray(places[at], place));
        expect(feed(framing, pieces)).toEqual({ said: expectedOf(clean), unfinished: 0 });
      }),
    );
  });

  test("what is cut off is counted, wherever it is", () => {
    const bytes = encode(["first", "second"]);
    const whole = encode(["first"]).length;
    for (let at = 0; at < bytes.length; at++) {
      const splitter = createSplitter(framing, bytesMax);
      splitter.push(bytes.subarray(0, at));
      drain(splitter);
      expect(splitter.unfinishedBytes).toBe(at < whole ? at : at - whole);
      expect(splitter.messageNumber).toBe(at === 0 ? 0 : at <= whole ? 1 : 2);
    }
  });
});

test("a line that never ends is refused as soon as it is too long, once, and takes no memory", () => {
  const splitter = createSplitter("lines", bytesMax);
  const piece = new Uint8Array(1_000).fill(0x78);
  splitter.push(piece);
  expect(drain(splitter)).toEqual([1]);
  for (let count = 0; count < 100; count++) {
    splitter.push(piece);
    expect(drain(splitter)).toEqual([]);
  }
  expect(splitter.unfinishedBytes).toBe(101_000);
  splitter.push(Buffer.from("x\n2\n"));
  expect(drain(splitter)).toEqual(["2"]);
  expect(splitter.messageNumber).toBe(2);
});

test("a length of 4 GiB is refused at once, and nothing is set aside for it", () => {
  const splitter = createSplitter("lengthPrefixed", bytesMax);
  const before = process.memoryUsage().arrayBuffers;
  splitter.push(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3));
  expect(drain(splitter)).toEqual([1]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  expect(splitter.unfinishedBytes).toBe(7);
});

test("a message of very many pieces comes whole", () => {
  const splitter = createSplitter("lines", 1 << 20);
  for (let count = 0; count < 100_000; count++) {
    splitter.push(Uint8Array.of(0x78));
    splitter.next();
  }
  expect(splitter.unfinishedBytes).toBe(100_000);
  splitter.push(Uint8Array.of(0x0a));
  expect(splitter.next()?.length).toBe(100_000);
});
