import { DoubleReply, MapReply, ok, type Reply, VerbatimReply } from "../resp/index.ts";
import type { Connection } from "./connection.ts";
import { helpCommand, type ServerCommand, serverCommand } from "./server-command.ts";
import type { ServerContext } from "./server-context.ts";

/** Memory of this process, in bytes, in the terms that Redis has for it. */
export interface MemoryFigures {
  readonly used: number;
  readonly peak: number;
  readonly resident: number;
  /** Keys and values by their logical weight. */
  readonly dataset: number;
  /** All that is in use and is not data. */
  readonly overhead: number;
  readonly clients: number;
}

export function memoryFigures(context: ServerContext): MemoryFigures {
  const { residentBytes, heapBytes } = context.process.memory();
  context.peakHeapBytes = Math.max(context.peakHeapBytes, heapBytes);
  const dataset = Math.min(context.node.info().logicalBytes, heapBytes);
  let clients = 0;
  for (const { input, output } of context.connections.values())
    clients += input.memoryBytes + output.waitingBytes() + output.untakenBytes;
  return {
    used: heapBytes,
    peak: context.peakHeapBytes,
    resident: residentBytes,
    dataset,
    overhead: heapBytes - dataset,
    clients,
  };
}

function percent(part: number, whole: number): DoubleReply {
  return new DoubleReply(`${whole === 0 ? 0 : (100 * part) / whole}`);
}

function stats({ context }: Connection): Reply {
  const figures = memoryFigures(context);
  const { keyCount } = context.node.info();
  return new MapReply([
    "peak.allocated",
    figures.peak,
    "total.allocated",
    figures.used,
    "startup.allocated",
    0,
    "replication.backlog",
    0,
    "clients.slaves",
    0,
    "clients.normal",
    figures.clients,
    "cluster.links",
    0,
    "aof.buffer",
    0,
    "lua.caches",
    0,
    "functions.caches",
    0,
    "overhead.total",
    figures.overhead,
    "keys.count",
    keyCount,
    "keys.bytes-per-key",
    keyCount === 0 ? 0 : Math.round(figures.dataset / keyCount),
    "dataset.bytes",
    figures.dataset,
    "dataset.percentage",
    percent(figures.dataset, figures.used),
    "peak.percentage",
    percent(figures.used, figures.peak),
    "fragmentation",
    new DoubleReply(`${figures.used === 0 ? 0 : figures.resident / figures.used}`),
    "fragmentation.bytes",
    figures.resident - figures.used,
  ]);
}

function doctor({ context }: Connection): Reply {
  const { used, resident, clients, dataset } = memoryFigures(context);
  const lines = [
    `${mebibytes(used)} of JavaScript heap in use, ${mebibytes(resident)} resident, ${mebibytes(dataset)} of keys and values.`,
  ];
  if (resident > 2 * used && resident - used > 256 * 1_048_576)
    lines.push("Much more is resident than in use: the heap was larger, and is given back slowly.");
  if (clients > used / 4) lines.push("Clients' buffers take more than a quarter: see qbuf and omem in CLIENT LIST.");
  if (lines.length === 1) lines.push("Nothing unusual.");
  return new VerbatimReply("txt", `${lines.join("\n")}\n`);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

const help = [
  "DOCTOR",
  "    What memory is used for, and what is unusual about it.",
  "MALLOC-STATS",
  "    Nothing here: the allocator is that of Node.js.",
  "PURGE",
  "    Does nothing: unused memory is given back by itself.",
  "STATS",
  "    Where memory goes, in bytes.",
  "USAGE <key> [SAMPLES <count>]",
  "    The weight of <key> with its value, in bytes.",
];

/** `MEMORY`, but for what is asked of a key. */
export const memoryCommand: ServerCommand = serverCommand("memory", undefined, [
  helpCommand("memory|help", "MEMORY", help),
  serverCommand("memory|doctor", doctor),
  serverCommand("memory|malloc-stats", () => new VerbatimReply("txt", "Stats not supported for the current allocator")),
  serverCommand("memory|purge", () => ok),
  serverCommand("memory|stats", stats),
]);
