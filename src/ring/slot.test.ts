import fc from "fast-check";
import { expect, test } from "vitest";
import { crc16, slotCount, slotOf, slotOfBytes } from "./slot.ts";

/** What `CLUSTER KEYSLOT` of Redis 7.0.15 says. */
const known: readonly { readonly key: string; readonly slot: number }[] = [
  { key: "foo", slot: 12182 },
  { key: "bar", slot: 5061 },
  { key: "{user1000}.following", slot: 3443 },
  { key: "{user1000}.followers", slot: 3443 },
  { key: "foo{}{bar}", slot: 8363 },
  { key: "foo{{bar}}zap", slot: 4015 },
  { key: "foo{bar}{zap}", slot: 5061 },
  { key: "", slot: 0 },
  { key: "}{", slot: 12793 },
  { key: "{", slot: 4092 },
  { key: "{}", slot: 15257 },
  { key: "key:000000012345", slot: 12533 },
  { key: "a}b{c}d", slot: 7365 },
];

test.for(known)("the slot of $key is $slot", ({ key, slot }) => {
  expect(slotOf(key)).toBe(slot);
  expect(slotOfBytes(Buffer.from(key, "latin1"))).toBe(slot);
});

test("the checksum is CRC-16/XMODEM", () => {
  expect(crc16(Buffer.from("123456789"))).toBe(0x31c3);
});

/** Bit by bit, with a hash tag found by a pattern. */
function slotPlainly(key: string): number {
  const tag = /^[^{]*\{([^}]+)\}/.exec(key)?.[1];
  let remainder = 0;
  for (const byte of Buffer.from(tag ?? key, "latin1")) {
    remainder ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) remainder = ((remainder << 1) ^ (remainder & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return remainder % slotCount;
}

test("bytes within a buffer, byte strings and the plain way agree", () => {
  const key = fc.oneof(
    fc.uint8Array({ maxLength: 30 }).map((value) => Buffer.from(value).toString("latin1")),
    fc.string({ unit: fc.constantFrom("{", "}", "a", "b"), maxLength: 10 }),
  );
  fc.assert(
    fc.property(key, key, (text, around) => {
      const bytes = Buffer.from(around + text + around, "latin1");
      expect(slotOf(text)).toBe(slotPlainly(text));
      expect(slotOfBytes(bytes, around.length, around.length + text.length)).toBe(slotPlainly(text));
    }),
    { numRuns: 1000 },
  );
});
