/** Keys as such: whether they are there, their type, and their removal, copies and names. */
import { type Arguments, ErrorReply, ok, type Reply, SimpleString } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { integerArgument } from "./integer.ts";
import { keysFrom, oneKey, twoKeys } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { optionOf } from "./option.ts";
import { noSuchKey, notAnInteger, syntaxError } from "./replies.ts";
import { cloneOf, typeOf, type ValueType } from "./value.ts";

const sameObject = new ErrorReply("ERR source and destination objects are the same");
const noSuchDatabase = new ErrorReply("ERR DB index is out of range");
const notAnInt = new ErrorReply("ERR value is out of range, value must between -2147483648 and 2147483647");
const none = new SimpleString("none");
const typeNames: Readonly<Record<ValueType, SimpleString>> = { string: new SimpleString("string") };
const copyWords = ["DB", "REPLACE"] as const;
const intMax = 0x7fff_ffff;

function remove(keyspace: Keyspace, args: Arguments): Reply {
  let removed = 0;
  for (let word = 1; word < args.count; word++) {
    if (keyspace.find(args, word) === undefined) continue;
    keyspace.remove();
    removed++;
  }
  return removed;
}

function count(keyspace: Keyspace, args: Arguments): Reply {
  let found = 0;
  for (let word = 1; word < args.count; word++) if (keyspace.lookUp(args, word) !== undefined) found++;
  return found;
}

function type(keyspace: Keyspace, args: Arguments): Reply {
  const value = keyspace.lookUp(args, 1);
  return value === undefined ? none : typeNames[typeOf(value)];
}

function copy(keyspace: Keyspace, args: Arguments): Reply {
  let isReplace = false;
  for (let word = 3; word < args.count; word++) {
    const option = optionOf(args, word, copyWords);
    if (option === "REPLACE") {
      isReplace = true;
    } else if (option === "DB" && word + 1 < args.count) {
      const database = integerArgument(args, ++word);
      if (database === undefined) return notAnInteger;
      if (database > intMax || database < -intMax - 1) return notAnInt;
      if (database !== 0) return noSuchDatabase;
    } else {
      return syntaxError;
    }
  }
  if (args.text(1) === args.text(2)) return sameObject;
  const value = keyspace.lookUp(args, 1);
  if (value === undefined) return 0;
  const deadline = keyspace.deadline;
  if (keyspace.find(args, 2) !== undefined && !isReplace) return 0;
  keyspace.set(args, 2, cloneOf(value), deadline);
  return 1;
}

function rename(keyspace: Keyspace, args: Arguments): Reply {
  if (keyspace.find(args, 1) === undefined) return noSuchKey;
  move(keyspace, args);
  return ok;
}

function renameIfAbsent(keyspace: Keyspace, args: Arguments): Reply {
  if (keyspace.find(args, 1) === undefined) return noSuchKey;
  if (keyspace.find(args, 2) !== undefined) return 0;
  move(keyspace, args);
  return 1;
}

/** Word 1, which is there, becomes word 2 with its deadline. */
function move(keyspace: Keyspace, args: Arguments): void {
  if (args.text(1) === args.text(2)) return;
  const value = keyspace.find(args, 1);
  if (value === undefined) return;
  const deadline = keyspace.deadline;
  keyspace.remove();
  keyspace.set(args, 2, value, deadline);
}

export const keyLifeCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "COPY",
    arity: -3,
    flags: ["write", "denyoom"],
    ...twoKeys(["RO", "access"], ["OW", "update"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Copy a key",
    since: "6.2.0",
    complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
    arguments: [
      { name: "source", type: "key", keySpecification: 0 },
      { name: "destination", type: "key", keySpecification: 1 },
      { name: "destination-db", type: "integer", token: "DB", flags: ["optional"] },
      { name: "replace", type: "pure-token", token: "REPLACE", flags: ["optional"] },
    ],
    tips: [],
    subcommands: [],
    execute: copy,
  },
  {
    name: "DEL",
    arity: -2,
    flags: ["write"],
    ...keysFrom(1, 1, ["RM", "delete"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Delete a key",
    since: "1.0.0",
    complexity:
      "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
    arguments: [{ name: "key", type: "key", keySpecification: 0, flags: ["multiple"] }],
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    subcommands: [],
    onlyFrees: true,
    execute: remove,
  },
  {
    name: "EXISTS",
    arity: -2,
    flags: ["readonly", "fast"],
    ...keysFrom(1, 1, ["RO"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Determine if a key exists",
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys to check.",
    history: [["3.0.3", "Accepts multiple `key` arguments."]],
    arguments: [{ name: "key", type: "key", keySpecification: 0, flags: ["multiple"] }],
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    subcommands: [],
    execute: count,
  },
  {
    name: "RENAME",
    arity: 3,
    flags: ["write"],
    ...twoKeys(["RW", "access", "delete"], ["OW", "update"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Rename a key",
    since: "1.0.0",
    complexity: "O(1)",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "newkey", type: "key", keySpecification: 1 },
    ],
    tips: [],
    subcommands: [],
    execute: rename,
  },
  {
    name: "RENAMENX",
    arity: 3,
    flags: ["write", "fast"],
    ...twoKeys(["RW", "access", "delete"], ["OW", "insert"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Rename a key, only if the new key does not exist",
    since: "1.0.0",
    complexity: "O(1)",
    history: [["3.2.0", "The command no longer returns an error when source and destination names are the same."]],
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "newkey", type: "key", keySpecification: 1 },
    ],
    tips: [],
    subcommands: [],
    execute: renameIfAbsent,
  },
  {
    name: "TOUCH",
    arity: -2,
    flags: ["readonly", "fast"],
    ...keysFrom(1, 1, ["RO"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Alters the last access time of a key(s). Returns the number of existing keys specified.",
    since: "3.2.1",
    complexity: "O(N) where N is the number of keys that will be touched.",
    arguments: [{ name: "key", type: "key", keySpecification: 0, flags: ["multiple"] }],
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    subcommands: [],
    execute: count,
  },
  {
    name: "TYPE",
    arity: 2,
    flags: ["readonly", "fast"],
    ...oneKey(1, ["RO"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Determine the type stored at key",
    since: "1.0.0",
    complexity: "O(1)",
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: [],
    subcommands: [],
    execute: type,
  },
  {
    name: "UNLINK",
    arity: -2,
    flags: ["write", "fast"],
    ...keysFrom(1, 1, ["RM", "delete"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking.",
    since: "4.0.0",
    complexity:
      "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
    arguments: [{ name: "key", type: "key", keySpecification: 0, flags: ["multiple"] }],
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    subcommands: [],
    onlyFrees: true,
    execute: remove,
  },
];
