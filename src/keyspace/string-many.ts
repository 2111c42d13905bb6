/** Several strings at once: `MGET`, `MSET`, `MSETNX`. */
import type { Arguments, Reply } from "../resp/index.ts";
import { ok } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { wrongArity } from "./command-table.ts";
import { keysFrom } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { textReply, wrongType } from "./replies.ts";

function getMany(keyspace: Keyspace, args: Arguments): Reply {
  const replies: Reply[] = [];
  for (let word = 1; word < args.count; word++) {
    const reply = textReply(keyspace.lookUp(args, word));
    replies.push(reply === wrongType ? null : reply);
  }
  return replies;
}

function setMany(keyspace: Keyspace, args: Arguments): Reply {
  if (args.count % 2 === 0) return wrongArity("MSET");
  setAll(keyspace, args);
  return ok;
}

function setManyIfAbsent(keyspace: Keyspace, args: Arguments): Reply {
  if (args.count % 2 === 0) return wrongArity("MSETNX");
  for (let word = 1; word < args.count; word += 2) if (keyspace.find(args, word) !== undefined) return 0;
  setAll(keyspace, args);
  return 1;
}

function setAll(keyspace: Keyspace, args: Arguments): void {
  for (let word = 1; word < args.count; word += 2) keyspace.set(args, word, args.text(word + 1));
}

export const stringManyCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "MGET",
    arity: -2,
    flags: ["readonly", "fast"],
    ...keysFrom(1, 1, ["RO", "access"]),
    group: "string",
    categories: ["string"],
    summary: "Get the values of all the given keys",
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys to retrieve.",
    arguments: [{ name: "key", type: "key", keySpecification: 0, flags: ["multiple"] }],
    tips: ["request_policy:multi_shard"],
    subcommands: [],
    execute: getMany,
  },
  {
    name: "MSET",
    arity: -3,
    flags: ["write", "denyoom"],
    ...keysFrom(1, 2, ["OW", "update"]),
    group: "string",
    categories: ["string"],
    summary: "Set multiple keys to multiple values",
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys to set.",
    arguments: [
      {
        name: "key_value",
        type: "block",
        flags: ["multiple"],
        arguments: [
          { name: "key", type: "key", keySpecification: 0 },
          { name: "value", type: "string" },
        ],
      },
    ],
    tips: ["request_policy:multi_shard", "response_policy:all_succeeded"],
    subcommands: [],
    execute: setMany,
  },
  {
    name: "MSETNX",
    arity: -3,
    flags: ["write", "denyoom"],
    ...keysFrom(1, 2, ["OW", "insert"]),
    group: "string",
    categories: ["string"],
    summary: "Set multiple keys to multiple values, only if none of the keys exist",
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys to set.",
    arguments: [
      {
        name: "key_value",
        type: "block",
        flags: ["multiple"],
        arguments: [
          { name: "key", type: "key", keySpecification: 0 },
          { name: "value", type: "string" },
        ],
      },
    ],
    tips: ["request_policy:multi_shard", "response_policy:agg_min"],
    subcommands: [],
    execute: setManyIfAbsent,
  },
];
