/**
 * `LCS`: the longest common subsequence of two strings, by the textbook table of the lengths for all pairs of prefixes.
 * Where several subsequences are equally long, the choice is Redis': from the ends backwards, leaving the second string's
 * byte first.
 */
import { type Arguments, ErrorReply, MapReply, type Reply } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { clampToSafe, integerArgument } from "./integer.ts";
import { keyRange } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { optionOf } from "./option.ts";
import { notAnInteger, syntaxError } from "./replies.ts";
import { isString, type Value } from "./value.ts";

/** The table takes four bytes a pair of positions; Redis allows it as much as the longest string. */
const tableBytesMax = 512 * 1024 * 1024;

const notStrings = new ErrorReply("ERR The specified keys must contain string values");
const lengthAndIndexes = new ErrorReply("ERR If you want both the length and indexes, please just use IDX.");
const tooLong = new ErrorReply("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");

const optionWords = ["IDX", "LEN", "WITHMATCHLEN", "MINMATCHLEN"] as const;

interface Options {
  hasIndexes: boolean;
  isLengthOnly: boolean;
  hasMatchLengths: boolean;
  matchLengthMin: number;
}

/** Bytes `aStart` to `aLast` of the one string are `bStart` to `bLast` of the other. */
interface Match {
  aStart: number;
  readonly aLast: number;
  bStart: number;
  readonly bLast: number;
}

function longestCommonSubsequence(keyspace: Keyspace, args: Arguments): Reply {
  const a = textOf(keyspace.lookUp(args, 1));
  const b = textOf(keyspace.lookUp(args, 2));
  if (a === undefined || b === undefined) return notStrings;
  const options = parseOptions(args);
  if (options instanceof ErrorReply) return options;
  if (options.hasIndexes && options.isLengthOnly) return lengthAndIndexes;
  if ((a.length + 1) * (b.length + 1) * 4 > tableBytesMax) return tooLong;
  const lengths = prefixLengths(a, b);
  const total = lengths[lengths.length - 1] as number;
  if (options.isLengthOnly) return total;
  const matches = matchesBackwards(a, b, lengths);
  if (options.hasIndexes) return matchesReply(matches, total, options);
  let text = "";
  for (const { aStart, aLast } of matches) text = a.slice(aStart, aLast + 1) + text;
  return text;
}

function textOf(value: Value | undefined): string | undefined {
  if (value === undefined) return "";
  if (!isString(value)) return undefined;
  return typeof value === "string" ? value : value.text();
}

function parseOptions(args: Arguments): Options | ErrorReply {
  const options: Options = { hasIndexes: false, isLengthOnly: false, hasMatchLengths: false, matchLengthMin: 0 };
  for (let word = 3; word < args.count; word++) {
    const option = optionOf(args, word, optionWords);
    if (option === "IDX") options.hasIndexes = true;
    else if (option === "LEN") options.isLengthOnly = true;
    else if (option === "WITHMATCHLEN") options.hasMatchLengths = true;
    else if (option === "MINMATCHLEN" && word + 1 < args.count) {
      const min = integerArgument(args, ++word);
      if (min === undefined) return notAnInteger;
      options.matchLengthMin = clampToSafe(min);
    } else return syntaxError;
  }
  return options;
}

/** At `i * (b.length + 1) + j`: the length for the first `i` bytes of `a` and the first `j` of `b`. */
function prefixLengths(a: string, b: string): Uint32Array {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  const bBytes = Buffer.from(b, "latin1");
  for (let i = 1; i <= a.length; i++) {
    const aByte = a.charCodeAt(i - 1);
    const row = i * width;
    for (let j = 1; j < width; j++) {
      const at = row + j;
      if (aByte === bBytes[j - 1]) lengths[at] = (lengths[at - width - 1] as number) + 1;
      else lengths[at] = Math.max(lengths[at - width] as number, lengths[at - 1] as number);
    }
  }
  return lengths;
}

/** The runs of equal bytes that make up the subsequence, the last one first. */
function matchesBackwards(a: string, b: string, lengths: Uint32Array): Match[] {
  const width = b.length + 1;
  const matches: Match[] = [];
  let current: Match | undefined;
  let i = a.length;
  let j = b.length;
  while (i > 0 && j > 0) {
    if (a.charCodeAt(i - 1) === b.charCodeAt(j - 1)) {
      i--;
      j--;
      if (current === undefined) {
        current = { aStart: i, aLast: i, bStart: j, bLast: j };
        matches.push(current);
      } else {
        current.aStart = i;
        current.bStart = j;
      }
    } else {
      current = undefined;
      const at = i * width + j;
      if ((lengths[at - width] as number) > (lengths[at - 1] as number)) i--;
      else j--;
    }
  }
  return matches;
}

function matchesReply(matches: readonly Match[], total: number, options: Options): Reply {
  const rows: Reply[] = [];
  for (const { aStart, aLast, bStart, bLast } of matches) {
    const matchLength = aLast - aStart + 1;
    if (matchLength < options.matchLengthMin) continue;
    const ranges = [
      [aStart, aLast],
      [bStart, bLast],
    ];
    rows.push(options.hasMatchLengths ? [...ranges, matchLength] : ranges);
  }
  return new MapReply(["matches", rows, "len", total]);
}

export const stringCommonCommands: readonly CommandSpec<Keyspace>[] = [
  {
    name: "LCS",
    arity: -3,
    flags: ["readonly"],
    ...keyRange({ first: 1, last: 2, step: 1 }, ["RO", "access"]),
    group: "string",
    categories: ["string"],
    summary: "Find longest common substring",
    since: "7.0.0",
    complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
    arguments: [
      { name: "key1", type: "key", keySpecification: 0 },
      { name: "key2", type: "key", keySpecification: 0 },
      { name: "len", type: "pure-token", token: "LEN", flags: ["optional"] },
      { name: "idx", type: "pure-token", token: "IDX", flags: ["optional"] },
      { name: "len", type: "integer", token: "MINMATCHLEN", flags: ["optional"] },
      { name: "withmatchlen", type: "pure-token", token: "WITHMATCHLEN", flags: ["optional"] },
    ],
    tips: [],
    isOutsideSessions: true,
    subcommands: [],
    execute: longestCommonSubsequence,
  },
];
