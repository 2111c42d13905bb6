import fc from "fast-check";
import { expect, test } from "vitest";
import { RawString, stringBytesMax } from "./raw-string.ts";

test("parts are written and read as in a plain string, across the size where the form changes", () => {
  const write = fc.record({ offset: fc.nat(400), length: fc.nat(150), byte: fc.nat(255), isAppended: fc.boolean() });
  fc.assert(
    fc.property(
      fc.string({ maxLength: 300 }),
      fc.array(write, { maxLength: 12 }),
      fc.nat(600),
      fc.nat(600),
      (start, writes, from, to) => {
        const first = Buffer.from(start, "utf8").latin1Slice();
        const raw = new RawString(first);
        let model = first;
        for (const { offset, length, byte, isAppended } of writes) {
          const text = String.fromCharCode(byte).repeat(length);
          const at = isAppended ? model.length : offset;
          if (isAppended) raw.append(text);
          else raw.overwrite(offset, text);
          model = model.padEnd(at, "\0").slice(0, at) + text + model.slice(at + length);
          expect(raw.length).toBe(model.length);
        }
        expect(raw.text()).toBe(model);
        expect(raw.text(Math.min(from, to), Math.max(from, to))).toBe(
          model.slice(Math.min(from, to), Math.max(from, to)),
        );
        const copy = raw.clone();
        raw.append("x");
        if (model.length > 0) raw.overwrite(0, "\x01");
        expect(copy.text()).toBe(model);
      },
    ),
  );
});

test("appending bit by bit costs what is appended", () => {
  const raw = new RawString("");
  for (let count = 0; count < 100_000; count++) raw.append("0123456789");
  expect(raw.length).toBe(1_000_000);
  expect(raw.text(999_995)).toBe("56789");
});

test("a length beyond the limit is a bug of the caller", () => {
  expect(() => new RawString("x").overwrite(stringBytesMax, "x")).toThrow("stringBytesMax");
});
