import fc from "fast-check";
import { expect, test } from "vitest";
import { findInvalidUtf8 } from "./utf8.ts";

test.for([
  { bytes: [0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80], offset: undefined },
  { bytes: [0xf4, 0x8f, 0xbf, 0xbf], offset: undefined },
  { bytes: [0x61, 0xff], offset: 1 },
  { bytes: [0x61, 0x80], offset: 1 },
  { bytes: [0xc3], offset: 0 },
  { bytes: [0x61, 0xe2, 0x82], offset: 1 },
  { bytes: [0xc0, 0x80], offset: 0 },
  { bytes: [0xe0, 0x80, 0x80], offset: 0 },
  { bytes: [0xed, 0xa0, 0x80], offset: 0 },
  { bytes: [0xf4, 0x90, 0x80, 0x80], offset: 0 },
  { bytes: [0xf5, 0x80, 0x80, 0x80], offset: 0 },
  { bytes: [0xc3, 0x61], offset: 0 },
])("$bytes: $offset", ({ bytes, offset }) => {
  expect(findInvalidUtf8(Uint8Array.from(bytes))).toBe(offset);
});

test("the decoder agrees, and takes what stands before the offset", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const isUtf8 = (bytes: Uint8Array): boolean => {
    try {
      decoder.decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  const byte = fc.oneof(
    fc.integer({ min: 0x7f, max: 0xff }),
    fc.constantFrom(0x61, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xf0),
  );
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 8 }), (values) => {
      const bytes = Uint8Array.from(values);
      const offset = findInvalidUtf8(bytes);
      expect(offset === undefined).toBe(isUtf8(bytes));
      expect(isUtf8(bytes.subarray(0, offset))).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});
