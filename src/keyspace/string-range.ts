/** Parts of strings: `APPEND`, `GETRANGE`, `SETRANGE`, `STRLEN`. */
import { type Arguments, ErrorReply, type Reply } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { clampToSafe, integerArgument } from "./integer.ts";
import { oneKey } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { RawString, stringBytesMax } from "./raw-string.ts";
import { notAnInteger, stringTooLong, wrongType } from "./replies.ts";
import { isString } from "./value.ts";

const offsetOutOfRange = new ErrorReply("ERR offset is out of range");

function length(keyspace: Keyspace, args: Arguments): Reply {
  const found = keyspace.lookUp(args, 1);
  if (found === undefined) return 0;
  return isString(found) ? found.length : wrongType;
}

function append(keyspace: Keyspace, args: Arguments): Reply {
  const found = keyspace.find(args, 1);
  const text = args.text(2);
  if (found === undefined) {
    keyspace.add(args.text(1), text);
    return text.length;
  }
  if (!isString(found)) return wrongType;
  if (found.length + text.length > stringBytesMax) return stringTooLong;
  const raw = rawAtPlace(keyspace, found);
  raw.append(text);
  keyspace.changed(text.length);
  return raw.length;
}

function setRange(keyspace: Keyspace, args: Arguments): Reply {
  const offset = integerArgument(args, 2);
  if (offset === undefined) return notAnInteger;
  if (offset < 0) return offsetOutOfRange;
  const found = keyspace.find(args, 1);
  if (found !== undefined && !isString(found)) return wrongType;
  const lengthBefore = found === undefined ? 0 : found.length;
  const byteLength = args.byteLength(3);
  if (byteLength === 0) return lengthBefore;
  const start = clampToSafe(offset);
  if (start + byteLength > stringBytesMax) return stringTooLong;
  if (found === undefined) keyspace.add(args.text(1), "");
  const raw = rawAtPlace(keyspace, found ?? "");
  raw.overwrite(start, args.text(3));
  keyspace.changed(raw.length - lengthBefore);
  return raw.length;
}

function getRange(keyspace: Keyspace, args: Arguments): Reply {
  const startArgument = integerArgument(args, 2);
  const endArgument = integerArgument(args, 3);
  if (startArgument === undefined || endArgument === undefined) return notAnInteger;
  const found = keyspace.lookUp(args, 1);
  if (found === undefined) return "";
  if (!isString(found)) return wrongType;
  let start = clampToSafe(startArgument);
  let last = clampToSafe(endArgument);
  if (start < 0 && last < 0 && start > last) return "";
  if (start < 0) start = Math.max(found.length + start, 0);
  if (last < 0) last = Math.max(found.length + last, 0);
  last = Math.min(last, found.length - 1);
  if (start > last) return "";
  return typeof found === "string" ? found.slice(start, last + 1) : found.reply(start, last + 1);
}

/** The string at the place in the form that can be changed. */
function rawAtPlace(keyspace: Keyspace, found: string | RawString): RawString {
  if (typeof found !== "string") {
    keyspace.willChange();
    return found;
  }
  const raw = new RawString(found);
  keyspace.replace(raw);
  keyspace.willChange();
  return raw;
}

export const stringRangeCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "APPEND",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    ...oneKey(1, ["RW", "insert"]),
    group: "string",
    categories: ["string"],
    summary: "Append a value to a key",
    since: "2.0.0",
    complexity:
      "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "value", type: "string" },
    ],
    tips: [],
    subcommands: [],
    execute: append,
  },
  {
    name: "GETRANGE",
    arity: 4,
    flags: ["readonly"],
    ...oneKey(1, ["RO", "access"]),
    group: "string",
    categories: ["string"],
    summary: "Get a substring of the string stored at a key",
    since: "2.4.0",
    complexity:
      "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "start", type: "integer" },
      { name: "end", type: "integer" },
    ],
    tips: [],
    subcommands: [],
    execute: getRange,
  },
  {
    name: "SETRANGE",
    arity: 4,
    flags: ["write", "denyoom"],
    ...oneKey(1, ["RW", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Overwrite part of a string at key starting at the specified offset",
    since: "2.2.0",
    complexity:
      "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "offset", type: "integer" },
      { name: "value", type: "string" },
    ],
    tips: [],
    subcommands: [],
    execute: setRange,
  },
  {
    name: "STRLEN",
    arity: 2,
    flags: ["readonly", "fast"],
    ...oneKey(1, ["RO"]),
    group: "string",
    categories: ["string"],
    summary: "Get the length of the value stored in a key",
    since: "2.2.0",
    complexity: "O(1)",
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: [],
    subcommands: [],
    execute: length,
  },
  {
    name: "SUBSTR",
    arity: 4,
    flags: ["readonly"],
    ...oneKey(1, ["RO", "access"]),
    group: "string",
    categories: ["string"],
    summary: "Get a substring of the string stored at a key",
    since: "1.0.0",
    complexity:
      "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.",
    deprecation: { since: "2.0.0", replacedBy: "`GETRANGE`" },
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "start", type: "integer" },
      { name: "end", type: "integer" },
    ],
    tips: [],
    subcommands: [],
    execute: getRange,
  },
];
