import { type Command, Option } from "commander";
import {
  type DirectoryRequest,
  type DirectoryState,
  joinsOf,
  pictureKey,
  pictureSpread,
  requestFor,
  whatIf,
} from "../directory/index.ts";
import { parseNodeName, parseWhole } from "./argument.ts";
import { addClusterOptions, ClusterAccess, type ClusterFlags } from "./cluster-request.ts";
import { formatKey, formatSpread, formatWhatIf } from "./directory-report.ts";
import { UsageError } from "./refusal.ts";

interface PlanFlags extends ClusterFlags {
  readonly add?: number;
  readonly remove?: readonly string[];
  readonly force?: boolean;
}

const help = `
Examples:
  coterie ring show
  coterie ring owner user:7
  coterie ring plan --add 1            what a fourth node would get
  coterie ring plan --remove n3        what would move if n3 left

None of these changes anything.`;

const showHelp = `
fair is how many replicas a node should have by its weight, share how many of
all it has or is to have, leads how many of all slots it leads.

Examples:
  coterie ring show
  coterie ring show --json | jq '.nodes[] | {name, share}'`;

const ownerHelp = `
Keys with the same {hash tag} are in the same slot, and so in the same shard.

Examples:
  coterie ring owner user:7
  coterie ring owner '{user7}name' --json | jq -r .leader`;

const planHelp = `
Examples:
  coterie ring plan                            what is left to be moved
  coterie ring plan --add 1                    what a node more would get
  coterie ring plan --add 1 --remove n3        what a replacement would move
  coterie ring plan --remove n3 --force        with fewer replicas, if need be`;

export function addRingCommand(program: Command): void {
  const ring = program
    .command("ring")
    .summary("who is responsible for what, and what would move")
    .description("Shows how keys and replicas are spread over the nodes of a running cluster.")
    .addHelpText("after", help);
  const parts = ring.command("show").summary("each node's part").description("Shows each node's part of all replicas.");
  addClusterOptions(parts).addHelpText("after", showHelp).action(show);
  const owner = ring
    .command("owner <key>")
    .summary("who has a key")
    .description("Shows a key's slot and shard, who leads that, and who keeps it.");
  addClusterOptions(owner).addHelpText("after", ownerHelp).action(showOwner);
  const plan = ring
    .command("plan")
    .summary("what would move if nodes came or went")
    .description("Shows what would move if nodes came or went, or what is left to be moved; changes nothing.")
    .addOption(
      new Option("--add <n>", "so many nodes of the usual weight join").argParser((text) =>
        parseWhole("--add", { min: 1, max: 100 }, text),
      ),
    )
    .addOption(
      new Option("--remove <node>", "this node leaves; may be given several times").argParser(
        (text: string, others: readonly string[] | undefined) => [...(others ?? []), parseNodeName(text)],
      ),
    )
    .option("--force", "also where fewer nodes are left than each shard has replicas");
  addClusterOptions(plan).addHelpText("after", planHelp).action(showPlan);
}

async function show(flags: ClusterFlags): Promise<void> {
  const cluster = new ClusterAccess(flags);
  const spread = pictureSpread(await cluster.directory());
  cluster.print(spread, formatSpread(spread));
}

async function showOwner(key: string, flags: ClusterFlags): Promise<void> {
  const cluster = new ClusterAccess(flags);
  const picture = pictureKey(await cluster.directory(), key);
  cluster.print(picture, formatKey(picture));
}

async function showPlan(flags: PlanFlags): Promise<void> {
  const cluster = new ClusterAccess(flags);
  const { state, heard } = await cluster.directory();
  const found = whatIf(state, planRequests(state, heard, flags));
  const joining = state.nodes.filter((node) => node.state === "joining").map(({ name }) => name);
  cluster.print(found, formatWhatIf(found, joining));
}

/** @throws DirectoryRefusal, UsageError (USAGE) */
export function planRequests(
  state: DirectoryState,
  heard: ReadonlySet<number>,
  { add = 0, remove = [], force = false }: Pick<PlanFlags, "add" | "remove" | "force">,
): readonly DirectoryRequest[] {
  if (new Set(remove).size !== remove.length) throw new UsageError("--remove names a node twice.");
  const leaving = remove.map((node) => requestFor(state, heard, { kind: "drain", node, isForced: force }));
  return [
    ...joinsOf(state, add),
    ...leaving.map((request) => {
      if (request instanceof Error) throw request;
      return request;
    }),
  ];
}
