import { expect, test } from "vitest";
import { Arguments } from "./arguments.ts";

test("words are byte strings, also where bytes are no text", () => {
  const args = Arguments.of(["SET", "", "a\xff\0b"]);
  expect(args.texts()).toEqual(["SET", "", "a\xff\0b"]);
  expect(args.texts(2)).toEqual(["a\xff\0b"]);
  expect(args.byteLength(2)).toBe(4);
  expect(args.byteLengthOfAll).toBe(7);
});

test("a copy outlives the buffer that it was made from", () => {
  const buffer = Buffer.from("..SET..key..");
  const args = new Arguments(buffer, 1);
  args.push(2, 5);
  args.push(7, 10);
  const copy = args.copy();
  buffer.fill(0);
  expect(copy.texts()).toEqual(["SET", "key"]);
  expect(new Arguments().copy().texts()).toEqual([]);
});

test("more words than were foreseen fit", () => {
  const words = Array.from({ length: 100 }, (_, index) => `${index}`);
  expect(Arguments.of(words).texts()).toEqual(words);
});

test("arguments that are used again forget what they held", () => {
  const args = Arguments.of(["GET", "a"]);
  args.clear(Buffer.from("PING"));
  args.push(0, 4);
  expect(args.texts()).toEqual(["PING"]);
});
