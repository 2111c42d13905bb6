import type { LoadingProgress, ReplicaInfo } from "../cluster/index.ts";
import { sessionsMax } from "../keyspace/index.ts";
import type { InfoSection } from "./info.ts";
import { memoryFigures } from "./memory-commands.ts";
import { redisVersion } from "./redis-version.ts";

import type { ServerContext } from "./server-context.ts";

type Field = readonly [name: string, value: string | number];

function* server(context: ServerContext, isCluster: boolean): Iterable<Field> {
  const uptimeSeconds = Math.floor((context.clock.nowMs() - context.startedMs) / 1_000);
  yield ["redis_version", redisVersion];
  yield ["redis_git_sha1", "00000000"];
  yield ["redis_git_dirty", 0];
  yield ["redis_build_id", "0"];
  yield ["redis_mode", isCluster ? "cluster" : "standalone"];
  yield ["os", `Node.js ${context.process.runtimeVersion}`];
  yield ["arch_bits", 64];
  yield ["monotonic_clock", "Node.js"];
  yield ["multiplexing_api", "libuv"];
  yield ["process_id", context.process.id];
  yield ["process_supervised", "no"];
  yield ["run_id", context.runId];
  yield ["tcp_port", context.config.get("port")];
  yield ["server_time_usec", context.clock.wallMs() * 1_000];
  yield ["uptime_in_seconds", uptimeSeconds];
  yield ["uptime_in_days", Math.floor(uptimeSeconds / 86_400)];
  yield ["hz", context.config.get("hz")];
  yield ["configured_hz", context.config.get("hz")];
  yield ["lru_clock", Math.floor(context.clock.wallMs() / 1_000) % 2 ** 24];
  yield ["executable", ""];
  yield ["config_file", ""];
  yield ["io_threads_active", 0];
}

function* clients(context: ServerContext): Iterable<Field> {
  let inputBytes = 0;
  let outputBytes = 0;
  for (const { input, output } of context.connections.values()) {
    inputBytes = Math.max(inputBytes, input.memoryBytes);
    outputBytes = Math.max(outputBytes, output.waitingBytes() + output.untakenBytes);
  }
  yield ["connected_clients", context.connections.size];
  yield ["cluster_connections", 0];
  yield ["maxclients", context.config.get("maxclients")];
  yield ["client_recent_max_input_buffer", inputBytes];
  yield ["client_recent_max_output_buffer", outputBytes];
  yield ["blocked_clients", context.blockedCount];
  yield ["tracking_clients", 0];
  yield ["clients_in_timeout_table", 0];
}

function human(bytes: number): string {
  if (bytes < 1_024) return `${bytes}B`;
  for (const [unit, size] of [
    ["G", 2 ** 30],
    ["M", 2 ** 20],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(2)}${unit}`;
  }
  return `${(bytes / 1_024).toFixed(2)}K`;
}

function* sized(name: string, bytes: number): Iterable<Field> {
  yield [name, bytes];
  yield [`${name}_human`, human(bytes)];
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : (100 * part) / whole).toFixed(2)}%`;
}

function* memory(context: ServerContext): Iterable<Field> {
  const figures = memoryFigures(context);
  yield* sized("used_memory", figures.used);
  yield* sized("used_memory_rss", figures.resident);
  yield* sized("used_memory_peak", figures.peak);
  yield ["used_memory_peak_perc", percent(figures.used, figures.peak)];
  yield ["used_memory_overhead", figures.overhead];
  yield ["used_memory_startup", 0];
  yield ["used_memory_dataset", figures.dataset];
  yield ["used_memory_dataset_perc", percent(figures.dataset, figures.used)];
  yield* sized("used_memory_lua", 0);
  yield* sized("used_memory_scripts", 0);
  yield ["number_of_cached_scripts", 0];
  yield ["number_of_functions", 0];
  yield ["number_of_libraries", 0];
  yield* sized("maxmemory", context.config.number("maxmemory"));
  yield ["maxmemory_policy", context.config.get("maxmemory-policy")];
  yield ["mem_fragmentation_ratio", (figures.used === 0 ? 0 : figures.resident / figures.used).toFixed(2)];
  yield ["mem_fragmentation_bytes", figures.resident - figures.used];
  yield ["mem_not_counted_for_evict", 0];
  yield ["mem_clients_slaves", 0];
  yield ["mem_clients_normal", figures.clients];
  yield ["mem_cluster_links", 0];
  yield ["mem_aof_buffer", 0];
  yield ["mem_allocator", "Node.js"];
  yield ["active_defrag_running", 0];
  yield ["lazyfree_pending_objects", 0];
  yield ["lazyfreed_objects", 0];
}

/** Clients wait for `loading_eta_seconds` before they ask again. Counted in entries of the log. */
function* loadingFields(loading: readonly LoadingProgress[]): Iterable<Field> {
  const sum = (of: (each: LoadingProgress) => number): number => loading.reduce((total, each) => total + of(each), 0);
  const startedWallMs = Math.min(...loading.map((each) => each.startedWallMs));
  const [loadedCount, entryCount] = [sum((each) => each.loadedCount), sum((each) => each.entryCount)];
  yield ["loading_start_time", Math.floor(startedWallMs / 1_000)];
  yield ["loading_loaded_perc", ((100 * loadedCount) / entryCount).toFixed(2)];
  yield ["loading_eta_seconds", Math.ceil(Math.max(...loading.map(({ remainingMs }) => remainingMs ?? 1_000)) / 1_000)];
}

/** What was acknowledged is always saved. */
function* persistence(context: ServerContext): Iterable<Field> {
  const loading = context.node.info().shards.flatMap((shard) => shard.loading ?? []);
  yield ["loading", loading.length > 0 ? 1 : 0];
  yield ["async_loading", 0];
  if (loading.length > 0) yield* loadingFields(loading);
  yield ["rdb_changes_since_last_save", 0];
  yield ["rdb_bgsave_in_progress", 0];
  yield ["rdb_last_save_time", Math.floor(context.startedWallMs / 1_000)];
  yield ["rdb_last_bgsave_status", "ok"];
  yield ["rdb_last_bgsave_time_sec", -1];
  yield ["rdb_current_bgsave_time_sec", -1];
  yield ["rdb_saves", 0];
  yield ["aof_enabled", 0];
  yield ["aof_rewrite_in_progress", 0];
  yield ["aof_rewrite_scheduled", 0];
  yield ["aof_last_bgrewrite_status", "ok"];
  yield ["aof_last_write_status", "ok"];
  yield ["module_fork_in_progress", 0];
  const { logBytes, scrub, syncMs, isDiskSlow } = context.node.info();
  yield ["raft_log_bytes", logBytes];
  yield ["raft_log_sync_usec", syncMs === null ? -1 : Math.round(syncMs * 1_000)];
  yield ["raft_disk_slow", isDiskSlow ? 1 : 0];
  if (scrub === null) return;
  yield ["raft_scrub_in_progress", scrub.isRunning ? 1 : 0];
  yield ["raft_scrub_rounds", scrub.roundCount];
  yield ["raft_scrub_last_time", scrub.lastRoundWallMs === null ? -1 : Math.floor(scrub.lastRoundWallMs / 1_000)];
  yield ["raft_scrub_bytes", scrub.readBytes];
  yield ["raft_scrub_damaged", scrub.damageCount];
}

function* replication(): Iterable<Field> {
  yield ["role", "master"];
  yield ["connected_slaves", 0];
  yield ["master_failover_state", "no-failover"];
  yield ["master_replid", "0".repeat(40)];
  yield ["master_replid2", "0".repeat(40)];
  yield ["master_repl_offset", 0];
  yield ["second_repl_offset", -1];
  yield ["repl_backlog_active", 0];
  yield ["repl_backlog_size", 0];
  yield ["repl_backlog_first_byte_offset", 0];
  yield ["repl_backlog_histlen", 0];
}

/** Of one shard as fields; of several as a line each, of those that are elsewhere with what is known of them here. */
function* raft(context: ServerContext): Iterable<Field> {
  const { shards, name, directoryGroup } = context.node.info();
  const { nodes, shards: all } = context.node.topology();
  yield ["raft_node", name];
  const [only] = shards;
  if (all.length === 1 && only !== undefined) {
    yield* raftFields(only);
  } else {
    for (const { shard, leader } of all) {
      const here = shards.find((each) => each.shard === shard);
      const leaderName = nodes.find(({ nodeId }) => nodeId === leader)?.name ?? "";
      yield [`raft_shard${shard}`, here === undefined ? `role=none,leader=${leaderName}` : raftLine(here)];
    }
  }
  if (directoryGroup !== undefined) {
    yield ["raft_directory", `epoch=${directoryGroup.epoch},${raftLine(directoryGroup)}`];
  }
}

/** The directory has no sessions. */
type RaftInfo = ReplicaInfo & { readonly sessionCount?: number };

function raftLine(info: RaftInfo): string {
  return [...raftFields(info)].map(([field, value]) => `${field.slice("raft_".length)}=${value}`).join(",");
}

function* raftFields(info: RaftInfo): Iterable<Field> {
  const { role, term, leader, commitIndex, appliedIndex, stoppedBecause, brokenInvariant, replica } = info;
  const { rebuild, sessionCount, stoppedIndex, leftOutCount } = info;
  yield ["raft_role", role];
  yield ["raft_term", term];
  yield ["raft_leader", leader ?? ""];
  yield ["raft_commit_index", commitIndex];
  yield ["raft_applied_index", appliedIndex];
  yield ["raft_replica", replica];
  if (sessionCount !== undefined) {
    yield ["raft_sessions", sessionCount];
    yield ["raft_sessions_max", sessionsMax];
  }
  yield ["raft_rebuild", rebuild === null ? "none" : `${rebuild.node}:${rebuild.step}`];
  yield ["raft_skipped_entries", leftOutCount];
  if (stoppedBecause === undefined) return;
  yield ["raft_stopped_at", stoppedIndex ?? ""];
  yield ["raft_broken_invariant", brokenInvariant ?? ""];
  yield ["raft_stopped_because", stoppedBecause.replaceAll(/[\s,]+/g, " ")];
}

function* keyspace(context: ServerContext): Iterable<Field> {
  const { keyCount, deadlineCount } = context.node.info();
  if (keyCount > 0) yield ["db0", `keys=${keyCount},expires=${deadlineCount},avg_ttl=0`];
}

/** What the server is, and what it holds. */
export const stateSections: readonly InfoSection[] = [
  { name: "server", title: "Server", isDefault: true, fields: server },
  { name: "clients", title: "Clients", isDefault: true, fields: clients },
  { name: "memory", title: "Memory", isDefault: true, fields: memory },
  { name: "persistence", title: "Persistence", isDefault: true, fields: persistence },
  { name: "replication", title: "Replication", isDefault: true, fields: replication },
  { name: "raft", title: "Raft", isDefault: true, fields: raft },
  {
    name: "cluster",
    title: "Cluster",
    isDefault: true,
    fields: (_, isCluster) => [["cluster_enabled", isCluster ? 1 : 0]],
  },
  { name: "keyspace", title: "Keyspace", isDefault: true, fields: keyspace },
];
