import type { CommandFacts } from "./command-facts.ts";

export type CoterieFactName = "coterie" | "coterie|help" | "coterie|join" | "coterie|status";

/** `COTERIE` and its subcommands. */
export const coterieFacts: Readonly<Record<CoterieFactName, CommandFacts>> = {
  coterie: {
    arity: -2,
    flags: [],
    group: "coterie",
    since: "0.1.0",
    summary: "A container for commands about the cluster itself",
    complexity: "Depends on subcommand.",
  },
  "coterie|help": {
    arity: 2,
    flags: ["loading", "stale"],
    group: "coterie",
    since: "0.1.0",
    summary: "Show helpful text about the different subcommands",
    complexity: "O(1)",
  },
  "coterie|join": {
    arity: 5,
    flags: ["admin", "noscript", "loading", "stale", "skip_monitor", "skip_slowlog", "no_auth"],
    group: "coterie",
    since: "0.2.0",
    summary: "An internal command: how a node that starts with --join proves who it is, and becomes one of the cluster",
    complexity: "O(N) where N is the number of nodes",
    tips: ["nondeterministic_output"],
    isSystemCommand: true,
    arguments: [
      { name: "word", type: "string" },
      { name: "first", type: "string" },
      { name: "second", type: "string" },
    ],
  },
  "coterie|status": {
    arity: 2,
    flags: ["admin", "loading", "stale"],
    group: "coterie",
    since: "0.1.0",
    summary: "The state of every node and shard, as JSON",
    complexity: "O(N) where N is the number of nodes",
    tips: ["nondeterministic_output"],
  },
};
