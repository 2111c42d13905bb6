import type { CommandFacts } from "./command-facts.ts";

/** The names of these commands; a subcommand's is "container|subcommand". */
export type ServerFactName =
  | "command"
  | "command|count"
  | "command|docs"
  | "command|getkeys"
  | "command|getkeysandflags"
  | "command|help"
  | "command|info"
  | "command|list"
  | "config"
  | "config|get"
  | "config|help"
  | "config|resetstat"
  | "config|rewrite"
  | "config|set"
  | "info"
  | "memory"
  | "memory|doctor"
  | "memory|help"
  | "memory|malloc-stats"
  | "memory|purge"
  | "memory|stats"
  | "slowlog"
  | "slowlog|get"
  | "slowlog|help"
  | "slowlog|len"
  | "slowlog|reset"
  | "latency"
  | "latency|doctor"
  | "latency|graph"
  | "latency|help"
  | "latency|histogram"
  | "latency|history"
  | "latency|latest"
  | "latency|reset"
  | "time"
  | "lastsave"
  | "wait"
  | "shutdown"
  | "monitor"
  | "debug";

/** The commands about the server, as Redis 7.0.15 describes them, and our own. */
export const serverFacts: Readonly<Record<ServerFactName, CommandFacts>> = {
  command: {
    arity: -1,
    flags: ["loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Get array of Redis command details",
    complexity: "O(N) where N is the total number of Redis commands",
    categories: ["connection"],
    tips: ["nondeterministic_output_order"],
  },
  "command|count": {
    arity: 2,
    flags: ["loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Get total number of Redis commands",
    complexity: "O(1)",
    categories: ["connection"],
  },
  "command|docs": {
    arity: -2,
    flags: ["loading", "stale"],
    group: "server",
    since: "7.0.0",
    summary: "Get array of specific Redis command documentation",
    complexity: "O(N) where N is the number of commands to look up",
    categories: ["connection"],
    tips: ["nondeterministic_output_order"],
    arguments: [{ name: "command-name", type: "string", flags: ["optional", "multiple"] }],
  },
  "command|getkeys": {
    arity: -4,
    flags: ["loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Extract keys given a full Redis command",
    complexity: "O(N) where N is the number of arguments to the command",
    categories: ["connection"],
  },
  "command|getkeysandflags": {
    arity: -4,
    flags: ["loading", "stale"],
    group: "server",
    since: "7.0.0",
    summary: "Extract keys and access flags given a full Redis command",
    complexity: "O(N) where N is the number of arguments to the command",
    categories: ["connection"],
  },
  "command|help": {
    arity: 2,
    flags: ["loading", "stale"],
    group: "server",
    since: "5.0.0",
    summary: "Show helpful text about the different subcommands",
    complexity: "O(1)",
    categories: ["connection"],
  },
  "command|info": {
    arity: -2,
    flags: ["loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Get array of specific Redis command details, or all when no argument is given.",
    complexity: "O(N) where N is the number of commands to look up",
    categories: ["connection"],
    tips: ["nondeterministic_output_order"],
    history: [["7.0.0", "Allowed to be called with no argument to get info on all commands."]],
    arguments: [{ name: "command-name", type: "string", flags: ["optional", "multiple"] }],
  },
  "command|list": {
    arity: -2,
    flags: ["loading", "stale"],
    group: "server",
    since: "7.0.0",
    summary: "Get an array of Redis command names",
    complexity: "O(N) where N is the total number of Redis commands",
    categories: ["connection"],
    tips: ["nondeterministic_output_order"],
    arguments: [
      {
        name: "filterby",
        type: "oneof",
        token: "FILTERBY",
        flags: ["optional"],
        arguments: [
          { name: "module-name", type: "string", token: "MODULE" },
          { name: "category", type: "string", token: "ACLCAT" },
          { name: "pattern", type: "pattern", token: "PATTERN" },
        ],
      },
    ],
  },
  config: {
    arity: -2,
    flags: [],
    group: "server",
    since: "2.0.0",
    summary: "A container for server configuration commands",
    complexity: "Depends on subcommand.",
  },
  "config|get": {
    arity: -3,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "2.0.0",
    summary: "Get the values of configuration parameters",
    complexity: "O(N) when N is the number of configuration parameters provided",
    history: [["7.0.0", "Added the ability to pass multiple pattern parameters in one call"]],
    arguments: [
      { name: "parameter", type: "block", flags: ["multiple"], arguments: [{ name: "parameter", type: "string" }] },
    ],
  },
  "config|help": {
    arity: 2,
    flags: ["loading", "stale"],
    group: "server",
    since: "5.0.0",
    summary: "Show helpful text about the different subcommands",
    complexity: "O(1)",
  },
  "config|resetstat": {
    arity: 2,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "2.0.0",
    summary: "Reset the stats returned by INFO",
    complexity: "O(1)",
  },
  "config|rewrite": {
    arity: 2,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "2.8.0",
    summary: "Rewrite the configuration file with the in memory configuration",
    complexity: "O(1)",
  },
  "config|set": {
    arity: -4,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "2.0.0",
    summary: "Set configuration parameters to the given values",
    complexity: "O(N) when N is the number of configuration parameters provided",
    tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
    history: [["7.0.0", "Added the ability to set multiple parameters in one call."]],
    arguments: [
      {
        name: "parameter_value",
        type: "block",
        flags: ["multiple"],
        arguments: [
          { name: "parameter", type: "string" },
          { name: "value", type: "string" },
        ],
      },
    ],
  },
  info: {
    arity: -1,
    flags: ["loading", "stale"],
    group: "server",
    since: "1.0.0",
    summary: "Get information and statistics about the server",
    complexity: "O(1)",
    categories: ["dangerous"],
    tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    history: [["7.0.0", "Added support for taking multiple section arguments."]],
    arguments: [{ name: "section", type: "string", flags: ["optional", "multiple"] }],
  },
  memory: {
    arity: -2,
    flags: [],
    group: "server",
    since: "4.0.0",
    summary: "A container for memory diagnostics commands",
    complexity: "Depends on subcommand.",
  },
  "memory|doctor": {
    arity: 2,
    flags: [],
    group: "server",
    since: "4.0.0",
    summary: "Outputs memory problems report",
    complexity: "O(1)",
    tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
  },
  "memory|help": {
    arity: 2,
    flags: ["loading", "stale"],
    group: "server",
    since: "4.0.0",
    summary: "Show helpful text about the different subcommands",
    complexity: "O(1)",
  },
  "memory|malloc-stats": {
    arity: 2,
    flags: [],
    group: "server",
    since: "4.0.0",
    summary: "Show allocator internal stats",
    complexity: "Depends on how much memory is allocated, could be slow",
    tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
  },
  "memory|purge": {
    arity: 2,
    flags: [],
    group: "server",
    since: "4.0.0",
    summary: "Ask the allocator to release memory",
    complexity: "Depends on how much memory is allocated, could be slow",
    tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
  },
  "memory|stats": {
    arity: 2,
    flags: [],
    group: "server",
    since: "4.0.0",
    summary: "Show memory usage details",
    complexity: "O(1)",
    tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
  },
  slowlog: {
    arity: -2,
    flags: [],
    group: "server",
    since: "2.2.12",
    summary: "A container for slow log commands",
    complexity: "Depends on subcommand.",
  },
  "slowlog|get": {
    arity: -2,
    flags: ["admin", "loading", "stale"],
    group: "server",
    since: "2.2.12",
    summary: "Get the slow log's entries",
    complexity: "O(N) where N is the number of entries returned",
    tips: ["request_policy:all_nodes", "nondeterministic_output"],
    history: [["4.0.0", "Added client IP address, port and name to the reply."]],
    arguments: [{ name: "count", type: "integer", flags: ["optional"] }],
  },
  "slowlog|help": {
    arity: 2,
    flags: ["loading", "stale"],
    group: "server",
    since: "6.2.0",
    summary: "Show helpful text about the different subcommands",
    complexity: "O(1)",
  },
  "slowlog|len": {
    arity: 2,
    flags: ["admin", "loading", "stale"],
    group: "server",
    since: "2.2.12",
    summary: "Get the slow log's length",
    complexity: "O(1)",
    tips: ["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
  },
  "slowlog|reset": {
    arity: 2,
    flags: ["admin", "loading", "stale"],
    group: "server",
    since: "2.2.12",
    summary: "Clear all entries from the slow log",
    complexity: "O(N) where N is the number of entries in the slowlog",
    tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
  },
  latency: {
    arity: -2,
    flags: [],
    group: "server",
    since: "2.8.13",
    summary: "A container for latency diagnostics commands",
    complexity: "Depends on subcommand.",
  },
  "latency|doctor": {
    arity: 2,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Return a human readable latency analysis report.",
    complexity: "O(1)",
    tips: ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
  },
  "latency|graph": {
    arity: 3,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Return a latency graph for the event.",
    complexity: "O(1)",
    tips: ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    arguments: [{ name: "event", type: "string" }],
  },
  "latency|help": {
    arity: 2,
    flags: ["loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Show helpful text about the different subcommands.",
    complexity: "O(1)",
  },
  "latency|histogram": {
    arity: -2,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "7.0.0",
    summary: "Return the cumulative distribution of latencies of a subset of commands or all.",
    complexity: "O(N) where N is the number of commands with latency information being retrieved.",
    tips: ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    arguments: [{ name: "command", type: "string", flags: ["optional", "multiple"] }],
  },
  "latency|history": {
    arity: 3,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Return timestamp-latency samples for the event.",
    complexity: "O(1)",
    tips: ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    arguments: [{ name: "event", type: "string" }],
  },
  "latency|latest": {
    arity: 2,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Return the latest latency samples for all events.",
    complexity: "O(1)",
    tips: ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
  },
  "latency|reset": {
    arity: -2,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "2.8.13",
    summary: "Reset latency data for one or more events.",
    complexity: "O(1)",
    tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
    arguments: [{ name: "event", type: "string", flags: ["optional", "multiple"] }],
  },
  time: {
    arity: 1,
    flags: ["loading", "stale", "fast"],
    group: "server",
    since: "2.6.0",
    summary: "Return the current server time",
    complexity: "O(1)",
    tips: ["nondeterministic_output"],
  },
  lastsave: {
    arity: 1,
    flags: ["loading", "stale", "fast"],
    group: "server",
    since: "1.0.0",
    summary: "Get the UNIX time stamp of the last successful save to disk",
    complexity: "O(1)",
    categories: ["admin", "dangerous"],
    tips: ["nondeterministic_output"],
  },
  wait: {
    arity: 3,
    flags: ["noscript"],
    group: "generic",
    since: "3.0.0",
    summary:
      "Wait for the synchronous replication of all the write commands sent in the context of the current connection",
    complexity: "O(1)",
    categories: ["connection"],
    tips: ["request_policy:all_shards", "response_policy:agg_min"],
    arguments: [
      { name: "numreplicas", type: "integer" },
      { name: "timeout", type: "integer" },
    ],
  },
  shutdown: {
    arity: -1,
    flags: ["admin", "noscript", "loading", "stale", "no_multi", "allow_busy"],
    group: "server",
    since: "1.0.0",
    summary: "Synchronously save the dataset to disk and then shut down the server",
    complexity:
      "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
    history: [["7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers."]],
    arguments: [
      {
        name: "nosave_save",
        type: "oneof",
        flags: ["optional"],
        arguments: [
          { name: "nosave", type: "pure-token", token: "NOSAVE" },
          { name: "save", type: "pure-token", token: "SAVE" },
        ],
      },
      { name: "now", type: "pure-token", token: "NOW", since: "7.0.0", flags: ["optional"] },
      { name: "force", type: "pure-token", token: "FORCE", since: "7.0.0", flags: ["optional"] },
      { name: "abort", type: "pure-token", token: "ABORT", since: "7.0.0", flags: ["optional"] },
    ],
  },
  monitor: {
    arity: 1,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "1.0.0",
    summary: "Listen for all requests received by the server in real time",
    complexity: "",
  },
  debug: {
    arity: -2,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "server",
    since: "1.0.0",
    summary: "A container for debugging commands",
    complexity: "Depends on subcommand.",
    isSystemCommand: true,
  },
};
