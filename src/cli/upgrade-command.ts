/** `coterie cluster finish-upgrade`: the end of an upgrade of all nodes, from which there is no way back. */
import type { Command } from "commander";
import { addClusterOptions, ClusterAccess, type ClusterFlags } from "./cluster-request.ts";
import { fieldsOf, itemsOf, type JsonObject } from "./json-object.ts";
import { readStatus } from "./status-report.ts";
import { type Column, formatTable } from "./table.ts";

interface FinishFlags extends ClusterFlags {
  readonly dryRun?: boolean;
}

const columns: readonly Column[] = [{ title: "node" }, { title: "knows levels" }, { title: "data at level" }];

const help = `
Examples:
  coterie cluster finish-upgrade --dry-run    what each node knows, and the data
  coterie cluster finish-upgrade

Until then the cluster does what the old version did, and the way back to it is
open. Refused while a node is older than another one, or does not answer. Where
the new version brings no new level nothing changes.`;

export function addFinishUpgradeCommand(cluster: Command): void {
  const finish = cluster
    .command("finish-upgrade")
    .summary("after an upgrade of all nodes: do as the new version does")
    .description("Has a cluster whose nodes are all upgraded do what the new version does. There is no way back.")
    .option("--dry-run", "show the levels, and change nothing")
    .addHelpText("after", help);
  addClusterOptions(finish).action(finishUpgrade);
}

async function finishUpgrade(flags: FinishFlags): Promise<void> {
  const cluster = new ClusterAccess(flags);
  if (flags.dryRun === true) {
    const found = levelsIn(readStatus(flags, await cluster.ask(["COTERIE", "STATUS"])));
    cluster.print(found, levelLines(found));
    return;
  }
  const level = await cluster.change(["FINISH-UPGRADE"]);
  cluster.print({ semanticsLevel: level }, [
    `The cluster is at semantics level ${level}. Versions that do not know it cannot run here.`,
  ]);
}

interface Levels {
  readonly nodes: readonly { readonly node: string; readonly knows: number | null; readonly data: readonly number[] }[];
}

/** What each node's version knows, and the levels of the replicas on it, sorted; of a silent one nothing. */
function levelsIn(status: JsonObject): Levels {
  const nodes = itemsOf(status.nodes).map((item) => {
    const { name, status: told } = fieldsOf(item);
    const { directory, groups, semanticsLevelMax } = fieldsOf(told);
    const data = [directory, ...itemsOf(groups)].flatMap((group) => {
      const { semanticsLevel } = fieldsOf(group);
      return typeof semanticsLevel === "number" ? [semanticsLevel] : [];
    });
    const knows = typeof semanticsLevelMax === "number" ? semanticsLevelMax : null;
    return { node: String(name), knows, data: [...new Set(data)].sort((left, right) => left - right) };
  });
  return { nodes };
}

function levelLines({ nodes }: Levels): readonly string[] {
  const rows = nodes.map(({ node, knows, data }) => [
    node,
    knows === null ? "no answer" : `up to ${knows}`,
    data.join(", ") || "-",
  ]);
  const highest = Math.max(...nodes.map(({ knows }) => knows ?? 0));
  const behind = nodes.filter(({ knows }) => knows !== highest).map(({ node }) => node);
  const isThere = nodes.every(({ data }) => data.every((level) => level === highest));
  return [
    ...formatTable(columns, rows),
    "",
    behind.length > 0
      ? `To be upgraded, started or removed first: ${behind.join(", ")}.`
      : isThere
        ? `All is at level ${highest}: there is nothing to finish.`
        : `Finishing raises all data to level ${highest}, for good.`,
    "Nothing has been changed.",
  ];
}
