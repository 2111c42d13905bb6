/**
 * What changes the directory, which is a keyspace of a group of its own: records under the number of the last change, its
 * epoch. What records mean, and which change is right, is decided elsewhere on one state of them; here it counts for that
 * state alone. No client reaches this command.
 */
import { Arguments, ErrorReply, type Reply, SimpleString } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { wrongArity } from "./command-table.ts";
import { integerArgument } from "./integer.ts";
import { noKeys } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { notAnInteger } from "./replies.ts";

/** The key that holds the epoch, as a decimal number; absent: 0. No record has it. */
export const directoryEpochKey = "epoch";

const reservedKey = new ErrorReply(`ERR the directory's ${directoryEpochKey} is no record: nothing has changed`);

const epochWord = 1;
const epochName: Arguments = Arguments.of([directoryEpochKey]);

/**
 * `DIRECTORY-CHANGE epoch [key value …]`: where the directory is at `epoch`, each record is put, or deleted if its value is
 * empty, and the epoch rises by one, unless there is no record: `+CHANGED epoch`, the present one. Otherwise nothing happens:
 * `+EPOCH epoch`.
 */
function directoryChange(keyspace: Keyspace, args: Arguments): Reply {
  if (args.count % 2 !== 0) return wrongArity("DIRECTORY-CHANGE");
  const expected = integerArgument(args, epochWord);
  if (typeof expected !== "number" || expected < 0) return notAnInteger;
  for (let word = 2; word < args.count; word += 2) if (args.text(word) === directoryEpochKey) return reservedKey;
  const present = epochOf(keyspace);
  if (present !== expected) return new SimpleString(`EPOCH ${present}`);
  if (args.count === 2) return new SimpleString(`CHANGED ${present}`);
  for (let word = 2; word < args.count; word += 2) {
    if (args.byteLength(word + 1) > 0) keyspace.set(args, word, args.text(word + 1));
    else if (keyspace.find(args, word) !== undefined) keyspace.remove();
  }
  keyspace.set(epochName, 0, String(present + 1));
  return new SimpleString(`CHANGED ${present + 1}`);
}

/** The number of the last change; 0 before the first. */
export function epochOf(keyspace: Keyspace): number {
  const value = keyspace.find(epochName, 0);
  return value === undefined ? 0 : Number(value);
}

export const directoryCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "DIRECTORY-CHANGE",
    arity: -2,
    flags: ["write"],
    ...noKeys,
    group: "coterie",
    categories: ["dangerous"],
    summary: "Change records of the directory, if it is at the epoch that the change was decided for",
    since: "0.1.0",
    complexity: "O(N) where N is the number of records",
    tips: [],
    subcommands: [],
    execute: directoryChange,
  },
];
