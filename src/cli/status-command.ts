import { type Command, Option } from "commander";
import { parseHost, parseRemotePort, parseWhole } from "./argument.ts";
import { type PasswordFlags, readPassword } from "./password.ts";
import { addPasswordOptions } from "./password-options.ts";
import { addRecoveryCommands } from "./recovery-command.ts";
import { askRedis } from "./redis-request.ts";
import { formatStatus, readStatus } from "./status-report.ts";
import { addFinishUpgradeCommand } from "./upgrade-command.ts";

interface StatusFlags extends PasswordFlags {
  readonly host: string;
  readonly port: number;
  readonly json?: boolean;
  readonly timeoutMs: number;
}

const help = `
Examples:
  coterie status
  coterie status --port 7003
  coterie status --json | jq .nodes
  COTERIE_PASSWORD=… coterie status --host db1.internal

Exit code 3 means that no node answered.`;

const clusterHelp = `
Examples:
  coterie cluster status
  coterie cluster finish-upgrade --dry-run
  coterie cluster survey --dir ./data/n1               of a node that is stopped

Nodes and shards have commands of their own: coterie node, coterie shard.`;

export function addStatusCommand(program: Command): void {
  describeStatus(program.command("status").summary("show every node of a cluster"));
}

/** `coterie cluster`: the same, beside what else concerns a cluster as a whole. */
export function addClusterCommand(program: Command): void {
  const cluster = program
    .command("cluster")
    .summary("a cluster as a whole: its state, its upgrades, its recovery")
    .description(
      "Shows a cluster as a whole, ends its upgrades, and has it go on after it has lost majorities for good.",
    )
    .addHelpText("after", clusterHelp);
  describeStatus(cluster.command("status").summary("show every node, as coterie status"));
  addFinishUpgradeCommand(cluster);
  addRecoveryCommands(cluster);
}

function describeStatus(command: Command): void {
  command
    .description("Asks any node of a cluster, and shows what each of its nodes does.")
    .addOption(new Option("--host <host>", "where the node is").argParser(parseHost("--host")).default("127.0.0.1"))
    .addOption(new Option("--port <port>", "its Redis port").argParser(parseRemotePort("--port")).default(7_001))
    .addOption(
      new Option("--timeout-ms <ms>", "how long to wait for the answer")
        .argParser((text) => parseWhole("--timeout-ms", { min: 1, max: 600_000 }, text))
        .default(5_000),
    )
    .option("--json", "print the answer as JSON");
  addPasswordOptions(command).addHelpText("after", help).action(status);
}

async function status(flags: StatusFlags): Promise<void> {
  const password = readPassword(flags, process.env.COTERIE_PASSWORD);
  if (password?.warning !== undefined) process.stderr.write(`coterie: ${password.warning}\n`);
  const { host, port, timeoutMs } = flags;
  const words = ["COTERIE", "STATUS"];
  const reply = await askRedis({ host, port, timeoutMs, password: password?.text, words });
  const answer = readStatus({ host, port }, reply);
  process.stdout.write(flags.json === true ? `${JSON.stringify(answer)}\n` : `${formatStatus(answer).join("\n")}\n`);
}
