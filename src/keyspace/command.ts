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
  readonly begin:
    | { readonly kind: "index"; readonly index: number }
    | { readonly kind: "keyword"; readonly keyword: string; readonly from: number }
    | { readonly kind: "unknown" };
  readonly find:
    | { readonly kind: "range"; readonly last: number; readonly step: number; readonly limit: number }
    | { readonly kind: "keynum"; readonly keynum: number; readonly firstKey: number; readonly step: number }
    | { readonly kind: "unknown" };
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
  /** Without the "@". The read, write, fast, slow, admin, dangerous, … that follow from flags are derived. */
  readonly categories: readonly string[];
  readonly tips: readonly string[];
  readonly subcommands: readonly CommandSpec<Context>[];
  /** Undefined for a container that only has subcommands. */
  readonly execute: ((context: Context, args: Arguments) => Reply) | undefined;
}
