import { type Command, Option } from "commander";
import type { LogLevel } from "../platform/index.ts";
import { parseHost, parseLogLevel, parseNodeName, parsePort, parseShardCount } from "./argument.ts";
import type { PasswordFlags } from "./password.ts";
import { addPasswordOptions } from "./password-options.ts";
import { type Peer, parsePeers } from "./peer-list.ts";

export interface StartFlags extends PasswordFlags {
  readonly dir?: string;
  readonly memory?: boolean;
  readonly name?: string;
  readonly peers?: readonly Peer[];
  readonly shards?: number;
  readonly port?: number;
  readonly clusterPort?: number;
  readonly httpPort?: number;
  readonly bind?: string;
  readonly peerPort?: number;
  readonly peerBind?: string;
  readonly secretFile?: string;
  readonly openAccess?: boolean;
  readonly logLevel: LogLevel;
}

const help = `
The first start says who the node is; everything but passwords is remembered in
--dir, which alone is enough after that. Give any flag again to change it; the
set of names stays what it was.

Examples:
  coterie start --name n1 --dir ./data/n1 --port 7001 \\
    --peers n1=127.0.0.1:17001,n2=127.0.0.1:17002,n3=127.0.0.1:17003
  coterie start --dir ./data/n1
  coterie start --dir ./data --peers solo=127.0.0.1:17001       a single node
  COTERIE_PASSWORD=… coterie start --dir ./data/n1 --bind 0.0.0.0 \\
    --secret-file ./cluster-secret

Nodes on several machines share a secret, by which they know each other:
openssl rand -hex 32 > cluster-secret, then --secret-file cluster-secret (or
COTERIE_SECRET) at each node's first start.`;

export function addStartCommand(program: Command): void {
  const command = program
    .command("start")
    .summary("run one node")
    .description("Runs one node of a fixed cluster until it is told to stop (Ctrl-C, SIGTERM, SHUTDOWN).")
    .option("--dir <directory>", "the node's own directory; one process at a time")
    .option("--memory", "keep nothing on disk, instead of --dir; such a node must not come back under its name")
    .addOption(new Option("--name <name>", "the node's name (first start)").argParser(parseNodeName))
    .addOption(
      new Option(
        "--peers <list>",
        "all nodes, this one too: name=host:port,… (first start, or new addresses)",
      ).argParser(parsePeers),
    )
    .addOption(
      new Option(
        "--shards <count>",
        "over how many shards the keys are divided, the same at all nodes (first start; default: 1)",
      ).argParser(parseShardCount),
    )
    .addOption(
      new Option("--port <port>", "Redis port; 0 takes any free one (default: 7001)").argParser(parsePort("--port")),
    )
    .addOption(
      new Option(
        "--cluster-port <port>",
        "port for clients of Redis Cluster; 0 takes any free one (default: --port + 100)",
      ).argParser(parsePort("--cluster-port")),
    )
    .addOption(
      new Option("--http-port <port>", "port for HTTP; 0 takes any free one (default: --port + 1000)").argParser(
        parsePort("--http-port"),
      ),
    )
    .addOption(
      new Option(
        "--bind <host>",
        "address of the Redis port; other than loopback only with a password (default: 127.0.0.1)",
      ).argParser(parseHost("--bind")),
    )
    .addOption(
      new Option("--peer-port <port>", "port to listen on for peers (default: its own in --peers)").argParser(
        parsePort("--peer-port"),
      ),
    )
    .addOption(
      new Option("--peer-bind <host>", "address to listen on for peers (default: its own in --peers)").argParser(
        parseHost("--peer-bind"),
      ),
    )
    .option("--secret-file <file>", "the cluster's secret, on the file's first line (first start)")
    .addOption(
      new Option("--log-level <level>", "debug, info, warn or error").argParser(parseLogLevel).default("info"),
    );
  addPasswordOptions(command)
    .option("--open-access", "do without the password that the node had")
    .addHelpText("after", help)
    .action(async (flags: StartFlags) => {
      const { startNode } = await import("./start.ts");
      await startNode(flags);
    });
}
