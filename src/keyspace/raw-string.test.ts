import fc from "fast-check";
import { expect, test } from "vitest";
import { Replica } from "../../test/keyspace/replica.ts";
import { encodeReply } from "../resp/index.ts";
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

test("copies, and copies of copies, go their own ways", () => {
  const step = fc.record({
    which: fc.nat(30),
    offset: fc.nat(700),
    length: fc.nat(150),
    byte: fc.nat(255),
    action: fc.constantFrom("overwrite", "append", "append", "clone", "clone", "reply"),
  });
  fc.assert(
    fc.property(fc.nat(600), fc.array(step, { maxLength: 40 }), (length, steps) => {
      const strings = [
        { raw: new RawString("s".repeat(length), "embstr"), text: "s".repeat(length), encoding: "embstr" },
      ];
      for (const { which, offset, length: written, byte, action } of steps) {
        const each = strings[which % strings.length] as (typeof strings)[number];
        const at = action === "append" ? each.text.length : offset;
        if (action === "clone") {
          strings.push({ ...each, raw: each.raw.clone() });
        } else if (action === "reply") {
          each.raw.reply();
        } else {
          const text = String.fromCharCode(byte).repeat(written);
          each.raw.overwrite(at, text);
          each.text = each.text.padEnd(at, "\0").slice(0, at) + text + each.text.slice(at + written);
          each.encoding = "raw";
        }
      }
      expect(strings.map(({ raw }) => raw.text())).toEqual(strings.map(({ text }) => text));
      expect(strings.map(({ raw }) => raw.encoding)).toEqual(strings.map(({ encoding }) => encoding));
    }),
    { numRuns: 300 },
  );
});

test("copying a long string and appending to it copies none of its bytes", () => {
  const raw = new RawString("");
  raw.append("x".repeat(8 * 1024 * 1024));
  raw.append("y");
  // Were it copied each time, these would be 160 GiB.
  for (let count = 0; count < 20_000; count++) {
    raw.clone();
    raw.append("z");
  }
  // So would these, but for the first one.
  for (let count = 0; count < 20_000; count++) raw.overwrite(count, "z");
  expect(raw.text(raw.length - 2)).toBe("zz");
});

test("a long reply stays as the string was, and costs nothing before its bytes are overwritten", () => {
  const raw = new RawString("");
  const part = "x".repeat(4 * 1024 * 1024);
  raw.append(part);
  raw.append("y");
  const first = raw.reply(1, 20_000);
  const whole = raw.reply();
  // Were it copied each time, these would be 80 GiB.
  for (let count = 0; count < 20_000; count++) {
    raw.reply();
    raw.append("z");
  }
  raw.overwrite(0, "changed");
  expect(encodeReply(first, 2)).toBe(encodeReply("x".repeat(19_999), 2));
  expect(encodeReply(whole, 2) === encodeReply(`${part}y`, 2)).toBe(true);
  expect(raw.text(0, 8)).toBe("changedx");
  expect(raw.reply(2, 9)).toBe("angedxx");
});

test("a reply's end may lie behind the string's, and a part of a short string is a string", () => {
  expect(new RawString("abc").reply(1, 10)).toBe("bc");
  const raw = new RawString("x".repeat(50_000));
  expect(raw.reply(10, 60_000)).toBe("x".repeat(49_990));
  raw.append("y");
  expect(encodeReply(raw.reply(10, 60_000), 2)).toBe(encodeReply(`${"x".repeat(49_990)}y`, 2));
});

test("commands that read a long string and change its key do both", () => {
  const replica = new Replica();
  const text = "x".repeat(20_000);
  const read = (words: readonly string[]): string => encodeReply(replica.run(words, 1), 2);
  for (const key of ["a", "b", "c", "d"]) replica.write(1, ["APPEND", key, text], ["APPEND", key, "y"]);
  for (const words of [
    ["GETDEL", "a"],
    ["GETEX", "b", "PX", "500"],
    ["GETSET", "c", "new"],
    ["SET", "d", "new", "GET"],
  ]) {
    expect(read(words)).toBe(encodeReply(`${text}y`, 2));
  }
  expect(replica.run(["EXISTS", "a"])).toBe(0);
  expect(replica.run(["PTTL", "b"], 1)).toBe(500);
  expect(replica.run(["MGET", "c", "d"])).toEqual(["new", "new"]);
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
