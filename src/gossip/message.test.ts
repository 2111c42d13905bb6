import fc from "fast-check";
import { expect, test } from "vitest";
import type { MemberDetails } from "./member.ts";
import { decodeMessage, encodeMessage, type Message } from "./message.ts";
import { encodeUpdate } from "./rumours.ts";
import { incarnationMax, type Update } from "./update.ts";

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat());
const incarnation = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: incarnationMax }));
const shortText = fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => Buffer.byteLength(text) <= 64);
const address = fc.record({
  host: fc.constantFrom("10.0.0.1", "::1", "node-1.example.com", "h".repeat(64)),
  port: fc.integer({ min: 1, max: 65_535 }),
});
const details: fc.Arbitrary<MemberDetails> = fc.record({
  name: shortText,
  zone: shortText,
  weight: fc.integer({ min: 1, max: 10_000 }),
  address,
  addresses: fc.array(
    fc
      .record({ use: fc.constantFrom("peer", "redis", "u".repeat(16)) })
      .chain(({ use }) => address.map((where) => ({ use, ...where }))),
    { maxLength: 6 },
  ),
});
const update: fc.Arbitrary<Update> = fc.oneof(
  fc.record({ kind: fc.constant("alive" as const), id: whole, incarnation, details }),
  fc.record({ kind: fc.constantFrom("suspect" as const, "dead" as const), id: whole, incarnation, by: whole }),
  fc
    .record({ id: whole, incarnation })
    .map(({ id, incarnation }) => ({ kind: "left" as const, id, incarnation, by: id })),
  fc.record({ kind: fc.constant("leader" as const), shard: fc.nat(65_535), term: whole, leader: whole }),
);
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("ping" as const, "pingRequest" as const),
    from: whole,
    to: whole,
    sequence: uint32,
  }),
  fc.record({ kind: fc.constantFrom("ack" as const, "nack" as const), from: whole, sequence: uint32 }),
  fc.record({ kind: fc.constant("news" as const), from: whole }),
  fc.record({ kind: fc.constant("sync" as const), from: whole, digest: uint32, isReturn: fc.boolean() }),
);

test("what is written is read again", () => {
  fc.assert(
    fc.property(message, fc.array(update, { maxLength: 5 }), (sent, updates) => {
      expect(decodeMessage(encodeMessage(sent, updates.map(encodeUpdate)))).toEqual({ message: sent, updates });
    }),
  );
});

test("whatever bytes come, and wherever a message is cut or changed, it is a message or none, and nothing is thrown", () => {
  const isSmall = (received: ReturnType<typeof decodeMessage>): boolean =>
    received === undefined || received.updates.length <= 512;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => isSmall(decodeMessage(Buffer.from(bytes)))),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(
      message,
      fc.array(update, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.nat(255),
      (sent, updates, at, to) => {
        const bytes = encodeMessage(sent, updates.map(encodeUpdate));
        const cut = bytes.subarray(0, at % bytes.length);
        const changed = Buffer.from(bytes);
        changed[at % bytes.length] = to;
        return isSmall(decodeMessage(cut)) && isSmall(decodeMessage(changed));
      },
    ),
  );
});

test("the largest that a member can say of itself fits into a datagram beside another such", () => {
  const where = { host: "h".repeat(64), port: 65_535 };
  const largest: Update = {
    kind: "alive",
    id: Number.MAX_SAFE_INTEGER,
    incarnation: incarnationMax,
    details: {
      name: "n".repeat(64),
      zone: "z".repeat(64),
      weight: 10_000,
      address: where,
      addresses: Array.from({ length: 6 }, () => ({ use: "u".repeat(16), ...where })),
    },
  };
  expect(encodeUpdate(largest).length).toBeLessThan(1_400 - 25 - 40);
});

test.for<{ name: string; update: Update }>([
  { name: "that somebody else has left", update: { kind: "left", id: 1, incarnation: 1, by: 2 } },
  {
    name: "an incarnation that cannot be topped",
    update: { kind: "dead", id: 1, incarnation: incarnationMax + 1, by: 2 },
  },
  { name: "a shard beyond all shards", update: { kind: "leader", shard: 65_536, term: 1, leader: 1 } },
  {
    name: "a member at port 0",
    update: {
      kind: "alive",
      id: 1,
      incarnation: 1,
      details: { name: "", zone: "", weight: 1, address: { host: "h", port: 0 }, addresses: [] },
    },
  },
])("is no news: $name", ({ update: wrong }) => {
  expect(decodeMessage(encodeMessage({ kind: "news", from: 1 }, [encodeUpdate(wrong)]))).toBeUndefined();
});
