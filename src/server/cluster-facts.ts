import type { CommandFacts } from "./command-facts.ts";

/** The names of these commands; a subcommand's is "container|subcommand". */
export type ClusterFactName =
  | "asking"
  | "cluster"
  | "cluster|addslots"
  | "cluster|addslotsrange"
  | "cluster|bumpepoch"
  | "cluster|count-failure-reports"
  | "cluster|delslots"
  | "cluster|delslotsrange"
  | "cluster|failover"
  | "cluster|flushslots"
  | "cluster|forget"
  | "cluster|help"
  | "cluster|info"
  | "cluster|keyslot"
  | "cluster|links"
  | "cluster|meet"
  | "cluster|myid"
  | "cluster|nodes"
  | "cluster|replicas"
  | "cluster|replicate"
  | "cluster|reset"
  | "cluster|saveconfig"
  | "cluster|set-config-epoch"
  | "cluster|setslot"
  | "cluster|shards"
  | "cluster|slaves"
  | "cluster|slots"
  | "readonly"
  | "readwrite";

/** The commands of Redis Cluster, as Redis 7.0.15 describes them. */
export const clusterFacts: Readonly<Record<ClusterFactName, CommandFacts>> = {
  asking: {
    arity: 1,
    flags: ["fast"],
    group: "cluster",
    since: "3.0.0",
    summary: "Sent by cluster clients after an -ASK redirect",
    complexity: "O(1)",
    categories: ["connection"],
  },
  cluster: {
    arity: -2,
    flags: [],
    group: "cluster",
    since: "3.0.0",
    summary: "A container for cluster commands",
    complexity: "Depends on subcommand.",
  },
  "cluster|addslots": {
    arity: -3,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Assign new hash slots to receiving node",
    complexity: "O(N) where N is the total number of hash slot arguments",
    arguments: [{ name: "slot", type: "integer", flags: ["multiple"] }],
  },
  "cluster|addslotsrange": {
    arity: -4,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "7.0.0",
    summary: "Assign new hash slots to receiving node",
    complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
    arguments: [
      {
        name: "start-slot_end-slot",
        type: "block",
        flags: ["multiple"],
        arguments: [
          { name: "start-slot", type: "integer" },
          { name: "end-slot", type: "integer" },
        ],
      },
    ],
  },
  "cluster|bumpepoch": {
    arity: 2,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Advance the cluster config epoch",
    complexity: "O(1)",
    tips: ["nondeterministic_output"],
  },
  "cluster|count-failure-reports": {
    arity: 3,
    flags: ["admin", "stale"],
    group: "cluster",
    since: "3.0.0",
    summary: "Return the number of failure reports active for a given node",
    complexity: "O(N) where N is the number of failure reports",
    tips: ["nondeterministic_output"],
    arguments: [{ name: "node-id", type: "string" }],
  },
  "cluster|delslots": {
    arity: -3,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Set hash slots as unbound in receiving node",
    complexity: "O(N) where N is the total number of hash slot arguments",
    arguments: [{ name: "slot", type: "integer", flags: ["multiple"] }],
  },
  "cluster|delslotsrange": {
    arity: -4,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "7.0.0",
    summary: "Set hash slots as unbound in receiving node",
    complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
    arguments: [
      {
        name: "start-slot_end-slot",
        type: "block",
        flags: ["multiple"],
        arguments: [
          { name: "start-slot", type: "integer" },
          { name: "end-slot", type: "integer" },
        ],
      },
    ],
  },
  "cluster|failover": {
    arity: -2,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Forces a replica to perform a manual failover of its master.",
    complexity: "O(1)",
    arguments: [
      {
        name: "options",
        type: "oneof",
        flags: ["optional"],
        arguments: [
          { name: "force", type: "pure-token", token: "FORCE" },
          { name: "takeover", type: "pure-token", token: "TAKEOVER" },
        ],
      },
    ],
  },
  "cluster|flushslots": {
    arity: 2,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Delete a node's own slots information",
    complexity: "O(1)",
  },
  "cluster|forget": {
    arity: 3,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Remove a node from the nodes table",
    complexity: "O(1)",
    arguments: [{ name: "node-id", type: "string" }],
  },
  "cluster|help": {
    arity: 2,
    flags: ["loading", "stale"],
    group: "cluster",
    since: "5.0.0",
    summary: "Show helpful text about the different subcommands",
    complexity: "O(1)",
  },
  "cluster|info": {
    arity: 2,
    flags: ["stale"],
    group: "cluster",
    since: "3.0.0",
    summary: "Provides info about Redis Cluster node state",
    complexity: "O(1)",
    tips: ["nondeterministic_output"],
  },
  "cluster|keyslot": {
    arity: 3,
    flags: ["stale"],
    group: "cluster",
    since: "3.0.0",
    summary: "Returns the hash slot of the specified key",
    complexity: "O(N) where N is the number of bytes in the key",
    arguments: [{ name: "key", type: "string" }],
  },
  "cluster|links": {
    arity: 2,
    flags: ["stale"],
    group: "cluster",
    since: "7.0.0",
    summary: "Returns a list of all TCP links to and from peer nodes in cluster",
    complexity: "O(N) where N is the total number of Cluster nodes",
    tips: ["nondeterministic_output"],
  },
  "cluster|meet": {
    arity: -4,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Force a node cluster to handshake with another node",
    complexity: "O(1)",
    history: [["4.0.0", "Added the optional `cluster_bus_port` argument."]],
    arguments: [
      { name: "ip", type: "string" },
      { name: "port", type: "integer" },
      { name: "cluster_bus_port", type: "integer", since: "4.0.0", flags: ["optional"] },
    ],
  },
  "cluster|myid": {
    arity: 2,
    flags: ["stale"],
    group: "cluster",
    since: "3.0.0",
    summary: "Return the node id",
    complexity: "O(1)",
  },
  "cluster|nodes": {
    arity: 2,
    flags: ["stale"],
    group: "cluster",
    since: "3.0.0",
    summary: "Get Cluster config for the node",
    complexity: "O(N) where N is the total number of Cluster nodes",
    tips: ["nondeterministic_output"],
  },
  "cluster|replicas": {
    arity: 3,
    flags: ["admin", "stale"],
    group: "cluster",
    since: "5.0.0",
    summary: "List replica nodes of the specified master node",
    complexity: "O(1)",
    tips: ["nondeterministic_output"],
    arguments: [{ name: "node-id", type: "string" }],
  },
  "cluster|replicate": {
    arity: 3,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Reconfigure a node as a replica of the specified master node",
    complexity: "O(1)",
    arguments: [{ name: "node-id", type: "string" }],
  },
  "cluster|reset": {
    arity: -2,
    flags: ["admin", "noscript", "stale"],
    group: "cluster",
    since: "3.0.0",
    summary: "Reset a Redis Cluster node",
    complexity: "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.",
    arguments: [
      {
        name: "hard_soft",
        type: "oneof",
        flags: ["optional"],
        arguments: [
          { name: "hard", type: "pure-token", token: "HARD" },
          { name: "soft", type: "pure-token", token: "SOFT" },
        ],
      },
    ],
  },
  "cluster|saveconfig": {
    arity: 2,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Forces the node to save cluster state on disk",
    complexity: "O(1)",
  },
  "cluster|set-config-epoch": {
    arity: 3,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Set the configuration epoch in a new node",
    complexity: "O(1)",
    arguments: [{ name: "config-epoch", type: "integer" }],
  },
  "cluster|setslot": {
    arity: -4,
    flags: ["admin", "stale", "no_async_loading"],
    group: "cluster",
    since: "3.0.0",
    summary: "Bind a hash slot to a specific node",
    complexity: "O(1)",
    arguments: [
      { name: "slot", type: "integer" },
      {
        name: "subcommand",
        type: "oneof",
        arguments: [
          { name: "node-id", type: "string", token: "IMPORTING" },
          { name: "node-id", type: "string", token: "MIGRATING" },
          { name: "node-id", type: "string", token: "NODE" },
          { name: "stable", type: "pure-token", token: "STABLE" },
        ],
      },
    ],
  },
  "cluster|shards": {
    arity: 2,
    flags: ["stale"],
    group: "cluster",
    since: "7.0.0",
    summary: "Get array of cluster slots to node mappings",
    complexity: "O(N) where N is the total number of cluster nodes",
    tips: ["nondeterministic_output"],
  },
  "cluster|slaves": {
    arity: 3,
    flags: ["admin", "stale"],
    group: "cluster",
    since: "3.0.0",
    summary: "List replica nodes of the specified master node",
    complexity: "O(1)",
    tips: ["nondeterministic_output"],
    deprecation: { since: "5.0.0", replacedBy: "`CLUSTER REPLICAS`" },
    arguments: [{ name: "node-id", type: "string" }],
  },
  "cluster|slots": {
    arity: 2,
    flags: ["stale"],
    group: "cluster",
    since: "3.0.0",
    summary: "Get array of Cluster slot to node mappings",
    complexity: "O(N) where N is the total number of Cluster nodes",
    tips: ["nondeterministic_output"],
    deprecation: { since: "7.0.0", replacedBy: "`CLUSTER SHARDS`" },
    history: [
      ["4.0.0", "Added node IDs."],
      ["7.0.0", "Added additional networking metadata field."],
    ],
  },
  readonly: {
    arity: 1,
    flags: ["loading", "stale", "fast"],
    group: "cluster",
    since: "3.0.0",
    summary: "Enables read queries for a connection to a cluster replica node",
    complexity: "O(1)",
    categories: ["connection"],
  },
  readwrite: {
    arity: 1,
    flags: ["loading", "stale", "fast"],
    group: "cluster",
    since: "3.0.0",
    summary: "Disables read queries for a connection to a cluster replica node",
    complexity: "O(1)",
    categories: ["connection"],
  },
};
