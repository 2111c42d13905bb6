import { activitySections } from "./info-activity.ts";
import { stateSections } from "./info-state.ts";
import type { ServerContext } from "./server-context.ts";

/** A section's lines are fields and their values. */
export interface InfoSection {
  /** In lower case, as it is asked for. */
  readonly name: string;
  readonly title: string;
  /** Shown when no section is named. */
  readonly isDefault: boolean;
  /** Some differ on the cluster port. */
  readonly fields: (
    context: ServerContext,
    isCluster: boolean,
  ) => Iterable<readonly [name: string, value: string | number]>;
}

/** Redis' order, with ours behind the replication that it is. */
const order: readonly string[] = [
  "server",
  "clients",
  "memory",
  "persistence",
  "stats",
  "replication",
  "raft",
  "cpu",
  "modules",
  "commandstats",
  "errorstats",
  "latencystats",
  "cluster",
  "keyspace",
];

const sections: readonly InfoSection[] = [...stateSections, ...activitySections].sort(
  (a, b) => order.indexOf(a.name) - order.indexOf(b.name),
);

/** The text of `INFO`: the sections of these names in any case; none, "default", "all" and "everything" are several. */
export function info(context: ServerContext, asked: readonly string[], isCluster: boolean): string {
  const names = new Set(asked.map((name) => name.toLowerCase()));
  const isAll = names.has("all") || names.has("everything");
  const isDefault = names.size === 0 || names.has("default");
  const parts: string[] = [];
  for (const section of sections) {
    if (!isAll && !names.has(section.name) && !(isDefault && section.isDefault)) continue;
    let text = `# ${section.title}\r\n`;
    for (const [name, value] of section.fields(context, isCluster)) text += `${name}:${value}\r\n`;
    parts.push(text);
  }
  return parts.join("\r\n");
}
