import type { CommandFacts } from "./command-facts.ts";

export type CoterieFactName =
  | "coterie"
  | "coterie|directory"
  | "coterie|finish-upgrade"
  | "coterie|help"
  | "coterie|join"
  | "coterie|node"
  | "coterie|settings"
  | "coterie|shard"
  | "coterie|status";

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
  "coterie|directory": {
    arity: 2,
    flags: ["admin", "loading", "stale"],
    group: "coterie",
    since: "0.2.0",
    summary: "The directory of nodes, shards and settings, who leads the shards and which nodes answer, as JSON",
    complexity: "O(N) where N is the number of nodes and shards",
    tips: ["nondeterministic_output"],
  },
  "coterie|finish-upgrade": {
    arity: 2,
    flags: ["admin", "noscript"],
    group: "coterie",
    since: "0.2.0",
    summary: "After an upgrade of all nodes, have everything work as their version does; return the semantics level",
    complexity: "O(N) where N is the number of nodes and shards",
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
  "coterie|node": {
    arity: -4,
    flags: ["admin", "noscript"],
    group: "coterie",
    since: "0.2.0",
    summary: "Change what a node is for the cluster; return the directory's epoch",
    complexity: "O(N) where N is the number of nodes and shards",
    arguments: [
      {
        name: "action",
        type: "oneof",
        arguments: [
          { name: "drain", type: "pure-token", token: "DRAIN" },
          { name: "resume", type: "pure-token", token: "RESUME" },
          { name: "decommission", type: "pure-token", token: "DECOMMISSION" },
          { name: "remove", type: "pure-token", token: "REMOVE" },
        ],
      },
      { name: "node", type: "string" },
      { name: "force", type: "pure-token", token: "FORCE", flags: ["optional"] },
    ],
  },
  "coterie|settings": {
    arity: -4,
    flags: ["admin", "noscript"],
    group: "coterie",
    since: "0.2.0",
    summary:
      "Set how many replicas shards have, when a lost node is replaced, and how many replicas move; return the epoch",
    complexity: "O(N) where N is the number of settings",
    arguments: [
      {
        name: "setting",
        type: "block",
        flags: ["multiple"],
        arguments: [
          { name: "name", type: "string" },
          { name: "value", type: "integer" },
        ],
      },
    ],
  },
  "coterie|shard": {
    arity: -6,
    flags: ["admin", "noscript"],
    group: "coterie",
    since: "0.2.0",
    summary: "Have a replica of a shard move (return the directory's epoch), or another node lead it (return OK)",
    complexity: "O(N) where N is the number of nodes and shards",
    arguments: [
      {
        name: "action",
        type: "oneof",
        arguments: [
          { name: "move", type: "pure-token", token: "MOVE" },
          { name: "transfer", type: "pure-token", token: "TRANSFER" },
        ],
      },
      { name: "shard", type: "integer" },
      { name: "from", type: "string", token: "FROM", flags: ["optional"] },
      { name: "to", type: "string", token: "TO", flags: ["optional"] },
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
