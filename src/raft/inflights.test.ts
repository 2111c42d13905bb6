import fc from "fast-check";
import { expect, test } from "vitest";
import { Inflights } from "./inflights.ts";

const unlimited = Number.POSITIVE_INFINITY;

test("the window is full at its number of messages and free again once the oldest is acknowledged", () => {
  const inflights = new Inflights({ messagesMax: 3, bytesMax: unlimited });
  for (const index of [5, 7, 9]) inflights.add(index, 10);
  expect(inflights.isFull).toBe(true);
  inflights.freeUpTo(4);
  expect(inflights.count).toBe(3);
  inflights.freeUpTo(8);
  expect(inflights.count).toBe(1);
  expect(inflights.isFull).toBe(false);
});

test("the window is full once its bytes are reached; the message that exceeds them still goes", () => {
  const inflights = new Inflights({ messagesMax: 100, bytesMax: 25 });
  inflights.add(1, 20);
  expect(inflights.isFull).toBe(false);
  inflights.add(2, 100);
  expect(inflights.isFull).toBe(true);
  inflights.freeUpTo(2);
  expect(inflights.isFull).toBe(false);
});

test("nothing is added to a full window", () => {
  const inflights = new Inflights({ messagesMax: 1, bytesMax: unlimited });
  inflights.add(1, 0);
  expect(() => inflights.add(2, 0)).toThrow("full window");
});

test("any sequence of sends, acknowledgements and resets does what a plain list does", () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("add" as const), bytes: fc.nat(40) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("free" as const), back: fc.nat(12) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const limits = { messagesMax: 30, bytesMax: 400 };
      const inflights = new Inflights(limits);
      let model: { index: number; bytes: number }[] = [];
      let lastIndex = 0;
      for (const one of steps) {
        const isFull = model.length >= 30 || model.reduce((sum, { bytes }) => sum + bytes, 0) >= 400;
        expect(inflights.isFull).toBe(isFull);
        expect(inflights.count).toBe(model.length);
        if (one.kind === "add" && !isFull) {
          lastIndex += 1 + (one.bytes % 3);
          inflights.add(lastIndex, one.bytes);
          model.push({ index: lastIndex, bytes: one.bytes });
        } else if (one.kind === "free") {
          inflights.freeUpTo(lastIndex - one.back);
          model = model.filter(({ index }) => index > lastIndex - one.back);
        } else if (one.kind === "reset") {
          inflights.reset();
          model = [];
        }
      }
    }),
  );
});
