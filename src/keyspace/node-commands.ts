/** Commands that only the nodes themselves put into entries. No client reaches them. */
import type { Arguments, Reply } from "../resp/index.ts";
import { ok } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { digestOf } from "./digest.ts";
import { integerArgument } from "./integer.ts";
import { keyPositionEnd } from "./key-hash.ts";
import { noKeys } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { notAnInteger } from "./replies.ts";

/** `CHECKSUM [from keyCountMax]` → [digest, next]. The state as it is at this point of the entry. */
function checksum(keyspace: Keyspace, args: Arguments): Reply {
  if (args.count === 1) {
    const { digest, next } = digestOf(keyspace);
    return [digest, next];
  }
  const from = integerArgument(args, 1);
  const keyCountMax = args.count === 3 ? integerArgument(args, 2) : undefined;
  if (typeof from !== "number" || from < 0 || from > keyPositionEnd) return notAnInteger;
  if (typeof keyCountMax !== "number" || keyCountMax < 1) return notAnInteger;
  const { digest, next } = digestOf(keyspace, { from, keyCountMax });
  return [digest, next];
}

/** `SEMANTICS-LEVEL level`: proposed once every replica's binary knows the level. */
function semanticsLevel(keyspace: Keyspace, args: Arguments): Reply {
  const level = integerArgument(args, 1);
  if (typeof level !== "number" || level < 1) return notAnInteger;
  keyspace.raiseSemanticsLevel(level);
  return ok;
}

export const semanticsLevelCommand: CommandSpec<Keyspace> = {
  name: "SEMANTICS-LEVEL",
  arity: 2,
  flags: ["write"],
  ...noKeys,
  group: "coterie",
  categories: ["dangerous"],
  summary: "Raise the level that decides which version of each command's behaviour holds",
  since: "0.1.0",
  complexity: "O(1)",
  tips: [],
  subcommands: [],
  execute: semanticsLevel,
};

export const nodeCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "CHECKSUM",
    arity: -1,
    flags: ["write"],
    ...noKeys,
    group: "coterie",
    categories: ["dangerous"],
    summary: "Compute the digest of the state, or of a number of keys from a position on",
    since: "0.1.0",
    complexity: "O(N) where N is the number of keys",
    tips: [],
    subcommands: [],
    execute: checksum,
  },
  semanticsLevelCommand,
];
