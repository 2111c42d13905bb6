/** Deadlines: `EXPIRE`, `TTL` and their relatives, and `PERSIST`. */
import { type Arguments, ErrorReply, type Reply } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import type { Deadline } from "./deadline-index.ts";
import { addIntegers, type Integer, integerArgument, multiplyInteger } from "./integer.ts";
import { oneKey } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { optionOf } from "./option.ts";
import { invalidExpireTime, notAnInteger, printable } from "./replies.ts";

const incompatibleWithNx = new ErrorReply("ERR NX and XX, GT or LT options at the same time are not compatible");
const greaterAndLess = new ErrorReply("ERR GT and LT options at the same time are not compatible");

/** What Redis answers for a key that is absent, and for one without a deadline. */
const noKey = -2;
const noExpiry = -1;

type Condition = "NX" | "XX" | "GT" | "LT";

const conditionWords: readonly Condition[] = ["NX", "XX", "GT", "LT"];
const noConditions: ReadonlySet<Condition> = new Set();

interface ExpireForm {
  readonly command: string;
  readonly isSeconds: boolean;
  /** From now, instead of since the epoch. */
  readonly isRelative: boolean;
}

function expire(keyspace: Keyspace, args: Arguments, form: ExpireForm): Reply {
  const conditions = parseConditions(args);
  if (conditions instanceof ErrorReply) return conditions;
  const time = integerArgument(args, 2);
  if (time === undefined) return notAnInteger;
  const milliseconds = form.isSeconds ? multiplyInteger(time, 1000) : time;
  if (milliseconds === undefined) return invalidExpireTime(form.command);
  const deadline = form.isRelative ? addIntegers(milliseconds, keyspace.nowMs) : milliseconds;
  if (deadline === undefined) return invalidExpireTime(form.command);
  if (keyspace.find(args, 1) === undefined || !allows(conditions, keyspace.deadline, deadline)) return 0;
  keyspace.expireAt(deadline);
  return 1;
}

function parseConditions(args: Arguments): ReadonlySet<Condition> | ErrorReply {
  if (args.count === 3) return noConditions;
  const conditions = new Set<Condition>();
  for (let word = 3; word < args.count; word++) {
    const option = optionOf(args, word, conditionWords);
    if (option === undefined) return new ErrorReply(`ERR Unsupported option ${printable(args.text(word))}`);
    conditions.add(option);
  }
  if (conditions.has("NX") && conditions.size > 1) return incompatibleWithNx;
  if (conditions.has("GT") && conditions.has("LT")) return greaterAndLess;
  return conditions;
}

function allows(conditions: ReadonlySet<Condition>, before: Deadline | undefined, after: Deadline): boolean {
  if (conditions.has("NX") && before !== undefined) return false;
  if (conditions.has("XX") && before === undefined) return false;
  // No deadline is later than any.
  if (conditions.has("GT") && (before === undefined || after <= before)) return false;
  return !(conditions.has("LT") && before !== undefined && after >= before);
}

function persist(keyspace: Keyspace, args: Arguments): Reply {
  return keyspace.find(args, 1) !== undefined && keyspace.persist() ? 1 : 0;
}

/** What is left of the key's time. */
function timeLeft(keyspace: Keyspace, args: Arguments): Integer {
  if (keyspace.lookUp(args, 1) === undefined) return noKey;
  const deadline = keyspace.deadline;
  return deadline === undefined ? noExpiry : (addIntegers(deadline, -keyspace.nowMs) ?? noExpiry);
}

function deadlineOf(keyspace: Keyspace, args: Arguments): Integer {
  if (keyspace.lookUp(args, 1) === undefined) return noKey;
  return keyspace.deadline ?? noExpiry;
}

/** To the nearest second; what is no time stays. */
function toSeconds(milliseconds: Integer): Integer {
  if (milliseconds < 0) return milliseconds;
  if (typeof milliseconds === "number") return Math.floor((milliseconds + 500) / 1000);
  return Number((milliseconds + 500n) / 1000n);
}

export const keyExpiryCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "EXPIRE",
    arity: -3,
    flags: ["write", "fast"],
    ...oneKey(1, ["RW", "update"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Set a key's time to live in seconds",
    since: "1.0.0",
    complexity: "O(1)",
    history: [["7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."]],
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "seconds", type: "integer" },
      {
        name: "condition",
        type: "oneof",
        since: "7.0.0",
        flags: ["optional"],
        arguments: [
          { name: "nx", type: "pure-token", token: "NX" },
          { name: "xx", type: "pure-token", token: "XX" },
          { name: "gt", type: "pure-token", token: "GT" },
          { name: "lt", type: "pure-token", token: "LT" },
        ],
      },
    ],
    tips: [],
    subcommands: [],
    execute: (keyspace, args) => expire(keyspace, args, { command: "expire", isSeconds: true, isRelative: true }),
  },
  {
    name: "EXPIREAT",
    arity: -3,
    flags: ["write", "fast"],
    ...oneKey(1, ["RW", "update"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Set the expiration for a key as a UNIX timestamp",
    since: "1.2.0",
    complexity: "O(1)",
    history: [["7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."]],
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "unix-time-seconds", type: "unix-time" },
      {
        name: "condition",
        type: "oneof",
        since: "7.0.0",
        flags: ["optional"],
        arguments: [
          { name: "nx", type: "pure-token", token: "NX" },
          { name: "xx", type: "pure-token", token: "XX" },
          { name: "gt", type: "pure-token", token: "GT" },
          { name: "lt", type: "pure-token", token: "LT" },
        ],
      },
    ],
    tips: [],
    subcommands: [],
    execute: (keyspace, args) => expire(keyspace, args, { command: "expireat", isSeconds: true, isRelative: false }),
  },
  {
    name: "EXPIRETIME",
    arity: 2,
    flags: ["readonly", "fast"],
    ...oneKey(1, ["RO", "access"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Get the expiration Unix timestamp for a key",
    since: "7.0.0",
    complexity: "O(1)",
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: [],
    subcommands: [],
    execute: (keyspace, args) => toSeconds(deadlineOf(keyspace, args)),
  },
  {
    name: "PERSIST",
    arity: 2,
    flags: ["write", "fast"],
    ...oneKey(1, ["RW", "update"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Remove the expiration from a key",
    since: "2.2.0",
    complexity: "O(1)",
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: [],
    subcommands: [],
    execute: persist,
  },
  {
    name: "PEXPIRE",
    arity: -3,
    flags: ["write", "fast"],
    ...oneKey(1, ["RW", "update"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Set a key's time to live in milliseconds",
    since: "2.6.0",
    complexity: "O(1)",
    history: [["7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."]],
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "milliseconds", type: "integer" },
      {
        name: "condition",
        type: "oneof",
        since: "7.0.0",
        flags: ["optional"],
        arguments: [
          { name: "nx", type: "pure-token", token: "NX" },
          { name: "xx", type: "pure-token", token: "XX" },
          { name: "gt", type: "pure-token", token: "GT" },
          { name: "lt", type: "pure-token", token: "LT" },
        ],
      },
    ],
    tips: [],
    subcommands: [],
    execute: (keyspace, args) => expire(keyspace, args, { command: "pexpire", isSeconds: false, isRelative: true }),
  },
  {
    name: "PEXPIREAT",
    arity: -3,
    flags: ["write", "fast"],
    ...oneKey(1, ["RW", "update"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
    since: "2.6.0",
    complexity: "O(1)",
    history: [["7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."]],
    arguments: [
      { name: "key", type: "key", keySpecification: 0 },
      { name: "unix-time-milliseconds", type: "unix-time" },
      {
        name: "condition",
        type: "oneof",
        since: "7.0.0",
        flags: ["optional"],
        arguments: [
          { name: "nx", type: "pure-token", token: "NX" },
          { name: "xx", type: "pure-token", token: "XX" },
          { name: "gt", type: "pure-token", token: "GT" },
          { name: "lt", type: "pure-token", token: "LT" },
        ],
      },
    ],
    tips: [],
    subcommands: [],
    execute: (keyspace, args) => expire(keyspace, args, { command: "pexpireat", isSeconds: false, isRelative: false }),
  },
  {
    name: "PEXPIRETIME",
    arity: 2,
    flags: ["readonly", "fast"],
    ...oneKey(1, ["RO", "access"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Get the expiration Unix timestamp for a key in milliseconds",
    since: "7.0.0",
    complexity: "O(1)",
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: [],
    subcommands: [],
    execute: deadlineOf,
  },
  {
    name: "PTTL",
    arity: 2,
    flags: ["readonly", "fast"],
    ...oneKey(1, ["RO", "access"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Get the time to live for a key in milliseconds",
    since: "2.6.0",
    complexity: "O(1)",
    history: [["2.8.0", "Added the -2 reply."]],
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: ["nondeterministic_output"],
    subcommands: [],
    execute: timeLeft,
  },
  {
    name: "TTL",
    arity: 2,
    flags: ["readonly", "fast"],
    ...oneKey(1, ["RO", "access"]),
    group: "generic",
    categories: ["keyspace"],
    summary: "Get the time to live for a key in seconds",
    since: "1.0.0",
    complexity: "O(1)",
    history: [["2.8.0", "Added the -2 reply."]],
    arguments: [{ name: "key", type: "key", keySpecification: 0 }],
    tips: ["nondeterministic_output"],
    subcommands: [],
    execute: (keyspace, args) => toSeconds(timeLeft(keyspace, args)),
  },
];
