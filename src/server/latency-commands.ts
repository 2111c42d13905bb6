import { type Arguments, ErrorReply, MapReply, type Reply, VerbatimReply } from "../resp/index.ts";
import type { Connection } from "./connection.ts";
import type { LatencyEvent } from "./latency-monitor.ts";
import type { ServedCommand } from "./served-command.ts";
import { helpCommand, type ServerCommand, serverCommand } from "./server-command.ts";

function latest(connection: Connection): Reply {
  return connection.context.latency.events.map(({ name, samples, maximum }) => {
    const last = samples.at(-1);
    return [name, last?.wallSeconds ?? 0, last?.milliseconds ?? 0, maximum];
  });
}

function history(connection: Connection, args: Arguments): Reply {
  const event = connection.context.latency.event(args.text(2));
  return (event?.samples ?? []).map(({ wallSeconds, milliseconds }) => [wallSeconds, milliseconds]);
}

/** Per command that was called: how many calls, and how many of them took at most 1, 2, 4, … microseconds. */
function histogram(connection: Connection, args: Arguments): Reply {
  const { all } = connection.context.commands;
  let chosen: readonly ServedCommand[] = all;
  if (args.count > 2) {
    const names = new Set(args.texts(2).map((name) => name.toLowerCase()));
    chosen = all.filter(({ name }) => names.has(name) || names.has(name.slice(0, Math.max(name.indexOf("|"), 0))));
  }
  const entries: Reply[] = [];
  for (const { name, statistics } of chosen) {
    if (statistics.latency === undefined) continue;
    const steps = statistics.latency.cumulative().flatMap(({ microseconds, count }) => [microseconds, count]);
    entries.push(name, new MapReply(["calls", statistics.latency.count, "histogram_usec", new MapReply(steps)]));
  }
  return new MapReply(entries);
}

const graphRows = 8;

/** One column a sample, the worst one as high as the graph. */
function graph(connection: Connection, args: Arguments): Reply {
  const event = connection.context.latency.event(args.text(2));
  if (event === undefined) return new ErrorReply(`ERR No samples available for event '${args.text(2)}'`);
  const { samples } = event;
  const low = Math.min(...samples.map(({ milliseconds }) => milliseconds));
  const high = Math.max(...samples.map(({ milliseconds }) => milliseconds));
  const lines = [`${event.name} - high ${high} ms, low ${low} ms (all time high ${event.maximum} ms)`, "-".repeat(80)];
  for (let row = graphRows; row >= 1; row--) {
    const cells = samples.map(({ milliseconds }) => (milliseconds * graphRows >= high * (row - 0.5) ? "#" : " "));
    lines.push(cells.join("").trimEnd());
  }
  lines.push("_".repeat(samples.length));
  return new VerbatimReply("txt", `${lines.join("\n")}\n`);
}

function line({ name, samples, maximum }: LatencyEvent): string {
  const sum = samples.reduce((total, { milliseconds }) => total + milliseconds, 0);
  const mean = (sum / samples.length).toFixed(1);
  return `${name}: ${samples.length} slow seconds, ${mean} ms in the mean, ${maximum} ms at worst.`;
}

function doctor(connection: Connection): Reply {
  const { latency } = connection.context;
  const { events } = latency;
  if (latency.thresholdMs === Number.POSITIVE_INFINITY)
    return new VerbatimReply(
      "txt",
      "Latency is not being monitored. CONFIG SET latency-monitor-threshold <milliseconds> switches it on.\n",
    );
  if (events.length === 0) return new VerbatimReply("txt", "Nothing has taken longer than the threshold.\n");
  const advice =
    "A write is answered once a majority has it on disk: look first at how long fdatasync takes on the nodes' disks.";
  return new VerbatimReply("txt", `${[...events.map(line), advice].join("\n")}\n`);
}

const help = [
  "DOCTOR",
  "    What the samples say, in words.",
  "GRAPH <event>",
  "    The samples of <event> as a picture.",
  "HISTOGRAM [<command> ...]",
  "    How long calls took, from when they were read to their replies: cumulative counts by powers of two.",
  "HISTORY <event>",
  "    When <event> was slow, and how slow in milliseconds.",
  "LATEST",
  "    Of each event the last sample and the worst.",
  "RESET [<event> ...]",
  "    Forget the samples of these events, or of all.",
];

/** `LATENCY` and what it contains. */
export const latencyCommand: ServerCommand = serverCommand("latency", undefined, [
  helpCommand("latency|help", "LATENCY", help),
  serverCommand("latency|doctor", doctor),
  serverCommand("latency|graph", graph),
  serverCommand("latency|histogram", histogram),
  serverCommand("latency|history", history),
  serverCommand("latency|latest", latest),
  serverCommand("latency|reset", ({ context }, args) => context.latency.reset(args.texts(2))),
]);
