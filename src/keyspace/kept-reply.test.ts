import { expect, test } from "vitest";
import {
  BytesReply,
  DoubleReply,
  ErrorReply,
  encodeReply,
  MapReply,
  nullArray,
  ok,
  type Reply,
  SetReply,
  VerbatimReply,
} from "../resp/index.ts";
import { replyOfText, textOfReply } from "./kept-reply.ts";

const replies: readonly Reply[] = [
  "",
  "\0\r\n\xff",
  0,
  -1,
  2 ** 53 - 1,
  2n ** 62n,
  null,
  true,
  false,
  ok,
  nullArray,
  new ErrorReply("WRONGTYPE no"),
  new DoubleReply("1.5"),
  new DoubleReply("inf"),
  new VerbatimReply("txt", "text"),
  new BytesReply(Buffer.from([0, 255])),
  [],
  ["a", [nullArray, null, [1]], new ErrorReply("ERR x")],
  new MapReply(["a", nullArray, "b", new SetReply([1, "c"])]),
];

test("every kind of reply is kept as a text and answered alike in both protocols", () => {
  for (const reply of replies) {
    const again = replyOfText(textOfReply(reply, 1_000) ?? "");
    for (const protocol of [2, 3] as const) expect(encodeReply(again, protocol)).toBe(encodeReply(reply, protocol));
  }
});

test("a reply that is too long is no text", () => {
  expect(textOfReply("x".repeat(94), 100)).toBeUndefined();
  expect(textOfReply("x".repeat(93), 100)).toHaveLength(100);
  expect(textOfReply(["x".repeat(60), "x".repeat(60)], 100)).toBeUndefined();
  expect(textOfReply(new BytesReply(Buffer.alloc(101)), 100)).toBeUndefined();
});
