import type { Command } from "commander";
import {
  type DirectoryState,
  nodeOfName,
  type OperatorWish,
  pictureNodes,
  progressOf,
  requestFor,
  shardCountOf,
  whatIf,
} from "../directory/index.ts";
import { parseNodeName } from "./argument.ts";
import { addClusterOptions, ClusterAccess, type ClusterFlags } from "./cluster-request.ts";
import { formatNodes, formatWhatIf } from "./directory-report.ts";
import { type MoveProgress, waitForMoves } from "./move-progress.ts";

interface ListFlags extends ClusterFlags {
  readonly all?: boolean;
}

interface ChangeFlags extends ClusterFlags {
  readonly force?: boolean;
  readonly dryRun?: boolean;
  /** False with --no-wait. */
  readonly wait?: boolean;
}

const help = `
Examples:
  coterie node ls
  coterie node drain n3 --dry-run   what would move
  coterie node decommission n3      its replicas move, then it leaves for good
  coterie node remove n3            it is lost; its replicas are made anew

A node joins with coterie start --join HOST:PORT.`;

const listHelp = `
coming and going are replicas on their way to a node, and from it.

Examples:
  coterie node ls
  coterie node ls --all --json | jq '.nodes[] | select(.state == "removed")'`;

const drainHelp = `
It stays in the cluster, and goes on serving clients. Ctrl-C ends the waiting
and nothing else.

Examples:
  coterie node drain n3 --dry-run
  coterie node drain n3
  coterie node resume n3                 take it back`;

const decommissionHelp = `
Once its replicas have moved it leaves the cluster, and its process ends. It may
come back with an empty directory, as a new node. Ctrl-C ends the waiting and
nothing else.

Examples:
  coterie node decommission n3 --dry-run
  coterie node decommission n3`;

const removeHelp = `
For a node whose disk is lost. Refused while the node answers and has replicas,
and where shards would be left without a majority. One that is alive is better
decommissioned: then no shard is short of a replica meanwhile.

Examples:
  coterie node remove n3 --dry-run
  coterie node remove n3`;

const resumeHelp = `
Examples:
  coterie node resume n3`;

export function addNodeCommand(program: Command): void {
  const node = program
    .command("node")
    .summary("list, drain and remove nodes of a cluster")
    .description("Lists the nodes of a running cluster, and changes what they are for it.")
    .addHelpText("after", help);
  addClusterOptions(node.command("ls").summary("list the nodes").description("Lists the nodes of a cluster."))
    .option("--all", "removed nodes too")
    .addHelpText("after", listHelp)
    .action(list);
  const drain = node.command("drain <node>").summary("move a node's replicas elsewhere");
  addChangeOptions(drain.description("Moves a node's replicas to the others, and gives it no more."))
    .option("--no-wait", "return as soon as it has begun")
    .addHelpText("after", drainHelp)
    .action((name: string, flags: ChangeFlags) => leave({ kind: "drain", node: parseNodeName(name) }, flags));
  const decommission = node.command("decommission <node>").summary("move a node's replicas elsewhere, then remove it");
  addChangeOptions(decommission.description("Drains a node, then removes it from the cluster, for good."))
    .option("--no-wait", "return as soon as it has begun")
    .addHelpText("after", decommissionHelp)
    .action((name: string, flags: ChangeFlags) => leave({ kind: "decommission", node: parseNodeName(name) }, flags));
  const remove = node.command("remove <node>").summary("remove a node that is gone");
  addChangeOptions(
    remove.description("Removes a node that never comes back. Its replicas are made anew on the others."),
  )
    .addHelpText("after", removeHelp)
    .action((name: string, flags: ChangeFlags) => removeNode(parseNodeName(name), flags));
  const resume = node.command("resume <node>").summary("give a drained node replicas again");
  addClusterOptions(resume.description("Takes a drain back: the node takes replicas again."))
    .addHelpText("after", resumeHelp)
    .action(resumeNode);
}

function addChangeOptions(command: Command): Command {
  return addClusterOptions(command)
    .option("--force", "also where it leaves fewer replicas than there should be, or takes majorities along")
    .option("--dry-run", "say what would move, and change nothing");
}

async function list(flags: ListFlags): Promise<void> {
  const cluster = new ClusterAccess(flags);
  const nodes = pictureNodes(await cluster.directory(), flags.all === true);
  cluster.print({ nodes }, formatNodes(nodes));
}

async function leave(
  { kind, node }: { readonly kind: "drain" | "decommission"; readonly node: string },
  flags: ChangeFlags,
): Promise<void> {
  const cluster = new ClusterAccess(flags);
  const wish = { kind, node, isForced: flags.force === true } as const;
  if (flags.dryRun === true) return dryRun(cluster, wish);
  const epoch = await cluster.change(["NODE", kind.toUpperCase(), node, ...(wish.isForced ? ["FORCE"] : [])]);
  if (flags.wait !== false) await waitForMoves(cluster, ({ state }) => leaving(state, wish));
  const done = kind === "drain" ? `${node} has no replicas any more.` : `${node} has left the cluster.`;
  const begun = `The replicas of ${node} begin to move: see coterie node ls.`;
  cluster.print({ node, epoch }, [flags.wait === false ? begun : done]);
}

/** How far a node is on its way out. */
export function leaving(
  state: DirectoryState,
  { kind, node: name }: { readonly kind: "drain" | "decommission"; readonly node: string },
): MoveProgress {
  const node = nodeOfName(state, name);
  if (node === undefined) return { left: 0, isDone: true };
  const isDone = node.state !== "draining" && (kind === "drain" || node.state === "active");
  return { left: shardCountOf(state, node.id), isDone };
}

async function removeNode(node: string, flags: ChangeFlags): Promise<void> {
  const cluster = new ClusterAccess(flags);
  const wish = { kind: "remove", node, isForced: flags.force === true } as const;
  if (flags.dryRun === true) return dryRun(cluster, wish);
  const epoch = await cluster.change(["NODE", "REMOVE", node, ...(wish.isForced ? ["FORCE"] : [])]);
  const { state } = await cluster.directory();
  const { underWay, toCome } = progressOf(state);
  const left = underWay.length + toCome.length;
  const rest = left === 0 ? "" : ` ${left} replicas are to be made anew: see coterie shard ls.`;
  cluster.print({ node, epoch, left }, [`${node} is removed.${rest}`]);
}

async function resumeNode(name: string, flags: ClusterFlags): Promise<void> {
  const node = parseNodeName(name);
  const cluster = new ClusterAccess(flags);
  const epoch = await cluster.change(["NODE", "RESUME", node]);
  cluster.print({ node, epoch }, [`${node} takes replicas.`]);
}

/** What the wish would move. @throws DirectoryRefusal */
export async function dryRun(cluster: ClusterAccess, wish: OperatorWish): Promise<void> {
  const { state, heard } = await cluster.directory();
  const request = requestFor(state, heard, wish);
  if (request instanceof Error) throw request;
  const found = whatIf(state, [request]);
  cluster.print(found, formatWhatIf(found));
}
