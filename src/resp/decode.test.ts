import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { replies } from "../../test/resp/replies.ts";
import { ReplyDecoder, ReplyFormatError } from "./decode.ts";
import { encodeReply, type RespVersion } from "./encode.ts";
import {
  DoubleReply,
  ErrorReply,
  MapReply,
  NullArray,
  noReply,
  nullArray,
  ok,
  PushReply,
  RawReply,
  type Reply,
  SetReply,
  SimpleString,
  VerbatimReply,
} from "./reply.ts";

function decode(chunks: readonly string[]): Reply[] {
  const decoder = new ReplyDecoder();
  const replies: Reply[] = [];
  for (const text of chunks) {
    const chunk = Buffer.from(text, "latin1");
    decoder.feed(chunk);
    for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) replies.push(reply);
    chunk.fill(0xff);
  }
  return replies;
}

function chunksOf(text: string, size: number): string[] {
  const chunks: string[] = [];
  for (let at = 0; at < text.length; at += size) chunks.push(text.slice(at, at + size));
  return chunks;
}

/** What remains of a reply when it has gone through `protocol`. */
function through(reply: Reply, protocol: RespVersion): Reply {
  if (Array.isArray(reply)) return reply.map((item) => through(item, protocol));
  if (reply instanceof NullArray) return protocol === 3 ? null : reply;
  if (protocol === 2) {
    if (typeof reply === "boolean") return reply ? 1 : 0;
    if (reply instanceof DoubleReply || reply instanceof VerbatimReply) return reply.text;
    if (reply instanceof SetReply) return reply.members.map((item) => through(item, protocol));
    if (reply instanceof MapReply) return reply.entries.map((item) => through(item, protocol));
  }
  if (reply instanceof SetReply) return new SetReply(reply.members.map((item) => through(item, protocol)));
  if (reply instanceof MapReply) return new MapReply(reply.entries.map((item) => through(item, protocol)));
  return reply;
}

describe("encoding", () => {
  test.for<{ reply: Reply; two: string; three: string }>([
    { reply: ok, two: "+OK\r\n", three: "+OK\r\n" },
    { reply: "a\r\n\xff", two: "$4\r\na\r\n\xff\r\n", three: "$4\r\na\r\n\xff\r\n" },
    { reply: "", two: "$0\r\n\r\n", three: "$0\r\n\r\n" },
    { reply: 0, two: ":0\r\n", three: ":0\r\n" },
    { reply: -1, two: ":-1\r\n", three: ":-1\r\n" },
    { reply: 1024, two: ":1024\r\n", three: ":1024\r\n" },
    { reply: 2n ** 63n - 1n, two: ":9223372036854775807\r\n", three: ":9223372036854775807\r\n" },
    { reply: null, two: "$-1\r\n", three: "_\r\n" },
    { reply: nullArray, two: "*-1\r\n", three: "_\r\n" },
    { reply: true, two: ":1\r\n", three: "#t\r\n" },
    { reply: false, two: ":0\r\n", three: "#f\r\n" },
    { reply: new DoubleReply("1.5"), two: "$3\r\n1.5\r\n", three: ",1.5\r\n" },
    { reply: new VerbatimReply("txt", "hi"), two: "$2\r\nhi\r\n", three: "=6\r\ntxt:hi\r\n" },
    { reply: new MapReply(["a", 1]), two: "*2\r\n$1\r\na\r\n:1\r\n", three: "%1\r\n$1\r\na\r\n:1\r\n" },
    { reply: new SetReply([1, null]), two: "*2\r\n:1\r\n$-1\r\n", three: "~2\r\n:1\r\n_\r\n" },
    { reply: new PushReply(["x"]), two: "*1\r\n$1\r\nx\r\n", three: ">1\r\n$1\r\nx\r\n" },
    { reply: [[], [1]], two: "*2\r\n*0\r\n*1\r\n:1\r\n", three: "*2\r\n*0\r\n*1\r\n:1\r\n" },
    { reply: new ErrorReply("ERR a\r\nb"), two: "-ERR a  b\r\n", three: "-ERR a  b\r\n" },
    { reply: new RawReply(":7\r\n"), two: ":7\r\n", three: ":7\r\n" },
    { reply: noReply, two: "", three: "" },
  ])("$two", ({ reply, two, three }) => {
    expect(encodeReply(reply, 2)).toBe(two);
    expect(encodeReply(reply, 3)).toBe(three);
  });
});

test("a reply that no string can hold is an error, not an exception", () => {
  const large = "x".repeat(2 ** 28);
  expect(encodeReply([large, large], 2)).toMatch(/^-ERR the reply is longer/);
  expect(encodeReply(["x".repeat(2 ** 29 - 30)], 2)).toMatch(/^-ERR the reply is longer/);
});

describe("decoding", () => {
  test("what was encoded is decoded, wherever it is cut", () => {
    fc.assert(
      fc.property(fc.array(replies, { maxLength: 4 }), fc.integer({ min: 1, max: 40 }), (sent, size) => {
        for (const protocol of [2, 3] as const) {
          const text = sent.map((reply) => encodeReply(reply, protocol)).join("");
          expect(decode(chunksOf(text, size))).toEqual(sent.map((reply) => through(reply, protocol)));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("attributes are dropped, pushes come out as they are", () => {
    const attribute = "|1\r\n+ttl\r\n:3600\r\n";
    expect(decode([`${attribute}*2\r\n:1\r\n${attribute}:2\r\n>2\r\n+a\r\n+b\r\n(12345678901234567890\r\n`])).toEqual([
      [1, 2],
      new PushReply([new SimpleString("a"), new SimpleString("b")]),
      12345678901234567890n,
    ]);
    expect(decode(["!5\r\nERR x\r\n"])).toEqual([new ErrorReply("ERR x")]);
  });

  test.for([
    "x\r\n",
    ":1x\r\n",
    "$-2\r\n",
    "$x\r\n",
    "$1\r\nabc\r\n",
    "*-2\r\n",
    "#x\r\n",
    ",1.2.3\r\n",
    "_x\r\n",
    "+a\rb\r\n",
    "=2\r\nab\r\n",
    "$?\r\n",
    "*1\r\n>0\r\n",
    "*1\r\n".repeat(200),
    `+${"x".repeat(70_000)}`,
  ])("%j is no reply", (text) => {
    expect(() => decode([text])).toThrow(ReplyFormatError);
  });

  test("garbage gives an error or waits for more, and nothing else", () => {
    const garbage = fc.array(
      fc.constantFrom("*", "%", "$", "3", "1", "-1", "\r\n", "+", ":", "_", "#t", ",", "=", "|", ">", "~", "a\0"),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(garbage, (parts) => {
        try {
          decode([parts.join("")]);
        } catch (error) {
          expect(error).toBeInstanceOf(ReplyFormatError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
