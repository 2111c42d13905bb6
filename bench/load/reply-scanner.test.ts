import fc from "fast-check";
import { expect, test } from "vitest";
import { ReplyScanner } from "./reply-scanner.ts";

const replies = fc.array(
  fc.oneof(
    fc.constant("+OK\r\n"),
    fc.constant("$-1\r\n"),
    fc.constant("-ERR no\r\n"),
    fc.integer({ min: -5, max: 1_000_000 }).map((value) => `:${value}\r\n`),
    fc.string({ unit: "binary-ascii", maxLength: 80 }).map((body) => `$${body.length}\r\n${body}\r\n`),
  ),
);

test("any split of any replies counts the same", () => {
  fc.assert(
    fc.property(replies, fc.array(fc.nat({ max: 200 })), (texts, cuts) => {
      const bytes = Buffer.from(texts.join(""), "latin1");
      const scanner = new ReplyScanner();
      let from = 0;
      for (const cut of [...cuts.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
        const chunk = bytes.subarray(from, Math.max(from, cut));
        scanner.scan(chunk, chunk.length);
        from = Math.max(from, cut);
      }
      expect(scanner.replyCount).toBe(texts.length);
      expect(scanner.errorCount).toBe(texts.filter((text) => text.startsWith("-")).length);
      expect(scanner.nullCount).toBe(texts.filter((text) => text === "$-1\r\n").length);
      const lastInteger = texts.findLast((text) => text.startsWith(":"));
      expect(scanner.lastInteger).toBe(lastInteger === undefined ? 0 : Number(lastInteger.slice(1)));
    }),
  );
});

test("an unfinished reply does not count yet", () => {
  const scanner = new ReplyScanner();
  const chunk = Buffer.from("+OK\r\n$3\r\nabc\r");
  scanner.scan(chunk, chunk.length);
  expect(scanner.replyCount).toBe(1);
});

test("the first error is kept as text", () => {
  const scanner = new ReplyScanner();
  const chunk = Buffer.from("-OOM too much\r\n-ERR other\r\n");
  scanner.scan(chunk, chunk.length);
  expect(scanner.firstError).toBe("OOM too much");
});

test("a type that SET, GET and WAIT never answer is refused", () => {
  const chunk = Buffer.from("*1\r\n");
  expect(() => new ReplyScanner().scan(chunk, chunk.length)).toThrow("begins no reply");
});
