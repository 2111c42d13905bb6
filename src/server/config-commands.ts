import { type Arguments, ErrorReply, MapReply, ok, type Reply } from "../resp/index.ts";
import type { Connection } from "./connection.ts";
import { helpCommand, type ServerCommand, serverCommand, syntaxError } from "./server-command.ts";

function set(connection: Connection, args: Arguments): Reply {
  if (args.count % 2 !== 0) return syntaxError;
  const refusal = connection.context.config.set(args.texts(2));
  return refusal === undefined ? ok : new ErrorReply(refusal);
}

function resetStatistics(connection: Connection): Reply {
  const { commands, node, statistics } = connection.context;
  statistics.reset();
  node.resetStatistics();
  for (const command of commands.all) command.statistics.reset();
  return ok;
}

const help = [
  "GET <pattern> [<pattern> ...]",
  "    The settings whose names match, with their values.",
  "RESETSTAT",
  "    Set the counters of INFO to zero.",
  "REWRITE",
  "    Refused: this server has no configuration file.",
  "SET <setting> <value> [<setting> <value> ...]",
  "    Change settings of this node until it stops; all of them or, on an error, none.",
];

/** `CONFIG` and what it contains. */
export const configCommand: ServerCommand = serverCommand("config", undefined, [
  helpCommand("config|help", "CONFIG", help),
  serverCommand("config|get", ({ context }, args) => new MapReply(context.config.matching(args.texts(2)))),
  serverCommand("config|resetstat", resetStatistics),
  serverCommand("config|rewrite", () => new ErrorReply("ERR The server is running without a config file")),
  serverCommand("config|set", set),
]);
