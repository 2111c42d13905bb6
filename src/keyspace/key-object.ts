/** What is known of a value's inside: `OBJECT`, `MEMORY USAGE`. */
import { type Arguments, ErrorReply, type Reply, SimpleString } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { integerArgument, parseInteger } from "./integer.ts";
import { noKeys, oneKey } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { optionOf } from "./option.ts";
import { notAnInteger, syntaxError } from "./replies.ts";
import { deadlineBytes, logicalBytes, type Value } from "./value.ts";

/** Longer strings are "raw" in Redis, since they do not fit into one cache line with their header. */
const embeddedBytesMax = 44;
/** Redis shares the integers below this among all keys, and says so by a count that stands for "very many". */
const sharedIntegersEnd = 10_000;
const sharedReferenceCount = 0x7fff_ffff;

const frequencyNotTracked = new ErrorReply(
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
);

const objectHelp: readonly SimpleString[] = [
  "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "ENCODING <key>",
  "    Return the kind of internal representation used in order to store the value",
  "    associated with a <key>.",
  "FREQ <key>",
  "    Return the access frequency index of the <key>. The returned integer is",
  "    proportional to the logarithm of the recent access frequency of the key.",
  "IDLETIME <key>",
  "    Return the idle time of the <key>, that is the approximated number of",
  "    seconds elapsed since the last access to the key.",
  "REFCOUNT <key>",
  "    Return the number of references of the value associated with the specified",
  "    <key>.",
  "HELP",
  "    Prints this help.",
].map((line) => new SimpleString(line));

function encoding(keyspace: Keyspace, args: Arguments): Reply {
  const value = keyspace.lookUp(args, 2);
  return value === undefined ? null : encodingOf(value);
}

function encodingOf(value: Value): string {
  if (typeof value !== "string") return value.encoding;
  if (parseInteger(value) !== undefined) return "int";
  return value.length <= embeddedBytesMax ? "embstr" : "raw";
}

function frequency(keyspace: Keyspace, args: Arguments): Reply {
  return keyspace.lookUp(args, 2) === undefined ? null : frequencyNotTracked;
}

function idleTime(keyspace: Keyspace, args: Arguments): Reply {
  if (keyspace.lookUp(args, 2) === undefined) return null;
  return keyspace.idleSeconds;
}

function referenceCount(keyspace: Keyspace, args: Arguments): Reply {
  const value = keyspace.lookUp(args, 2);
  if (value === undefined) return null;
  const integer = typeof value === "string" ? parseInteger(value) : undefined;
  return integer !== undefined && integer >= 0 && integer < sharedIntegersEnd ? sharedReferenceCount : 1;
}

function memoryUsage(keyspace: Keyspace, args: Arguments): Reply {
  for (let word = 3; word < args.count; word += 2) {
    if (optionOf(args, word, ["SAMPLES"]) === undefined || word + 1 === args.count) return syntaxError;
    const samples = integerArgument(args, word + 1);
    if (samples === undefined) return notAnInteger;
    if (samples < 0) return syntaxError;
  }
  const value = keyspace.find(args, 2);
  if (value === undefined) return null;
  return logicalBytes(args.text(2), value) + (keyspace.deadline === undefined ? 0 : deadlineBytes);
}

export const keyObjectCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "OBJECT",
    arity: -2,
    flags: [],
    ...noKeys,
    group: "generic",
    categories: [],
    summary: "A container for object introspection commands",
    since: "2.2.3",
    complexity: "Depends on subcommand.",
    tips: [],
    subcommands: [
      {
        name: "ENCODING",
        arity: 3,
        flags: ["readonly"],
        ...oneKey(2, ["RO"]),
        group: "generic",
        categories: ["keyspace"],
        summary: "Inspect the internal encoding of a Redis object",
        since: "2.2.3",
        complexity: "O(1)",
        arguments: [{ name: "key", type: "key", keySpecification: 0 }],
        tips: ["nondeterministic_output"],
        subcommands: [],
        execute: encoding,
      },
      {
        name: "FREQ",
        arity: 3,
        flags: ["readonly"],
        ...oneKey(2, ["RO"]),
        group: "generic",
        categories: ["keyspace"],
        summary: "Get the logarithmic access frequency counter of a Redis object",
        since: "4.0.0",
        complexity: "O(1)",
        arguments: [{ name: "key", type: "key", keySpecification: 0 }],
        tips: ["nondeterministic_output"],
        subcommands: [],
        execute: frequency,
      },
      {
        name: "HELP",
        arity: 2,
        flags: ["loading", "stale"],
        ...noKeys,
        group: "generic",
        categories: ["keyspace"],
        summary: "Show helpful text about the different subcommands",
        since: "6.2.0",
        complexity: "O(1)",
        tips: [],
        subcommands: [],
        execute: () => objectHelp,
      },
      {
        name: "IDLETIME",
        arity: 3,
        flags: ["readonly"],
        ...oneKey(2, ["RO"]),
        group: "generic",
        categories: ["keyspace"],
        summary: "Get the time since a Redis object was last accessed",
        since: "2.2.3",
        complexity: "O(1)",
        arguments: [{ name: "key", type: "key", keySpecification: 0 }],
        tips: ["nondeterministic_output"],
        isOutsideSessions: true,
        subcommands: [],
        execute: idleTime,
      },
      {
        name: "REFCOUNT",
        arity: 3,
        flags: ["readonly"],
        ...oneKey(2, ["RO"]),
        group: "generic",
        categories: ["keyspace"],
        summary: "Get the number of references to the value of the key",
        since: "2.2.3",
        complexity: "O(1)",
        arguments: [{ name: "key", type: "key", keySpecification: 0 }],
        tips: ["nondeterministic_output"],
        subcommands: [],
        execute: referenceCount,
      },
    ],
    execute: undefined,
  },
  {
    name: "MEMORY",
    arity: -2,
    flags: [],
    ...noKeys,
    group: "server",
    categories: [],
    summary: "A container for memory diagnostics commands",
    since: "4.0.0",
    complexity: "Depends on subcommand.",
    tips: [],
    subcommands: [
      {
        name: "USAGE",
        arity: -3,
        flags: ["readonly"],
        ...oneKey(2, ["RO"]),
        group: "server",
        categories: [],
        summary: "Estimate the memory usage of a key",
        since: "4.0.0",
        complexity: "O(N) where N is the number of samples.",
        arguments: [
          { name: "key", type: "key", keySpecification: 0 },
          { name: "count", type: "integer", token: "SAMPLES", flags: ["optional"] },
        ],
        tips: [],
        subcommands: [],
        execute: memoryUsage,
      },
    ],
    execute: undefined,
  },
];
