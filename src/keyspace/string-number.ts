/** Strings as numbers: `INCR` and its relatives. */
import { type Arguments, ErrorReply, type Reply } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { addIntegers, type Integer, integerArgument, integerMin, parseInteger } from "./integer.ts";
import { oneKey } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { addLongDoubles, parseLongDouble, printLongDouble } from "./long-double.ts";
import { RawString } from "./raw-string.ts";
import { notAFloat, notAnInteger, overflow, wrongType } from "./replies.ts";
import { isString, type StringValue } from "./value.ts";

const decrementOverflow = new ErrorReply("ERR decrement would overflow");
const noNumber = new ErrorReply("ERR increment would produce NaN or Infinity");

function increment(keyspace: Keyspace, args: Arguments, by: Integer): Reply {
  const found = keyspace.find(args, 1);
  if (found === undefined) {
    keyspace.add(args.text(1), by.toString());
    return by;
  }
  if (!isString(found)) return wrongType;
  const before = parseInteger(shortText(found));
  if (before === undefined) return notAnInteger;
  const sum = addIntegers(before, by);
  if (sum === undefined) return overflow;
  keyspace.replace(sum.toString());
  return sum;
}

function incrementBy(keyspace: Keyspace, args: Arguments): Reply {
  const by = integerArgument(args, 2);
  return by === undefined ? notAnInteger : increment(keyspace, args, by);
}

function decrementBy(keyspace: Keyspace, args: Arguments): Reply {
  const by = integerArgument(args, 2);
  if (by === undefined) return notAnInteger;
  // The one integer whose negation is none.
  if (by === integerMin) return decrementOverflow;
  return increment(keyspace, args, by === 0 ? 0 : -by);
}

function incrementByFloat(keyspace: Keyspace, args: Arguments): Reply {
  const found = keyspace.find(args, 1);
  if (found !== undefined && !isString(found)) return wrongType;
  const before = parseLongDouble(found === undefined ? "0" : typeof found === "string" ? found : found.text());
  const by = parseLongDouble(args.text(2));
  if (before === undefined || by === undefined) return notAFloat;
  const sum = addLongDoubles(before, by);
  if (sum === "infinite") return noNumber;
  const text = printLongDouble(sum);
  // Redis leaves what it prints here as text, while it keeps the same text set by SET as an integer.
  const value = parseInteger(text) === undefined ? text : new RawString(text, "embstr");
  if (found === undefined) keyspace.add(args.text(1), value);
  else keyspace.replace(value);
  return text;
}

/** The content of a string that may be a number; a long one, which is none, is not decoded. */
function shortText(value: StringValue): string {
  if (typeof value === "string") return value;
  return value.length > 32 ? "" : value.text();
}

export const stringNumberCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "DECR",
    arity: 2,
    flags: ["write", "denyoom", "fast"],
    ...oneKey(1, ["RW", "access", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Decrement the integer value of a key by one",
    since: "1.0.0",
    complexity: "O(1)",
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: [],
    subcommands: [],
    execute: (keyspace, args) => increment(keyspace, args, -1),
  },
  {
    name: "DECRBY",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    ...oneKey(1, ["RW", "access", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Decrement the integer value of a key by the given number",
    since: "1.0.0",
    complexity: "O(1)",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "decrement", type: "integer" },
    ],
    tips: [],
    subcommands: [],
    execute: decrementBy,
  },
  {
    name: "INCR",
    arity: 2,
    flags: ["write", "denyoom", "fast"],
    ...oneKey(1, ["RW", "access", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Increment the integer value of a key by one",
    since: "1.0.0",
    complexity: "O(1)",
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: [],
    subcommands: [],
    execute: (keyspace, args) => increment(keyspace, args, 1),
  },
  {
    name: "INCRBY",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    ...oneKey(1, ["RW", "access", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Increment the integer value of a key by the given amount",
    since: "1.0.0",
    complexity: "O(1)",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "increment", type: "integer" },
    ],
    tips: [],
    subcommands: [],
    execute: incrementBy,
  },
  {
    name: "INCRBYFLOAT",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    ...oneKey(1, ["RW", "access", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Increment the float value of a key by the given amount",
    since: "2.6.0",
    complexity: "O(1)",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "increment", type: "double" },
    ],
    tips: [],
    subcommands: [],
    execute: incrementByFloat,
  },
];
