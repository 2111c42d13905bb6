/** A node's figures in the form that Prometheus reads. Labels name shards and roles, never keys or clients. */
import { Counter, Gauge, Registry } from "prom-client";
import type { GroupStatus } from "../cluster/index.ts";
import type { ServerFigures } from "../server/index.ts";
import type { ObservedNode } from "./http-server.ts";

const roles = ["leader", "follower", "candidate", "preCandidate", "stopped"] as const;

/** One figure of each shard. */
const shardGauges: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (group: GroupStatus) => number;
}[] = [
  { name: "term", help: "Raft's term, as this replica knows it", value: ({ term }) => term },
  { name: "commit_index", help: "Last entry known to be committed", value: ({ commitIndex }) => commitIndex },
  { name: "applied_index", help: "Last entry applied here", value: ({ appliedIndex }) => appliedIndex },
  { name: "last_index", help: "Last entry in the log here", value: ({ lastIndex }) => lastIndex },
  {
    name: "snapshot_index",
    help: "Entry of the newest durable snapshot here",
    value: ({ snapshotIndex }) => snapshotIndex,
  },
  { name: "sessions", help: "Open sessions of the shard", value: ({ sessionCount }) => sessionCount },
  {
    name: "semantics_level",
    help: "Semantics level of the data, as of what is applied here",
    value: ({ semanticsLevel }) => semanticsLevel,
  },
  { name: "keys", help: "Keys of the shard", value: ({ keyCount }) => keyCount },
  { name: "logical_bytes", help: "Weight of the shard's keys and values", value: ({ logicalBytes }) => logicalBytes },
  {
    name: "has_leader",
    help: "1 if a leader is known here",
    value: ({ leader, stoppedBecause }) => (leader !== null && stoppedBecause === null ? 1 : 0),
  },
];

export class NodeMetrics {
  constructor(node: ObservedNode, figures: () => ServerFigures) {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name: `coterie_${name}`,
        help,
        registers,
        collect: function () {
          this.set(value());
        },
      });
    };
    const counter = (name: string, help: string, value: () => number): void => {
      new Counter({
        name: `coterie_${name}_total`,
        help,
        registers,
        collect: function () {
          this.reset();
          this.inc(value());
        },
      });
    };
    this.#addShards(node);
    gauge("uptime_seconds", "Since the node was started", () => node.nodeStatus().uptimeMs / 1_000);
    gauge("resident_bytes", "Memory of the process", () => node.nodeStatus().residentBytes);
    gauge("log_bytes", "Size of the log's files", () => node.nodeStatus().logBytes);
    gauge("disk_full", "1 while the disk takes no entries", () => (node.nodeStatus().isDiskFull ? 1 : 0));
    gauge("disk_slow", "1 while the disk is slow beside the other nodes'", () =>
      node.nodeStatus().isDiskSlow ? 1 : 0,
    );
    gauge(
      "log_sync_seconds",
      "What a write to the log and its sync take at present; 0 while nothing is written",
      () => (node.nodeStatus().syncMs ?? 0) / 1_000,
    );
    gauge("scrub_running", "1 while all that is stored is read back", () =>
      node.nodeStatus().scrub?.isRunning ? 1 : 0,
    );
    counter("scrub_rounds", "Times that all was read back", () => node.nodeStatus().scrub?.roundCount ?? 0);
    counter("scrub_bytes", "Bytes read back", () => node.nodeStatus().scrub?.readBytes ?? 0);
    counter("scrub_damaged", "Times that damage was found so", () => node.nodeStatus().scrub?.damageCount ?? 0);
    gauge("clock_skew_seconds", "Own clock minus the voters' median", () => node.nodeStatus().clockSkewMs / 1_000);
    const warnings = (): number => node.nodeStatus().directory?.warnings.length ?? 0;
    gauge("semantics_level_known", "Highest level that this version knows", () => node.nodeStatus().semanticsLevelMax);
    gauge("directory_warnings", "What is left to an operator, at the node that leads the directory", warnings);
    gauge("clients", "Connections of clients", () => figures().clientCount);
    counter("missed_ticks", "Ticks left out because the process stood still", () => node.nodeStatus().missedTicks);
    counter("peers_rejected", "Connections to the peer port turned away", () => node.nodeStatus().rejectedConnections);
    this.#addGossip(node);
    counter("gossip_sent", "Datagrams of gossip sent", () => node.nodeStatus().gossip?.sentCount ?? 0);
    counter("gossip_received", "Datagrams received", () => node.nodeStatus().gossip?.receivedCount ?? 0);
    counter(
      "gossip_dropped",
      "Of these, strangers' and damaged ones",
      () => node.nodeStatus().gossip?.droppedCount ?? 0,
    );
    counter("gossip_failed_probes", "Nodes that did not answer", () => node.nodeStatus().gossip?.failedProbes ?? 0);
    counter("key_hits", "Reads that found their key", () => node.info().statistics.hitCount);
    counter("key_misses", "Reads that did not find their key", () => node.info().statistics.missCount);
    counter("expired_keys", "Keys whose deadline has passed", () => node.info().statistics.expiredCount);
    counter("clients_accepted", "Connections of clients so far", () => figures().connectionsReceived);
    counter("clients_rejected", "Connections turned away", () => figures().connectionsRejected);
    counter("commands", "Commands answered", () => figures().commandsProcessed);
    counter("error_replies", "Errors among the replies", () => figures().errorReplies);
    counter("input_bytes", "Bytes from clients", () => figures().inputBytes);
    counter("output_bytes", "Bytes to clients", () => figures().outputBytes);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  readonly #registry: Registry = new Registry();

  #addGossip(node: ObservedNode): void {
    new Gauge({
      name: "coterie_gossip_peers",
      help: "Other nodes by what gossip holds them for; none without gossip",
      labelNames: ["state"],
      registers: [this.#registry],
      collect: function () {
        for (const [state, count] of Object.entries(node.nodeStatus().gossip?.peers ?? {})) this.set({ state }, count);
      },
    });
  }

  #addShards(node: ObservedNode): void {
    const registers = [this.#registry];
    for (const { name, help, value } of shardGauges) {
      new Gauge({
        name: `coterie_shard_${name}`,
        help,
        labelNames: ["shard"],
        registers,
        collect: function () {
          for (const group of node.nodeStatus().groups) this.set({ shard: String(group.group - 1) }, value(group));
        },
      });
    }
    new Gauge({
      name: "coterie_shard_role",
      help: "1 for the role of this node's replica, 0 for the others",
      labelNames: ["shard", "role"],
      registers,
      collect: function () {
        for (const { group, role } of node.nodeStatus().groups)
          for (const each of roles) this.set({ shard: String(group - 1), role: each }, each === role ? 1 : 0);
      },
    });
  }
}
