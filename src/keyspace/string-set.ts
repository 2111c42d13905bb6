/** `SET` and `GET` and all that is one of them with a twist. */
import { type Arguments, ErrorReply, ok, type Reply } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import type { Deadline } from "./deadline-index.ts";
import { addIntegers, integerArgument, multiplyInteger } from "./integer.ts";
import { oneKey } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { optionOf } from "./option.ts";
import { invalidExpireTime, notAnInteger, syntaxError, textReply, wrongType } from "./replies.ts";
import { isString } from "./value.ts";

/** What the words after the value (`SET`) or the key (`GETEX`) ask for. */
interface Options {
  condition: "NX" | "XX" | undefined;
  isGet: boolean;
  keepsDeadline: boolean;
  isPersist: boolean;
  expiry: Expiry | undefined;
}

type ExpiryUnit = "EX" | "PX" | "EXAT" | "PXAT";
type OptionWord = ExpiryUnit | "NX" | "XX" | "GET" | "KEEPTTL" | "PERSIST";

const setWords: readonly OptionWord[] = ["EX", "PX", "NX", "XX", "GET", "KEEPTTL", "EXAT", "PXAT"];
const getexWords: readonly OptionWord[] = ["EX", "PX", "PERSIST", "EXAT", "PXAT"];

interface Expiry {
  readonly unit: ExpiryUnit;
  /** The word that holds the time. */
  readonly word: number;
}

function get(keyspace: Keyspace, args: Arguments): Reply {
  return textReply(keyspace.lookUp(args, 1));
}

function set(keyspace: Keyspace, args: Arguments): Reply {
  if (args.count === 3) {
    keyspace.set(args, 1, args.text(2));
    return ok;
  }
  const options = parseOptions(args, 3, setWords);
  if (options === undefined) return syntaxError;
  let deadline: Deadline | undefined;
  if (options.expiry !== undefined) {
    const parsed = parseDeadline(keyspace, args, options.expiry, "set");
    if (parsed instanceof ErrorReply) return parsed;
    deadline = parsed;
  }
  const found = options.isGet ? keyspace.lookUp(args, 1) : keyspace.find(args, 1);
  if (options.isGet && found !== undefined && !isString(found)) return wrongType;
  const before = options.isGet ? textReply(found) : undefined;
  if (options.condition !== undefined && (options.condition === "NX") === (found !== undefined)) {
    return before === undefined ? null : before;
  }
  if (options.keepsDeadline && found !== undefined) keyspace.replace(args.text(2));
  else keyspace.set(args, 1, args.text(2), deadline);
  return before === undefined ? ok : before;
}

function setWithExpiry(keyspace: Keyspace, args: Arguments, unit: "EX" | "PX", command: string): Reply {
  const deadline = parseDeadline(keyspace, args, { unit, word: 2 }, command);
  if (deadline instanceof ErrorReply) return deadline;
  keyspace.set(args, 1, args.text(3), deadline);
  return ok;
}

function setIfAbsent(keyspace: Keyspace, args: Arguments): Reply {
  if (keyspace.find(args, 1) !== undefined) return 0;
  keyspace.add(args.text(1), args.text(2));
  return 1;
}

function getAndSet(keyspace: Keyspace, args: Arguments): Reply {
  const before = textReply(keyspace.lookUp(args, 1));
  if (before !== wrongType) keyspace.set(args, 1, args.text(2));
  return before;
}

function getAndDelete(keyspace: Keyspace, args: Arguments): Reply {
  const found = keyspace.lookUp(args, 1);
  const before = textReply(found);
  if (found !== undefined && isString(found)) keyspace.remove();
  return before;
}

function getAndExpire(keyspace: Keyspace, args: Arguments): Reply {
  const options = parseOptions(args, 2, getexWords);
  if (options === undefined) return syntaxError;
  const found = keyspace.lookUp(args, 1);
  const before = textReply(found);
  if (found === undefined || !isString(found)) return before;
  if (options.expiry !== undefined) {
    const deadline = parseDeadline(keyspace, args, options.expiry, "getex");
    if (deadline instanceof ErrorReply) return deadline;
    keyspace.expireAt(deadline);
  } else if (options.isPersist) {
    keyspace.persist();
  }
  return before;
}

/** Undefined if the options make no sense together, or one is none. */
function parseOptions(args: Arguments, from: number, words: readonly OptionWord[]): Options | undefined {
  const options: Options = {
    condition: undefined,
    isGet: false,
    keepsDeadline: false,
    isPersist: false,
    expiry: undefined,
  };
  for (let word = from; word < args.count; word++) {
    const option = optionOf(args, word, words);
    if (option === undefined) return undefined;
    if (option === "NX" || option === "XX") {
      if (options.condition !== undefined && options.condition !== option) return undefined;
      options.condition = option;
    } else if (option === "GET") {
      options.isGet = true;
    } else if (option === "KEEPTTL" || option === "PERSIST") {
      if (options.expiry !== undefined) return undefined;
      if (option === "KEEPTTL") options.keepsDeadline = true;
      else options.isPersist = true;
    } else {
      if (options.keepsDeadline || options.isPersist || word + 1 === args.count) return undefined;
      if (options.expiry !== undefined && options.expiry.unit !== option) return undefined;
      options.expiry = { unit: option, word: ++word };
    }
  }
  return options;
}

function parseDeadline(keyspace: Keyspace, args: Arguments, expiry: Expiry, command: string): Deadline | ErrorReply {
  const time = integerArgument(args, expiry.word);
  if (time === undefined) return notAnInteger;
  const isSeconds = expiry.unit === "EX" || expiry.unit === "EXAT";
  const isRelative = expiry.unit === "EX" || expiry.unit === "PX";
  const milliseconds = isSeconds ? multiplyInteger(time, 1000) : time;
  if (milliseconds === undefined || milliseconds <= 0) return invalidExpireTime(command);
  const deadline = isRelative ? addIntegers(milliseconds, keyspace.nowMs) : milliseconds;
  return deadline ?? invalidExpireTime(command);
}

export const stringSetCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "GET",
    arity: 2,
    flags: ["readonly", "fast"],
    ...oneKey(1, ["RO", "access"]),
    group: "string",
    categories: ["string"],
    summary: "Get the value of a key",
    since: "1.0.0",
    complexity: "O(1)",
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: [],
    subcommands: [],
    execute: get,
  },
  {
    name: "GETDEL",
    arity: 2,
    flags: ["write", "fast"],
    ...oneKey(1, ["RW", "access", "delete"]),
    group: "string",
    categories: ["string"],
    summary: "Get the value of a key and delete the key",
    since: "6.2.0",
    complexity: "O(1)",
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: [],
    subcommands: [],
    onlyFrees: true,
    execute: getAndDelete,
  },
  {
    name: "GETEX",
    arity: -2,
    flags: ["write", "fast"],
    ...oneKey(1, ["RW", "access", "update"], "RW and UPDATE because it changes the TTL"),
    group: "string",
    categories: ["string"],
    summary: "Get the value of a key and optionally set its expiration",
    since: "6.2.0",
    complexity: "O(1)",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      {
        name: "expiration",
        type: "oneof",
        flags: ["optional"],
        arguments: [
          { name: "seconds", type: "integer", token: "EX" },
          { name: "milliseconds", type: "integer", token: "PX" },
          { name: "unix-time-seconds", type: "unix-time", token: "EXAT" },
          { name: "unix-time-milliseconds", type: "unix-time", token: "PXAT" },
          { name: "persist", type: "pure-token", token: "PERSIST" },
        ],
      },
    ],
    tips: [],
    subcommands: [],
    execute: getAndExpire,
  },
  {
    name: "GETSET",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    ...oneKey(1, ["RW", "access", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Set the string value of a key and return its old value",
    since: "1.0.0",
    complexity: "O(1)",
    deprecation: { since: "6.2.0", replacedBy: "`SET` with the `!GET` argument" },
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "value", type: "string" },
    ],
    tips: [],
    subcommands: [],
    execute: getAndSet,
  },
  {
    name: "PSETEX",
    arity: 4,
    flags: ["write", "denyoom"],
    ...oneKey(1, ["OW", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Set the value and expiration in milliseconds of a key",
    since: "2.6.0",
    complexity: "O(1)",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "milliseconds", type: "integer" },
      { name: "value", type: "string" },
    ],
    tips: [],
    subcommands: [],
    execute: (keyspace, args) => setWithExpiry(keyspace, args, "PX", "psetex"),
  },
  {
    name: "SET",
    arity: -3,
    flags: ["write", "denyoom"],
    ...oneKey(1, ["RW", "access", "update", "variable_flags"], "RW and ACCESS due to the optional `GET` argument"),
    group: "string",
    categories: ["string"],
    summary: "Set the string value of a key",
    since: "1.0.0",
    complexity: "O(1)",
    history: [
      ["2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."],
      ["6.0.0", "Added the `KEEPTTL` option."],
      ["6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."],
      ["7.0.0", "Allowed the `NX` and `GET` options to be used together."],
    ],
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "value", type: "string" },
      {
        name: "condition",
        type: "oneof",
        since: "2.6.12",
        flags: ["optional"],
        arguments: [
          { name: "nx", type: "pure-token", token: "NX" },
          { name: "xx", type: "pure-token", token: "XX" },
        ],
      },
      { name: "get", type: "pure-token", token: "GET", since: "6.2.0", flags: ["optional"] },
      {
        name: "expiration",
        type: "oneof",
        flags: ["optional"],
        arguments: [
          { name: "seconds", type: "integer", token: "EX", since: "2.6.12" },
          { name: "milliseconds", type: "integer", token: "PX", since: "2.6.12" },
          { name: "unix-time-seconds", type: "unix-time", token: "EXAT", since: "6.2.0" },
          { name: "unix-time-milliseconds", type: "unix-time", token: "PXAT", since: "6.2.0" },
          { name: "keepttl", type: "pure-token", token: "KEEPTTL", since: "6.0.0" },
        ],
      },
    ],
    tips: [],
    subcommands: [],
    execute: set,
  },
  {
    name: "SETEX",
    arity: 4,
    flags: ["write", "denyoom"],
    ...oneKey(1, ["OW", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Set the value and expiration of a key",
    since: "2.0.0",
    complexity: "O(1)",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "seconds", type: "integer" },
      { name: "value", type: "string" },
    ],
    tips: [],
    subcommands: [],
    execute: (keyspace, args) => setWithExpiry(keyspace, args, "EX", "setex"),
  },
  {
    name: "SETNX",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    ...oneKey(1, ["OW", "insert"]),
    group: "string",
    categories: ["string"],
    summary: "Set the value of a key, only if the key does not exist",
    since: "1.0.0",
    complexity: "O(1)",
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "value", type: "string" },
    ],
    tips: [],
    subcommands: [],
    execute: setIfAbsent,
  },
];
