/** Keys as such: whether they are there, their type, and their removal, copies and names. */
import type { Arguments, Reply } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { keysFrom } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";

function remove(keyspace: Keyspace, args: Arguments): Reply {
  let removed = 0;
  for (let word = 1; word < args.count; word++) {
    if (keyspace.find(args, word) === undefined) continue;
    keyspace.remove();
    removed++;
  }
  return removed;
}

export const keyLifeCommands: readonly CommandSpec<Keyspace>[] = [
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
    tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
    subcommands: [],
    execute: remove,
  },
];
