/** Commands over all keys: `KEYS`, `SCAN`, `RANDOMKEY`, `DBSIZE`, `FLUSHALL`, `FLUSHDB`. */
import { type Arguments, ErrorReply, ok, type Reply } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { matchesGlob } from "./glob.ts";
import { clampToSafe, integerArgument } from "./integer.ts";
import { type KeyPosition, keyPositionEnd } from "./key-hash.ts";
import { noKeys } from "./key-specification.ts";
import type { KeyWalk } from "./key-table.ts";
import type { Keyspace } from "./keyspace.ts";
import { optionOf } from "./option.ts";
import { notAnInteger, syntaxError } from "./replies.ts";
import { typeOf } from "./value.ts";

const invalidCursor = new ErrorReply("ERR invalid cursor");
const cursorMax = 0xffff_ffff_ffff_ffffn;
const scanCountDefault = 10;
/** So often a random key may turn out to be due before the next one that is not is taken. */
const randomTriesMax = 100;

const scanWords = ["COUNT", "MATCH", "TYPE"] as const;

interface ScanOptions {
  count: number;
  pattern: string | undefined;
  type: string | undefined;
}

function keys(keyspace: Keyspace, args: Arguments): Reply {
  const pattern = args.text(1);
  const found: string[] = [];
  if (keyspace.meetsDueKey()) return found;
  for (const walk = keyspace.walk(); !walk.isOver; walk.next()) {
    const key = walk.key;
    if ((pattern === "*" || matchesGlob(pattern, key)) && keyspace.isLive(walk)) found.push(key);
  }
  return found;
}

/**
 * A cursor is the position of the next key to look at, so it means the same on every replica, and each key that is
 * there from the first call to the last is given exactly once.
 */
function scan(keyspace: Keyspace, args: Arguments): Reply {
  const start = scanPosition(args.text(1));
  if (start === undefined) return invalidCursor;
  const options = parseScanOptions(args);
  if (options instanceof ErrorReply) return options;
  if (keyspace.meetsDueKey()) return ["0", []];
  const found: string[] = [];
  const walk = keyspace.walk(start);
  let seen = 0;
  let previous = -1;
  for (; !walk.isOver; walk.next()) {
    // Keys with the same hash have the same position and stay together.
    if (seen >= options.count && walk.position !== previous) break;
    seen++;
    previous = walk.position;
    if (isWanted(keyspace, walk, options) && keyspace.isLive(walk)) found.push(walk.key);
  }
  return [walk.isOver ? "0" : walk.position.toString(), found];
}

/**
 * The place that a cursor of `SCAN` stands for, read as C's `strtoul` does; undefined if it is none. One that no call has
 * given leads past the end.
 */
export function scanPosition(text: string): KeyPosition | undefined {
  if (text === "") return 0;
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const digits = text.replace(/^[+-]/, "");
  if (digits.length <= 15)
    return text.startsWith("-") && Number(digits) > 0 ? keyPositionEnd : clampCursor(Number(digits));
  return digits.length > 1_000 || BigInt(digits) > cursorMax ? undefined : keyPositionEnd;
}

function clampCursor(position: number): KeyPosition {
  return Math.min(position, keyPositionEnd);
}

function parseScanOptions(args: Arguments): ScanOptions | ErrorReply {
  const options: ScanOptions = { count: scanCountDefault, pattern: undefined, type: undefined };
  for (let word = 2; word < args.count; word += 2) {
    const option = optionOf(args, word, scanWords);
    if (word + 1 === args.count) return syntaxError;
    if (option === "COUNT") {
      const count = integerArgument(args, word + 1);
      if (count === undefined) return notAnInteger;
      if (count < 1) return syntaxError;
      options.count = clampToSafe(count);
    } else if (option === "MATCH") {
      const pattern = args.text(word + 1);
      options.pattern = pattern === "*" ? undefined : pattern;
    } else if (option === "TYPE") {
      options.type = args.text(word + 1).toLowerCase();
    } else {
      return syntaxError;
    }
  }
  return options;
}

function isWanted(keyspace: Keyspace, walk: KeyWalk, options: ScanOptions): boolean {
  if (options.pattern !== undefined && !matchesGlob(options.pattern, walk.key)) return false;
  if (options.type === undefined) return true;
  // Redis looks the key up to find out.
  if (keyspace.isLive(walk)) keyspace.statistics.hitCount++;
  else keyspace.statistics.missCount++;
  return typeOf(walk.value) === options.type;
}

function randomKey(keyspace: Keyspace): Reply {
  const count = keyspace.heldKeyCount;
  if (count === 0 || keyspace.meetsDueKey()) return null;
  const random = keyspace.random;
  for (let tries = 0; tries < randomTriesMax; tries++) {
    const walk = keyspace.nth(random.below(count));
    if (keyspace.isLive(walk)) return walk.key;
  }
  // Nearly all keys are due: from a random place on, around the end, the next one that is not.
  const start = random.below(count);
  let walk = keyspace.nth(start);
  for (let seen = 0; seen < count; seen++) {
    if (keyspace.isLive(walk)) return walk.key;
    walk.next();
    if (walk.isOver) walk = keyspace.walk();
  }
  return null;
}

function databaseSize(keyspace: Keyspace): Reply {
  return keyspace.meetsDueKey() ? 0 : keyspace.keyCount;
}

function flush(keyspace: Keyspace, args: Arguments): Reply {
  if (args.count > 2) return syntaxError;
  if (args.count === 2 && optionOf(args, 1, ["SYNC", "ASYNC"]) === undefined) return syntaxError;
  keyspace.clear();
  return ok;
}

export const keyWalkCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "DBSIZE",
    arity: 1,
    flags: ["readonly", "fast"],
    ...noKeys,
    group: "server",
    categories: ["keyspace"],
    summary: "Return the number of keys in the selected database",
    since: "1.0.0",
    complexity: "O(1)",
    tips: ["request_policy:all_shards", "response_policy:agg_sum"],
    subcommands: [],
    execute: databaseSize,
  },
  {
    name: "FLUSHALL",
    arity: -1,
    flags: ["write"],
    ...noKeys,
    group: "server",
    categories: ["keyspace", "dangerous"],
    summary: "Remove all keys from all databases",
    since: "1.0.0",
    complexity: "O(N) where N is the total number of keys in all databases",
    history: [
      ["4.0.0", "Added the `ASYNC` flushing mode modifier."],
      ["6.2.0", "Added the `SYNC` flushing mode modifier."],
    ],
    arguments: [
      {
        name: "async",
        type: "oneof",
        flags: ["optional"],
        arguments: [
          { name: "async", type: "pure-token", token: "ASYNC", since: "4.0.0" },
          { name: "sync", type: "pure-token", token: "SYNC", since: "6.2.0" },
        ],
      },
    ],
    tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
    subcommands: [],
    onlyFrees: true,
    execute: flush,
  },
  {
    name: "FLUSHDB",
    arity: -1,
    flags: ["write"],
    ...noKeys,
    group: "server",
    categories: ["keyspace", "dangerous"],
    summary: "Remove all keys from the current database",
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys in the selected database",
    history: [
      ["4.0.0", "Added the `ASYNC` flushing mode modifier."],
      ["6.2.0", "Added the `SYNC` flushing mode modifier."],
    ],
    arguments: [
      {
        name: "async",
        type: "oneof",
        flags: ["optional"],
        arguments: [
          { name: "async", type: "pure-token", token: "ASYNC", since: "4.0.0" },
          { name: "sync", type: "pure-token", token: "SYNC", since: "6.2.0" },
        ],
      },
    ],
    tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
    subcommands: [],
    onlyFrees: true,
    execute: flush,
  },
  {
    name: "KEYS",
    arity: 2,
    flags: ["readonly"],
    ...noKeys,
    group: "generic",
    categories: ["keyspace", "dangerous"],
    summary: "Find all keys matching the given pattern",
    since: "1.0.0",
    complexity:
      "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
    arguments: [{ name: "pattern", type: "pattern" }],
    tips: ["request_policy:all_shards", "nondeterministic_output_order"],
    subcommands: [],
    execute: keys,
  },
  {
    name: "RANDOMKEY",
    arity: 1,
    flags: ["readonly"],
    ...noKeys,
    group: "generic",
    categories: ["keyspace"],
    summary: "Return a random key from the keyspace",
    since: "1.0.0",
    complexity: "O(1)",
    tips: ["request_policy:all_shards", "nondeterministic_output"],
    subcommands: [],
    execute: randomKey,
  },
  {
    name: "SCAN",
    arity: -2,
    flags: ["readonly"],
    ...noKeys,
    group: "generic",
    categories: ["keyspace"],
    summary: "Incrementally iterate the keys space",
    since: "2.8.0",
    complexity:
      "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
    history: [["6.0.0", "Added the `TYPE` subcommand."]],
    arguments: [
      { name: "cursor", type: "integer" },
      { name: "pattern", type: "pattern", token: "MATCH", flags: ["optional"] },
      { name: "count", type: "integer", token: "COUNT", flags: ["optional"] },
      { name: "type", type: "string", token: "TYPE", since: "6.0.0", flags: ["optional"] },
    ],
    tips: ["nondeterministic_output", "request_policy:special"],
    subcommands: [],
    execute: scan,
  },
];
