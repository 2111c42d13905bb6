import type { InfoSection } from "./info.ts";
import type { ServerContext } from "./server-context.ts";

type Field = readonly [name: string, value: string | number];

function* stats({ statistics, node }: ServerContext): Iterable<Field> {
  const keys = node.info().statistics;
  yield ["total_connections_received", statistics.connectionsReceived];
  yield ["total_commands_processed", statistics.commandsProcessed];
  yield ["instantaneous_ops_per_sec", Math.round(statistics.commandRate.perSecond)];
  yield ["total_net_input_bytes", statistics.inputBytes];
  yield ["total_net_output_bytes", statistics.outputBytes];
  yield ["total_net_repl_input_bytes", 0];
  yield ["total_net_repl_output_bytes", 0];
  yield ["instantaneous_input_kbps", (statistics.inputRate.perSecond / 1_024).toFixed(2)];
  yield ["instantaneous_output_kbps", (statistics.outputRate.perSecond / 1_024).toFixed(2)];
  yield ["rejected_connections", statistics.connectionsRejected];
  yield ["sync_full", 0];
  yield ["sync_partial_ok", 0];
  yield ["sync_partial_err", 0];
  yield ["expired_keys", keys.expiredCount];
  yield ["evicted_keys", 0];
  yield ["evicted_clients", 0];
  yield ["keyspace_hits", keys.hitCount];
  yield ["keyspace_misses", keys.missCount];
  yield ["pubsub_channels", 0];
  yield ["pubsub_patterns", 0];
  yield ["pubsubshard_channels", 0];
  yield ["latest_fork_usec", 0];
  yield ["total_forks", 0];
  yield ["migrate_cached_sockets", 0];
  yield ["tracking_total_keys", 0];
  yield ["tracking_total_items", 0];
  yield ["tracking_total_prefixes", 0];
  yield ["unexpected_error_replies", 0];
  yield ["total_error_replies", statistics.errorReplies];
  yield ["total_reads_processed", statistics.reads];
  yield ["total_writes_processed", statistics.writes];
  yield ["client_query_buffer_limit_disconnections", statistics.inputLimitDisconnections];
  yield ["client_output_buffer_limit_disconnections", statistics.outputLimitDisconnections];
}

/** Of the whole process. */
function* cpu(context: ServerContext): Iterable<Field> {
  const { userUs, systemUs } = context.process.cpu();
  yield ["used_cpu_sys", (systemUs / 1_000_000).toFixed(6)];
  yield ["used_cpu_user", (userUs / 1_000_000).toFixed(6)];
  yield ["used_cpu_sys_children", "0.000000"];
  yield ["used_cpu_user_children", "0.000000"];
}

function* commandStats({ commands }: ServerContext): Iterable<Field> {
  for (const { name, statistics } of commands.all) {
    const { calls, rejectedCalls, failedCalls } = statistics;
    if (calls === 0 && rejectedCalls === 0) continue;
    const microseconds = Math.round(statistics.microseconds);
    const perCall = (calls === 0 ? 0 : statistics.microseconds / calls).toFixed(2);
    yield [
      `cmdstat_${name}`,
      `calls=${calls},usec=${microseconds},usec_per_call=${perCall},rejected_calls=${rejectedCalls},failed_calls=${failedCalls}`,
    ];
  }
}

function* errorStats({ statistics }: ServerContext): Iterable<Field> {
  for (const [code, count] of [...statistics.errors].sort()) yield [`errorstat_${code}`, `count=${count}`];
}

function* latencyStats({ commands, config }: ServerContext): Iterable<Field> {
  const percentiles = config.get("latency-tracking-info-percentiles");
  if (percentiles === "") return;
  for (const { name, statistics } of commands.all) {
    const { latency } = statistics;
    if (latency === undefined) continue;
    const shown = percentiles.split(" ").map((p) => `p${p}=${latency.percentile(Number(p)).toFixed(3)}`);
    yield [`latency_percentiles_usec_${name}`, shown.join(",")];
  }
}

/** What the server has done. */
export const activitySections: readonly InfoSection[] = [
  { name: "stats", title: "Stats", isDefault: true, fields: stats },
  { name: "cpu", title: "CPU", isDefault: true, fields: cpu },
  { name: "modules", title: "Modules", isDefault: true, fields: () => [] },
  { name: "commandstats", title: "Commandstats", isDefault: false, fields: commandStats },
  { name: "errorstats", title: "Errorstats", isDefault: true, fields: errorStats },
  { name: "latencystats", title: "Latencystats", isDefault: false, fields: latencyStats },
];
