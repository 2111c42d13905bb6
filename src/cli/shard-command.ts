import { type Command, Option } from "commander";
import { type DirectoryState, pictureHeld, pictureShards, progressOf } from "../directory/index.ts";
import { parseNodeName, parseWhole } from "./argument.ts";
import { addClusterOptions, ClusterAccess, type ClusterFlags } from "./cluster-request.ts";
import { formatShards } from "./directory-report.ts";
import { type MoveProgress, waitForMoves } from "./move-progress.ts";
import { dryRun } from "./node-command.ts";
import { UsageError } from "./refusal.ts";
import { addSkipCommand } from "./skip-command.ts";

interface MoveFlags extends ClusterFlags {
  readonly from?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  /** False with --no-wait. */
  readonly wait?: boolean;
}

interface TransferFlags extends ClusterFlags {
  readonly to: string;
}

const help = `
Examples:
  coterie shard ls
  coterie shard move 17 --from n1 --to n4
  coterie shard transfer 17 --to n4    n4, which has a replica, leads the shard

Replicas move by themselves when nodes join, leave or are lost.`;

const listHelp = `
live counts the replicas whose nodes answer; a replica in (brackets) has no vote
yet. A shard stands still while fewer than half of them are live.

Examples:
  coterie shard ls
  coterie shard ls --json | jq '.shards[] | select(.hasMajority | not)'`;

const moveHelp = `
Give --from and --to. Where a shard has fewer replicas than it should, --to
alone adds one; where it has more, --from alone takes one away. The shard serves
all the while. A replica that was moved by hand stays where it is for as long as
no node has more than its share.

Examples:
  coterie shard move 17 --from n1 --to n4 --dry-run
  coterie shard move 17 --from n1 --to n4`;

const transferHelp = `
Leaders are kept even between nodes: this one stays for ten minutes, others may
move.

Examples:
  coterie shard transfer 17 --to n4`;

export function addShardCommand(program: Command): void {
  const shard = program
    .command("shard")
    .summary("list shards, move their replicas and leaders, leave out an entry")
    .description("Lists the shards of a running cluster, and moves their replicas and leaders.")
    .addHelpText("after", help);
  addClusterOptions(shard.command("ls").summary("list the shards").description("Lists the shards of a cluster."))
    .addHelpText("after", listHelp)
    .action(list);
  const move = shard
    .command("move <shard>")
    .summary("move a replica to another node")
    .description("Moves a replica of a shard from one node to another.")
    .addOption(new Option("--from <node>", "who gives it up").argParser(parseNodeName))
    .addOption(new Option("--to <node>", "who takes it").argParser(parseNodeName))
    .option("--dry-run", "say what would move, and change nothing")
    .option("--no-wait", "return as soon as it has begun");
  addClusterOptions(move).addHelpText("after", moveHelp).action(moveReplica);
  const transfer = shard
    .command("transfer <shard>")
    .summary("have another node lead a shard")
    .description("Has another node, which has a replica, lead a shard, and waits until it does.")
    .addOption(new Option("--to <node>", "who leads it").argParser(parseNodeName).makeOptionMandatory());
  addClusterOptions(transfer).addHelpText("after", transferHelp).action(transferLeader);
  addSkipCommand(shard);
}

async function list(flags: ClusterFlags): Promise<void> {
  const cluster = new ClusterAccess(flags);
  const facts = await cluster.directory();
  const shards = pictureShards(facts);
  const held = pictureHeld(facts);
  cluster.print({ shards, held }, formatShards(shards, held));
}

async function moveReplica(text: string, flags: MoveFlags): Promise<void> {
  const shard = parseShard(text);
  const { from, to } = flags;
  if (from === undefined && to === undefined)
    throw new UsageError("Say from which node a replica is to go with --from, or to which with --to, or both.");
  const cluster = new ClusterAccess(flags);
  if (flags.dryRun === true) return dryRun(cluster, { kind: "move", shard, from, to });
  const ends = [...(from === undefined ? [] : ["FROM", from]), ...(to === undefined ? [] : ["TO", to])];
  const epoch = await cluster.change(["SHARD", "MOVE", text, ...ends]);
  const seen = flags.wait === false ? undefined : await waitForMoves(cluster, ({ state }) => moving(state, shard));
  const ways = [...(from === undefined ? [] : [` from ${from}`]), ...(to === undefined ? [] : [` to ${to}`])].join("");
  const line =
    seen === undefined
      ? `A replica of shard ${shard} begins to move${ways}: see coterie shard ls.`
      : seen === 0
        ? `Nothing had to move: shard ${shard} is as you want it.`
        : `A replica of shard ${shard} has moved${ways}.`;
  cluster.print({ shard, from: from ?? null, to: to ?? null, epoch }, [line]);
}

async function transferLeader(text: string, flags: TransferFlags): Promise<void> {
  const shard = parseShard(text);
  const { to } = flags;
  const cluster = new ClusterAccess(flags);
  await cluster.ask(["COTERIE", "SHARD", "TRANSFER", text, "TO", to]);
  cluster.print({ shard, leader: to }, [`${to} leads shard ${shard}.`]);
}

function parseShard(text: string): number {
  return parseWhole("The shard", { min: 0, max: 1_023 }, text);
}

/** Whether a replica of the shard is still on its way. */
export function moving(state: DirectoryState, shard: number): MoveProgress {
  const isDone = !progressOf(state).underWay.some((way) => way.shard === shard);
  return { left: isDone ? 0 : 1, isDone };
}
