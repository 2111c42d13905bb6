import type { Arguments, Reply } from "../resp/index.ts";

/** Redis' command flags, as `COMMAND INFO` names them. */
export type CommandFlag =
  | "write"
  | "readonly"
  | "denyoom"
  | "admin"
  | "pubsub"
  | "noscript"
  | "random"
  | "blocking"
  | "loading"
  | "stale"
  | "skip_monitor"
  | "skip_slowlog"
  | "asking"
  | "fast"
  | "no_auth"
  | "may_replicate"
  | "movablekeys"
  | "allow_busy"
  | "no_async_loading"
  | "no_multi"
  | "no_mandatory_keys";

export type CommandGroup =
  | "generic"
  | "string"
  | "list"
  | "set"
  | "sorted-set"
  | "hash"
  | "pubsub"
  | "transactions"
  | "connection"
  | "server"
  | "scripting"
  | "hyperloglog"
  | "cluster"
  | "geo"
  | "stream"
  | "bitmap"
  | "coterie";

/** Where the keys of a command stand. Redis' first, last and step; `last` below zero counts from the end. */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** Redis' key specification: where to begin, how to find the keys, and what is done with them. */
export interface KeySpecification {
  readonly flags: readonly string[];
  /** What Redis adds in words. */
  readonly notes?: string;
  readonly begin:
    | { readonly kind: "index"; readonly index: number }
    | { readonly kind: "keyword"; readonly keyword: string; readonly from: number }
    | { readonly kind: "unknown" };
  readonly find:
    | { readonly kind: "range"; readonly last: number; readonly step: number; readonly limit: number }
    | { readonly kind: "keynum"; readonly keynum: number; readonly firstKey: number; readonly step: number }
    | { readonly kind: "unknown" };
}

/** One word, or several, of a command as `COMMAND DOCS` describes it: clients make hints and help of it. */
export interface CommandArgument {
  readonly name: string;
  /** "oneof" and "block" are made of `arguments`: one of them, or all in order. "pure-token" is `token` alone. */
  readonly type: "string" | "integer" | "double" | "key" | "pattern" | "unix-time" | "pure-token" | "oneof" | "block";
  /** For a key: which of the command's `keySpecifications` finds it. */
  readonly keySpecification?: number;
  /** The word before it. */
  readonly token?: string;
  readonly since?: string;
  readonly deprecatedSince?: string;
  /** "multiple": it may come several times; "multiple_token": each time with its token. */
  readonly flags?: readonly ("optional" | "multiple" | "multiple_token")[];
  readonly arguments?: readonly CommandArgument[];
}

/**
 * What there is to know of a command without running it: arity, routing, `COMMAND`, the documentation and the tests
 * all read this. `Context` is what the function works on: the keyspace, or the connection for the server's own.
 */
export interface CommandSpec<Context> {
  /** Upper case. A subcommand's is its own word only. */
  readonly name: string;
  /** Number of words with the name; negative: at least that many. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly keys: KeyPositions | undefined;
  readonly keySpecifications: readonly KeySpecification[];
  readonly group: CommandGroup;
  readonly summary: string;
  readonly since: string;
  readonly complexity: string;
  /** Set if Redis calls the command deprecated. */
  readonly deprecation?: { readonly since: string; readonly replacedBy: string };
  /** Set if it is for those who work on the server, not for users. */
  readonly isSystemCommand?: true;
  /** Version and change, as `COMMAND DOCS` reports it. */
  readonly history?: readonly (readonly [version: string, change: string])[];
  /** The words behind its name, in order; undefined if there are none. */
  readonly arguments?: readonly CommandArgument[];
  /** Without the "@". The read, write, fast, slow, admin, dangerous, … that follow from flags are derived. */
  readonly categories: readonly string[];
  readonly tips: readonly string[];
  readonly subcommands: readonly CommandSpec<Context>[];
  /**
   * Set for a command that has keys and yet must not run in a session: its answer depends on more than the replicated
   * state, or to compute it on every replica would cost too much.
   */
  readonly isOutsideSessions?: true;
  /**
   * The semantics level (semantics.ts) from which on the command may be called; default: the first. A command that comes with a
   * newer version names that version's: until the upgrade is finished it is refused, since the others could not carry out an
   * entry that holds it.
   */
  readonly semanticsLevel?: number;
  /**
   * Set for a command that only removes, whatever its words are: where there is no space for anything else it is still
   * carried out, so that there is some again.
   */
  readonly onlyFrees?: true;
  /** Which word another command begins with, whose keys are those of this one; undefined if these words hold none. */
  readonly innerCommandAt?: (args: Arguments) => number | undefined;
  /** Undefined for a container that only has subcommands. */
  readonly execute: ((context: Context, args: Arguments) => Reply) | undefined;
}

/** Whether a command may change the state, and so goes through the log. */
export function isWrite(spec: CommandSpec<never>): boolean {
  return spec.flags.includes("write");
}

/** Whether a command of `wordCount` words, its name and its container's included, has as many as it needs. */
export function hasArity(spec: CommandSpec<never>, wordCount: number): boolean {
  return spec.arity < 0 ? wordCount >= -spec.arity : wordCount === spec.arity;
}

/** All ACL categories of a command, those that follow from its flags included, in the order that Redis prints them. */
export function aclCategories(spec: CommandSpec<never>): string[] {
  const own = new Set(spec.categories);
  const { flags } = spec;
  if (flags.includes("write")) own.add("write");
  if (flags.includes("readonly") && !own.has("scripting")) own.add("read");
  if (flags.includes("admin")) own.add("admin").add("dangerous");
  if (flags.includes("pubsub")) own.add("pubsub");
  if (flags.includes("fast")) own.add("fast");
  if (flags.includes("blocking")) own.add("blocking");
  if (!own.has("fast")) own.add("slow");
  return categoryOrder.filter((category) => own.has(category));
}

const categoryOrder: readonly string[] = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "bitmap",
  "hyperloglog",
  "geo",
  "stream",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
  "scripting",
];
