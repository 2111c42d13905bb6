import { bench, describe } from "vitest";
import { hashSlot, hashSlotOfText } from "./hash-slot.ts";

const keysPerRound = 1_000;
const keys = Array.from({ length: keysPerRound }, (_, index) => `key:${String(index).padStart(12, "0")}`);
const buffers = keys.map((key) => Buffer.from(key, "latin1"));

describe(`slots of ${keysPerRound} keys of 16 bytes`, () => {
  bench("from byte strings", () => {
    for (const key of keys) hashSlotOfText(key);
  });
  bench("from bytes", () => {
    for (const bytes of buffers) hashSlot(bytes);
  });
});
