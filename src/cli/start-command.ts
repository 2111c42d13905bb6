import { type Command, Option } from "commander";
import type { LogLevel, SocketAddress } from "../platform/index.ts";
import {
  parseAddress,
  parseHost,
  parseLogLevel,
  parseNodeName,
  parsePort,
  parseReplicaCount,
  parseShardCount,
  parseWeight,
  parseZone,
} from "./argument.ts";
import type { PasswordFlags } from "./password.ts";
import { addPasswordOptions } from "./password-options.ts";
import { type Peer, parsePeers } from "./peer-list.ts";

export interface StartFlags extends PasswordFlags {
  readonly dir?: string;
  readonly memory?: boolean;
  readonly name?: string;
  readonly peers?: readonly Peer[];
  readonly shards?: number;
  readonly replicas?: number;
  readonly join?: SocketAddress;
  readonly zone?: string;
  readonly weight?: number;
  readonly port?: number;
  readonly clusterPort?: number;
  readonly httpPort?: number;
  readonly bind?: string;
  readonly peerPort?: number;
  readonly peerBind?: string;
  readonly peerAddress?: SocketAddress;
  readonly secretFile?: string;
  readonly openAccess?: boolean;
  readonly logLevel: LogLevel;
}

const help = `
The first start says who the node is; everything but passwords is remembered in
--dir, which alone is enough after that. Give any flag again to change it; the
names in --peers stay what they were. With --join a node becomes one more of a
cluster that runs.

Examples:
  coterie start --name n1 --dir ./data/n1 --port 7001 \\
    --peers n1=127.0.0.1:17001,n2=127.0.0.1:17002,n3=127.0.0.1:17003
  coterie start --dir ./data/n1
  coterie start --dir ./data --peers solo=127.0.0.1:17001       a single node
  coterie start --dir ./data/n4 --name n4 --port 7004 --join 127.0.0.1:7001
  COTERIE_PASSWORD=… coterie start --dir ./data/n1 --bind 0.0.0.0 \\
    --secret-file ./cluster-secret

Nodes on several machines share a secret, by which they know each other:
openssl rand -hex 32 > cluster-secret, then --secret-file cluster-secret (or
COTERIE_SECRET) at each node's first start.`;

export function addStartCommand(program: Command): void {
  const command = program
    .command("start")
    .summary("run one node")
    .description("Runs one node of a cluster until it is told to stop (Ctrl-C, SIGTERM, SHUTDOWN).")
    .option("--dir <directory>", "the node's own directory; one process at a time")
    .option("--memory", "keep nothing on disk, instead of --dir; such a node must not come back under its name")
    .addOption(parsed("--name <name>", "the node's name (first start)", parseNodeName));
  addClusterOptions(command);
  addPortOptions(command)
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

/** Of what cluster the node is, and what it is there. */
function addClusterOptions(command: Command): void {
  command
    .addOption(
      parsed("--peers <list>", "all nodes, this one too: name=host:port,… (first start, or new addresses)", parsePeers),
    )
    .addOption(
      parsed(
        "--shards <count>",
        "over how many shards the keys are divided, the same at all nodes (first start; default: 1)",
        parseShardCount,
      ),
    )
    .addOption(
      parsed(
        "--replicas <count>",
        "how many replicas each shard has, the same at all nodes (first start; default: one on each of 3 to 5 nodes, else 3)",
        parseReplicaCount,
      ),
    )
    .addOption(
      parsed(
        "--join <host:port>",
        "instead of --peers: the Redis port of a node whose cluster this one joins (first start)",
        parseAddress("--join"),
      ),
    )
    .addOption(
      parsed("--zone <zone>", "nodes of one zone may fail together (default: as the cluster knows it)", parseZone),
    )
    .addOption(
      parsed(
        "--weight <weight>",
        "what the node carries beside others (default: as the cluster knows it, 100 at first)",
        parseWeight,
      ),
    );
}

/** Where the node listens, and is reached. */
function addPortOptions(command: Command): Command {
  const portOf = (flag: string, text: string): Option => parsed(`${flag} <port>`, text, parsePort(flag));
  return command
    .addOption(portOf("--port", "Redis port; 0 takes any free one (default: 7001)"))
    .addOption(
      portOf("--cluster-port", "port for clients of Redis Cluster; 0 takes any free one (default: --port + 100)"),
    )
    .addOption(portOf("--http-port", "port for HTTP; 0 takes any free one (default: --port + 1000)"))
    .addOption(
      parsed(
        "--bind <host>",
        "address of the Redis port; other than loopback only with a password (default: 127.0.0.1)",
        parseHost("--bind"),
      ),
    )
    .addOption(
      portOf("--peer-port", "port to listen on for peers (default: its own in --peers; with --join, --port + 10000)"),
    )
    .addOption(
      parsed(
        "--peer-bind <host>",
        "address to listen on for peers (default: its own in --peers)",
        parseHost("--peer-bind"),
      ),
    )
    .addOption(
      parsed(
        "--peer-address <host:port>",
        "with --join, or later at such a node: where the others reach it (default: whence it asked, and --peer-port)",
        parseAddress("--peer-address"),
      ),
    );
}

function parsed(form: string, text: string, parse: (word: string) => unknown): Option {
  return new Option(form, text).argParser(parse);
}
