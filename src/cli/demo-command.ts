import { type Command, Option } from "commander";
import { createNodePlatform, type LogLevel } from "../platform/index.ts";
import { nodesMax, parseLogLevel, parseNodeCount, parsePort, parseShardCount } from "./argument.ts";
import { commandName } from "./invocation.ts";
import { type PasswordFlags, readPassword } from "./password.ts";
import { addPasswordOptions } from "./password-options.ts";
import { StopSignals } from "./stop-signals.ts";

interface DemoFlags extends PasswordFlags {
  readonly nodes?: number;
  readonly shards?: number;
  readonly port: number;
  readonly clusterPort?: number;
  readonly httpPort?: number;
  readonly peerPort?: number;
  readonly dir?: string;
  readonly memory?: boolean;
  readonly json?: boolean;
  readonly logLevel: LogLevel;
}

const help = `
Every node is a process of its own. One that dies is left dead; the demo prints
the command that brings it back. All nodes stop when the demo ends, however it
ends.

Examples:
  coterie demo
  coterie demo --nodes 5 --port 7301
  coterie demo --shards 8        eight groups, whose leaders share the work
  coterie demo --dir ./data      keeps the data; the next start goes on from it
  coterie demo --memory          nothing on disk
  coterie demo --json | jq       one line when ready, then one line an event

With --json the first line is
  {"nodes":[{"name","redis","cluster","http","peer","pid","dir","role"}]}
(with several shards also "leads" and "shards"), and the events are "died"
(name, pid, exitCode, signal, restart), "back" (name, pid, redis), "leader"
(name, term), "stopping" and "stopped" (removed).`;

export function addDemoCommand(program: Command, binary: string): void {
  const command = program
    .command("demo")
    .summary("start a cluster on this machine and watch over it")
    .description("Starts a cluster on this machine, prints its addresses, and stops it on Ctrl-C.")
    .addOption(new Option("--nodes <count>", `how many nodes, 1 to ${nodesMax} (default: 3)`).argParser(parseNodeCount))
    .addOption(
      new Option("--shards <count>", "over how many shards the keys are divided (default: 1)").argParser(
        parseShardCount,
      ),
    )
    .addOption(
      new Option("--port <port>", "Redis port of the first node, the others follow; 0 takes any free ones")
        .argParser(parsePort("--port"))
        .default(7_001),
    )
    .addOption(
      new Option(
        "--cluster-port <port>",
        "port of the first node for clients of Redis Cluster (default: --port + 100)",
      ).argParser(parsePort("--cluster-port")),
    )
    .addOption(
      new Option("--http-port <port>", "port of the first node for HTTP (default: --port + 1000)").argParser(
        parsePort("--http-port"),
      ),
    )
    .addOption(
      new Option("--peer-port <port>", "port of the first node for its peers (default: --port + 10000)").argParser(
        parsePort("--peer-port"),
      ),
    )
    .option("--dir <directory>", "keep the data there (default: a temporary directory, removed at the end)")
    .option("--memory", "keep nothing on disk; a node that dies stays dead")
    .option("--json", "print JSON, one object a line")
    .addOption(
      new Option("--log-level <level>", "of the nodes' logs: debug, info, warn or error")
        .argParser(parseLogLevel)
        .default("warn"),
    );
  addPasswordOptions(command)
    .addHelpText("after", help)
    .action((flags: DemoFlags) => demo(flags, binary));
}

async function demo(flags: DemoFlags, binary: string): Promise<void> {
  const password = readPassword(flags, process.env.COTERIE_PASSWORD);
  if (password?.warning !== undefined) process.stderr.write(`coterie: ${password.warning}\n`);
  const platform = createNodePlatform();
  const signals = new StopSignals(() => platform.clock.nowMs());
  if (process.env.npm_lifecycle_event !== undefined) signals.watchParent();
  // Whoever read our output is gone, and with it whoever would stop us.
  process.stdout.on("error", () => signals.request("outputClosed"));
  const { PATH = "", npm_command: npmCommand } = process.env;
  const { runDemo } = await import("./demo.ts");
  await runDemo(
    {
      platform,
      environment: process.env,
      binary,
      command: commandName({ binary, path: PATH, npmCommand }),
      signals,
      print: (line) => process.stdout.write(`${line}\n`),
    },
    {
      nodeCount: flags.nodes,
      shards: flags.shards,
      port: flags.port,
      clusterPort: flags.clusterPort,
      httpPort: flags.httpPort,
      peerPort: flags.peerPort,
      directory: flags.dir,
      isMemory: flags.memory === true,
      isJson: flags.json === true,
      logLevel: flags.logLevel,
      password,
    },
  );
}
