import type { CommandFacts } from "./command-facts.ts";

/** The names of these commands; a subcommand's is "container|subcommand". */
export type ConnectionFactName =
  | "ping"
  | "echo"
  | "select"
  | "quit"
  | "reset"
  | "hello"
  | "auth"
  | "client"
  | "client|getname"
  | "client|help"
  | "client|id"
  | "client|info"
  | "client|kill"
  | "client|list"
  | "client|no-evict"
  | "client|pause"
  | "client|reply"
  | "client|setinfo"
  | "client|setname"
  | "client|unblock"
  | "client|unpause";

/** The commands about the client's own connection, as Redis 7.0.15 describes them (`CLIENT SETINFO` as 7.2 does). */
export const connectionFacts: Readonly<Record<ConnectionFactName, CommandFacts>> = {
  ping: {
    arity: -1,
    flags: ["fast"],
    group: "connection",
    since: "1.0.0",
    summary: "Ping the server",
    complexity: "O(1)",
    categories: ["connection"],
    tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
    arguments: [{ name: "message", type: "string", flags: ["optional"] }],
  },
  echo: {
    arity: 2,
    flags: ["loading", "stale", "fast"],
    group: "connection",
    since: "1.0.0",
    summary: "Echo the given string",
    complexity: "O(1)",
    categories: ["connection"],
    arguments: [{ name: "message", type: "string" }],
  },
  select: {
    arity: 2,
    flags: ["loading", "stale", "fast"],
    group: "connection",
    since: "1.0.0",
    summary: "Change the selected database for the current connection",
    complexity: "O(1)",
    categories: ["connection"],
    arguments: [{ name: "index", type: "integer" }],
  },
  quit: {
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    group: "connection",
    since: "1.0.0",
    summary: "Close the connection",
    complexity: "O(1)",
    categories: ["connection"],
  },
  reset: {
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    group: "connection",
    since: "6.2.0",
    summary: "Reset the connection",
    complexity: "O(1)",
    categories: ["connection"],
  },
  hello: {
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    group: "connection",
    since: "6.0.0",
    summary: "Handshake with Redis",
    complexity: "O(1)",
    categories: ["connection"],
    history: [
      [
        "6.2.0",
        "`protover` made optional; when called without arguments the command reports the current connection's context.",
      ],
    ],
    arguments: [
      {
        name: "arguments",
        type: "block",
        flags: ["optional"],
        arguments: [
          { name: "protover", type: "integer" },
          {
            name: "username_password",
            type: "block",
            token: "AUTH",
            flags: ["optional"],
            arguments: [
              { name: "username", type: "string" },
              { name: "password", type: "string" },
            ],
          },
          { name: "clientname", type: "string", token: "SETNAME", flags: ["optional"] },
        ],
      },
    ],
  },
  auth: {
    arity: -2,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    group: "connection",
    since: "1.0.0",
    summary: "Authenticate to the server",
    complexity: "O(N) where N is the number of passwords defined for the user",
    categories: ["connection"],
    history: [["6.0.0", "Added ACL style (username and password)."]],
    arguments: [
      { name: "username", type: "string", since: "6.0.0", flags: ["optional"] },
      { name: "password", type: "string" },
    ],
  },
  client: {
    arity: -2,
    flags: [],
    group: "connection",
    since: "2.4.0",
    summary: "A container for client connection commands",
    complexity: "Depends on subcommand.",
  },
  "client|getname": {
    arity: 2,
    flags: ["noscript", "loading", "stale"],
    group: "connection",
    since: "2.6.9",
    summary: "Get the current connection name",
    complexity: "O(1)",
    categories: ["connection"],
  },
  "client|help": {
    arity: 2,
    flags: ["loading", "stale"],
    group: "connection",
    since: "5.0.0",
    summary: "Show helpful text about the different subcommands",
    complexity: "O(1)",
    categories: ["connection"],
  },
  "client|id": {
    arity: 2,
    flags: ["noscript", "loading", "stale"],
    group: "connection",
    since: "5.0.0",
    summary: "Returns the client ID for the current connection",
    complexity: "O(1)",
    categories: ["connection"],
  },
  "client|info": {
    arity: 2,
    flags: ["noscript", "loading", "stale"],
    group: "connection",
    since: "6.2.0",
    summary: "Returns information about the current client connection.",
    complexity: "O(1)",
    categories: ["connection"],
    tips: ["nondeterministic_output"],
  },
  "client|kill": {
    arity: -3,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "connection",
    since: "2.4.0",
    summary: "Kill the connection of a client",
    complexity: "O(N) where N is the number of client connections",
    categories: ["connection"],
    history: [
      ["2.8.12", "Added new filter format."],
      ["2.8.12", "`ID` option."],
      ["3.2.0", "Added `master` type in for `TYPE` option."],
      ["5.0.0", "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility."],
      ["6.2.0", "`LADDR` option."],
    ],
    arguments: [
      {
        name: "filter",
        type: "oneof",
        arguments: [
          { name: "ip:port", type: "string", deprecatedSince: "2.8.12" },
          {
            name: "new-format",
            type: "oneof",
            flags: ["multiple"],
            arguments: [
              { name: "client-id", type: "integer", token: "ID", since: "2.8.12", flags: ["optional"] },
              {
                name: "normal_master_slave_pubsub",
                type: "oneof",
                token: "TYPE",
                since: "2.8.12",
                flags: ["optional"],
                arguments: [
                  { name: "normal", type: "pure-token", token: "NORMAL" },
                  { name: "master", type: "pure-token", token: "MASTER", since: "3.2.0" },
                  { name: "slave", type: "pure-token", token: "SLAVE" },
                  { name: "replica", type: "pure-token", token: "REPLICA", since: "5.0.0" },
                  { name: "pubsub", type: "pure-token", token: "PUBSUB" },
                ],
              },
              { name: "username", type: "string", token: "USER", flags: ["optional"] },
              { name: "ip:port", type: "string", token: "ADDR", flags: ["optional"] },
              { name: "ip:port", type: "string", token: "LADDR", since: "6.2.0", flags: ["optional"] },
              { name: "yes/no", type: "string", token: "SKIPME", flags: ["optional"] },
            ],
          },
        ],
      },
    ],
  },
  "client|list": {
    arity: -2,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "connection",
    since: "2.4.0",
    summary: "Get the list of client connections",
    complexity: "O(N) where N is the number of client connections",
    categories: ["connection"],
    tips: ["nondeterministic_output"],
    history: [
      ["2.8.12", "Added unique client `id` field."],
      ["5.0.0", "Added optional `TYPE` filter."],
      ["6.0.0", "Added `user` field."],
      ["6.2.0", "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter."],
      ["7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."],
      ["7.0.3", "Added `ssub` field."],
    ],
    arguments: [
      {
        name: "normal_master_replica_pubsub",
        type: "oneof",
        token: "TYPE",
        since: "5.0.0",
        flags: ["optional"],
        arguments: [
          { name: "normal", type: "pure-token", token: "NORMAL" },
          { name: "master", type: "pure-token", token: "MASTER" },
          { name: "replica", type: "pure-token", token: "REPLICA" },
          { name: "pubsub", type: "pure-token", token: "PUBSUB" },
        ],
      },
      {
        name: "id",
        type: "block",
        token: "ID",
        since: "6.2.0",
        flags: ["optional"],
        arguments: [{ name: "client-id", type: "integer", flags: ["multiple"] }],
      },
    ],
  },
  "client|no-evict": {
    arity: 3,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "connection",
    since: "7.0.0",
    summary: "Set client eviction mode for the current connection",
    complexity: "O(1)",
    categories: ["connection"],
    arguments: [
      {
        name: "enabled",
        type: "oneof",
        arguments: [
          { name: "on", type: "pure-token", token: "ON" },
          { name: "off", type: "pure-token", token: "OFF" },
        ],
      },
    ],
  },
  "client|pause": {
    arity: -3,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "connection",
    since: "2.9.50",
    summary: "Stop processing commands from clients for some time",
    complexity: "O(1)",
    categories: ["connection"],
    history: [["6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option."]],
    arguments: [
      { name: "timeout", type: "integer" },
      {
        name: "mode",
        type: "oneof",
        since: "6.2.0",
        flags: ["optional"],
        arguments: [
          { name: "write", type: "pure-token", token: "WRITE" },
          { name: "all", type: "pure-token", token: "ALL" },
        ],
      },
    ],
  },
  "client|reply": {
    arity: 3,
    flags: ["noscript", "loading", "stale"],
    group: "connection",
    since: "3.2.0",
    summary: "Instruct the server whether to reply to commands",
    complexity: "O(1)",
    categories: ["connection"],
    arguments: [
      {
        name: "on_off_skip",
        type: "oneof",
        arguments: [
          { name: "on", type: "pure-token", token: "ON" },
          { name: "off", type: "pure-token", token: "OFF" },
          { name: "skip", type: "pure-token", token: "SKIP" },
        ],
      },
    ],
  },
  "client|setinfo": {
    arity: 4,
    flags: ["noscript", "loading", "stale"],
    group: "connection",
    since: "7.2.0",
    summary: "Set information specific to the client or connection",
    complexity: "O(1)",
    arguments: [
      {
        name: "attr",
        type: "oneof",
        arguments: [
          { name: "libname", type: "string", token: "LIB-NAME" },
          { name: "libver", type: "string", token: "LIB-VER" },
        ],
      },
    ],
    categories: ["connection"],
  },
  "client|setname": {
    arity: 3,
    flags: ["noscript", "loading", "stale"],
    group: "connection",
    since: "2.6.9",
    summary: "Set the current connection name",
    complexity: "O(1)",
    categories: ["connection"],
    arguments: [{ name: "connection-name", type: "string" }],
  },
  "client|unblock": {
    arity: -3,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "connection",
    since: "5.0.0",
    summary: "Unblock a client blocked in a blocking command from a different connection",
    complexity: "O(log N) where N is the number of client connections",
    categories: ["connection"],
    arguments: [
      { name: "client-id", type: "integer" },
      {
        name: "timeout_error",
        type: "oneof",
        flags: ["optional"],
        arguments: [
          { name: "timeout", type: "pure-token", token: "TIMEOUT" },
          { name: "error", type: "pure-token", token: "ERROR" },
        ],
      },
    ],
  },
  "client|unpause": {
    arity: 2,
    flags: ["admin", "noscript", "loading", "stale"],
    group: "connection",
    since: "6.2.0",
    summary: "Resume processing of clients that were paused",
    complexity: "O(N) Where N is the number of paused clients",
    categories: ["connection"],
  },
};
