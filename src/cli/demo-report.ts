/** What a demo tells: a table and sentences for people, one JSON object a line for programs. */
import type { Role } from "./demo-message.ts";
import { exitCode } from "./exit-code.ts";
import { formatTable } from "./table.ts";

export interface DemoNodeView {
  readonly name: string;
  /** "host:port" */
  readonly redis: string;
  /** For clients of Redis Cluster. */
  readonly cluster: string;
  readonly http: string;
  readonly peer: string;
  readonly pid: number;
  /** Undefined in a demo that keeps nothing on disk. */
  readonly dir: string | undefined;
  readonly role: Role;
  /** Where there are several shards: how many it leads, of how many. */
  readonly leads?: number;
  readonly shards?: number;
}

export interface DemoView {
  readonly nodes: readonly DemoNodeView[];
  /** Where the data lies; undefined in memory. */
  readonly directory: string | undefined;
  readonly isTemporary: boolean;
  readonly hasPassword: boolean;
  /** How to call the command again. */
  readonly command: string;
}

export type DemoEvent =
  | {
      readonly event: "died";
      readonly name: string;
      readonly pid: number;
      /** What the process ended with, where it is known. */
      readonly exitCode: number | null;
      readonly signal: string | null;
      /** The command that brings it back; undefined in a demo that keeps nothing on disk. */
      readonly restart: string | undefined;
    }
  | { readonly event: "back"; readonly name: string; readonly pid: number; readonly redis: string }
  | { readonly event: "leader"; readonly name: string; readonly term: number }
  | { readonly event: "stopping" }
  | { readonly event: "stopped"; readonly removed: string | undefined };

export interface DemoReport {
  ready(view: DemoView): readonly string[];
  event(event: DemoEvent): readonly string[];
}

/** The first line is `{"nodes":[…]}`, then one line an event. */
export const jsonReport: DemoReport = {
  ready: (view) => [JSON.stringify({ nodes: view.nodes.map((node) => ({ ...node, dir: node.dir ?? null })) })],
  event: (event) => [JSON.stringify(event)],
};

export const textReport: DemoReport = {
  ready: (view) => {
    const rows = view.nodes.map((node) => [node.name, node.redis, String(node.pid), roleText(node)]);
    const columns = [
      { title: "node" },
      { title: "Redis address" },
      { title: "process", rightAligned: true },
      { title: "role" },
    ];
    const port = view.nodes[0]?.redis.split(":").at(-1);
    const clusterPort = view.nodes[0]?.cluster.split(":").at(-1);
    const login = view.hasPassword ? " --askpass" : "";
    return [
      "",
      ...formatTable(columns, rows).map((line) => `  ${line}`),
      "",
      `  Data  ${whereLine(view)}`,
      `  Try   redis-cli -p ${port}${login} set hello world`,
      `  Or    redis-cli -c -p ${clusterPort}${login} get hello    (Redis Cluster's protocol)`,
      `  See   ${view.command} status --port ${port}`,
      ...growLines(view),
      "  Stop  Ctrl-C",
      "",
    ];
  },
  event: (event) => {
    // A line of its own, which is taken whole by a triple click, however narrow the terminal is.
    const command =
      event.event === "died" && event.restart !== undefined && !wasRefused(event) ? [`  ${event.restart}`] : [];
    return [sentence(event), ...command];
  },
};

function roleText({ role, leads, shards }: DemoNodeView): string {
  return leads === undefined ? role : `leads ${leads} of ${shards} shards`;
}

function whereLine(view: DemoView): string {
  if (view.directory === undefined) return "in memory only: gone at the end, and a node that dies stays dead";
  return view.isTemporary
    ? `${view.directory}, removed at the end (--dir keeps it)`
    : `${view.directory}, from where the next start goes on`;
}

/** How a node of one's own joins, where that helps: one shard has a replica everywhere already. */
function growLines({ nodes, command }: DemoView): readonly string[] {
  const [first] = nodes;
  const last = nodes.at(-1);
  if (first?.dir === undefined || last === undefined || (first.shards ?? 1) === 1) return [];
  const name = `n${nodes.length + 1}`;
  const port = Number(last.redis.split(":").at(-1)) + 1;
  return [
    `  Grow  ${command} start --dir ./${name} --name ${name} --port ${port} \\`,
    `          --join ${first.redis} --secret-file ${first.dir}/secret`,
  ];
}

function sentence(event: DemoEvent): string {
  switch (event.event) {
    case "died": {
      const how = howItEnded(event.exitCode, event.signal);
      return `${event.name} (process ${event.pid}) ${how}. ${cureOf(event)}`;
    }
    case "back":
      return `${event.name} is back (process ${event.pid}, Redis address ${event.redis}).`;
    case "leader":
      return `${event.name} leads now (term ${event.term}).`;
    case "stopping":
      return "Stopping …";
    case "stopped":
      return event.removed === undefined
        ? "All nodes have stopped."
        : `All nodes have stopped; ${event.removed} is removed.`;
  }
}

type Died = Extract<DemoEvent, { event: "died" }>;

function wasRefused({ exitCode: code }: Died): boolean {
  return code === exitCode.refused;
}

function cureOf(event: Died): string {
  if (wasRefused(event)) return "It was refused, for what it says above.";
  return event.restart === undefined ? "It stays dead: nothing of it is on disk." : "Bring it back:";
}

function howItEnded(code: number | null, signal: string | null): string {
  if (signal !== null) return `was ended by ${signal}`;
  return code === null ? "has ended" : `has ended with exit code ${code}`;
}
