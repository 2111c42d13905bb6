import { expect, test } from "vitest";
import {
  DoubleReply,
  ErrorReply,
  MapReply,
  nullArray,
  ok,
  type Reply,
  SetReply,
  VerbatimReply,
} from "../resp/index.ts";
import { CommandError } from "./command-error.ts";
import { bytesOfText, encodeCommand, textOfBytes, toValue } from "./reply-value.ts";

const byteString = Buffer.from("naïve €", "utf8").toString("latin1");

test.for<{ name: string; reply: Reply; value: unknown }>([
  { name: "a bulk string", reply: byteString, value: "naïve €" },
  { name: "a simple string", reply: ok, value: "OK" },
  { name: "a verbatim string", reply: new VerbatimReply("txt", "text"), value: "text" },
  { name: "an integer", reply: -7, value: -7 },
  { name: "a large integer", reply: 2n ** 62n, value: 2n ** 62n },
  { name: "a double", reply: new DoubleReply("1.5e3"), value: 1500 },
  { name: "infinity", reply: new DoubleReply("inf"), value: Number.POSITIVE_INFINITY },
  { name: "minus infinity", reply: new DoubleReply("-inf"), value: Number.NEGATIVE_INFINITY },
  { name: "no number", reply: new DoubleReply("nan"), value: Number.NaN },
  { name: "a boolean", reply: true, value: true },
  { name: "null", reply: null, value: null },
  { name: "a null array", reply: nullArray, value: null },
  { name: "an array", reply: ["a", [1, null]], value: ["a", [1, null]] },
  {
    name: "a map",
    reply: new MapReply(["a", 1, "b", ["c"]]),
    value: new Map<string, unknown>([
      ["a", 1],
      ["b", ["c"]],
    ]),
  },
  { name: "a set", reply: new SetReply(["a", 1]), value: new Set(["a", 1]) },
  { name: "an error within an array", reply: [new ErrorReply("ERR no")], value: [new CommandError("ERR no")] },
])("$name", ({ reply, value }) => {
  expect(toValue(reply, textOfBytes)).toEqual(value);
});

test("where bytes are asked for, strings come as the bytes that they are", () => {
  expect(toValue(["\u0000\u00ff", ok], bytesOfText)).toEqual([new Uint8Array([0, 255]), "OK"]);
});

test.for([
  { text: "WRONGTYPE Operation against a key", code: "WRONGTYPE", outcome: "notApplied" },
  { text: "UNCERTAIN the leader was lost", code: "UNCERTAIN", outcome: "unknown" },
  { text: "SESSIONEXPIRED it is gone", code: "SESSIONEXPIRED", outcome: "unknown" },
  { text: "REPLYLOST it was done", code: "REPLYLOST", outcome: "applied" },
  { text: "SEQUENCEGAP too early", code: "SEQUENCEGAP", outcome: "notApplied" },
  { text: "OOM", code: "OOM", outcome: "notApplied" },
  { text: "something else", code: "ERR", outcome: "notApplied" },
])("the code of $text is $code, the outcome $outcome", ({ text, code, outcome }) => {
  expect(new CommandError(text)).toMatchObject({ message: text, code, outcome });
});

test("words of a command are UTF-8, numbers as they print, bytes as they are", () => {
  const bytes = new Uint8Array([9, 0, 255, 9]).subarray(1, 3);
  expect(encodeCommand(["SET", "naïve", 1.5, 2n ** 60n, bytes])).toBe(
    "*5\r\n$3\r\nSET\r\n$6\r\nna\u00c3\u00afve\r\n$3\r\n1.5\r\n$19\r\n1152921504606846976\r\n$2\r\n\u0000\u00ff\r\n",
  );
});

test("a command that no node would take is refused before it is encoded", () => {
  const half = new Uint8Array(65 * 1_048_576);
  expect(() => encodeCommand(["MSET", "a", half, "b", half])).toThrow(
    /^ERR A command of 136314886 characters or bytes/,
  );
});
