import fc from "fast-check";
import { expect, test } from "vitest";
import { crc16, hashSlot, hashSlotOfText, slotCount } from "./hash-slot.ts";

test("the checksum is CRC-16/XMODEM", () => {
  expect(crc16(Buffer.from("123456789"))).toBe(0x31c3);
});

test.for([
  { key: "", slot: 0 },
  { key: "foo", slot: 12182 },
  { key: "bar", slot: 5061 },
  { key: "hello", slot: 866 },
  { key: "somekey", slot: 11058 },
  { key: "foo{hash_tag}", slot: 2515 },
  { key: "bar{hash_tag}", slot: 2515 },
  { key: "foo{}{bar}", slot: 8363 },
  { key: "foo{{bar}}zap", slot: 4015 },
  { key: "foo{bar}{zap}", slot: 5061 },
  { key: "}{", slot: 12793 },
  { key: "{}", slot: 15257 },
])("the slot of $key is $slot", ({ key, slot }) => {
  expect(hashSlot(Buffer.from(key, "latin1"))).toBe(slot);
  expect(hashSlotOfText(key)).toBe(slot);
});

test.for([
  { name: "the first tag counts", key: "a{b}{c}", same: "b" },
  { name: "the first closing brace ends the tag", key: "a{{b}}c", same: "{b" },
  { name: "an empty tag is no tag, nor is a later one", key: "a{}{b}", differs: "b" },
  { name: "an open brace alone is no tag", key: "a{b", differs: "b" },
  { name: "a closing brace before the open one is not its end", key: "}{b}", same: "b" },
])("$name", ({ key, same, differs }) => {
  if (same !== undefined) expect(hashSlotOfText(key)).toBe(hashSlotOfText(same));
  if (differs !== undefined) expect(hashSlotOfText(key)).not.toBe(hashSlotOfText(differs));
});

test("bytes anywhere in a buffer and byte strings have the same slot", () => {
  const piece = fc.oneof(fc.constantFrom("{", "}"), fc.string({ unit: "binary", maxLength: 3 }));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const key = Buffer.from(pieces.join(""), "utf8");
      const around = Buffer.concat([Buffer.from("{x"), key, Buffer.from("}y")]);
      const slot = hashSlot(around, 2, 2 + key.length);
      expect(slot).toBe(hashSlotOfText(key.toString("latin1")));
      expect(slot).toBeLessThan(slotCount);
    }),
  );
});
