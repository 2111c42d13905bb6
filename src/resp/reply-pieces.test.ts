import fc from "fast-check";
import { expect, test } from "vitest";
import { replies } from "../../test/resp/replies.ts";
import { encodeReply } from "./encode.ts";
import { BytesReply, noReply, RawReply, type Reply } from "./reply.ts";
import { ReplyPieces, replyBytes } from "./reply-pieces.ts";

function piecesOf(reply: Reply, protocol: 2 | 3, pieceBytes: number): string[] {
  const pieces = new ReplyPieces(reply, protocol, pieceBytes);
  const texts: string[] = [];
  for (let text = pieces.next(); text !== undefined; text = pieces.next()) texts.push(text);
  expect(pieces.next()).toBe(undefined);
  return texts;
}

test("the pieces of any reply are its text, each of the size that was asked for", () => {
  fc.assert(
    fc.property(replies, fc.constantFrom(2, 3), fc.integer({ min: 1, max: 40 }), (reply, protocol, pieceBytes) => {
      const texts = piecesOf(reply, protocol, pieceBytes);
      expect(texts.join("")).toBe(encodeReply(reply, protocol));
      expect(texts.slice(0, -1).every(({ length }) => length === pieceBytes)).toBe(true);
      expect(texts.every(({ length }) => length <= pieceBytes)).toBe(true);
    }),
  );
});

test("long strings, text that is encoded already, and nothing at all come in pieces as well", () => {
  const long = "x".repeat(1_000);
  const bytes = new BytesReply(Buffer.from("\0\xff".repeat(500), "latin1"));
  for (const reply of [long, bytes, new RawReply(long), [long, [bytes, null, long], ""], [noReply, long]]) {
    expect(piecesOf(reply, 2, 64).join("")).toBe(encodeReply(reply, 2));
  }
  expect(piecesOf(noReply, 3, 64)).toEqual([]);
});

test("a reply longer than any string can be comes whole", () => {
  const part = "p".repeat(16 * 1_048_576);
  const pieces = new ReplyPieces(new Array(40).fill(part), 2, 1_048_576);
  let bytes = 0;
  for (let text = pieces.next(); text !== undefined; text = pieces.next()) bytes += text.length;
  expect(bytes).toBe("*40\r\n".length + 40 * ("$16777216\r\n".length + part.length + 2));
});

test("a reply's size is known as far as it matters", () => {
  expect(replyBytes("12345")).toBe(5);
  expect(replyBytes(new BytesReply(Buffer.alloc(9)))).toBe(9);
  expect(replyBytes(new RawReply("$1\r\nx\r\n"))).toBe(7);
  expect(replyBytes(["a".repeat(1_000), ["b".repeat(2_000)]])).toBeGreaterThanOrEqual(3_000);
  expect(replyBytes(new Array(1_000_000).fill("x".repeat(100)), 1_000)).toBeLessThan(2_000);
});
