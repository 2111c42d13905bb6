import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteReader } from "../../net/index.ts";
import { Arguments } from "../../resp/index.ts";
import { CommandBuffer } from "./command-buffer.ts";
import { openWords, packedBytes, packWords, readWords, wordsBytes } from "./words.ts";

const words = fc.array(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  {
    minLength: 1,
    maxLength: 30,
  },
);

test("packed words come back, whether from memory or from a message", () => {
  fc.assert(
    fc.property(words, (texts) => {
      const args = Arguments.of(texts);
      const packed = packWords(args);
      expect(packed.length).toBe(packedBytes(args));
      expect(wordsBytes(args)).toBe(texts.join("").length);
      const opened = new Arguments();
      openWords(Buffer.concat([Buffer.alloc(3), packed]), 3, opened);
      expect(opened.texts()).toEqual(texts);
      const input = new ByteReader();
      input.open(packed, 0, packed.length);
      expect(readWords(input, opened)).toBe(true);
      expect(opened.texts()).toEqual(texts);
      expect(input.isWhole()).toBe(true);
    }),
  );
});

test("words that are cut short, or none, are not read", () => {
  fc.assert(
    fc.property(words, fc.nat(), (texts, where) => {
      const packed = packWords(Arguments.of(texts));
      const input = new ByteReader();
      input.open(packed, 0, where % packed.length);
      expect(readWords(input, new Arguments())).toBe(false);
    }),
  );
  const input = new ByteReader();
  input.open(Buffer.alloc(4), 0, 4);
  expect(readWords(input, new Arguments())).toBe(false);
  input.open(Buffer.from([0xff, 0xff, 0xff, 0x7f]), 0, 4);
  expect(readWords(input, new Arguments())).toBe(false);
});

test("a buffer of commands keeps each until it is cleared", () => {
  fc.assert(
    fc.property(fc.array(words, { maxLength: 50 }), (commands) => {
      const buffer = new CommandBuffer();
      for (let round = 0; round < 2; round++) {
        const places = commands.map((texts) => buffer.add(Arguments.of(texts)));
        const args = new Arguments();
        for (const [each, texts] of commands.entries()) {
          buffer.open(places[each] as number, args);
          expect(args.texts()).toEqual(texts);
        }
        buffer.clear();
        expect(buffer.byteLength).toBe(0);
      }
    }),
  );
});
