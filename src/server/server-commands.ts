import { type Arguments, ErrorReply, ok, type Reply, VerbatimReply } from "../resp/index.ts";
import { clientCommand } from "./client-commands.ts";
import { clusterCommands } from "./cluster-commands.ts";
import { commandCommand } from "./command-command.ts";
import { configCommand } from "./config-commands.ts";
import type { Connection } from "./connection.ts";
import { connectionCommands } from "./connection-commands.ts";
import { coterieCommand } from "./coterie-commands.ts";
import { info } from "./info.ts";
import { integerWord } from "./integer-word.ts";
import { latencyCommand } from "./latency-commands.ts";
import { memoryCommand } from "./memory-commands.ts";
import { answeredLater, notAnInteger, type ServerCommand, serverCommand, syntaxError } from "./server-command.ts";
import { slowlogCommand } from "./slowlog-commands.ts";

const debugIsOff = new ErrorReply(
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
);

function time({ context }: Connection): Reply {
  const wallMs = context.clock.wallMs();
  return [`${Math.floor(wallMs / 1_000)}`, `${(wallMs % 1_000) * 1_000}`];
}

/** Truthful: replicas that hold on disk what this connection has written. */
function wait(connection: Connection, args: Arguments): Reply {
  const replicaCount = integerWord(args, 1);
  if (replicaCount === undefined) return notAnInteger;
  const timeoutMs = integerWord(args, 2);
  if (timeoutMs === undefined) return new ErrorReply("ERR timeout is not an integer or out of range");
  if (timeoutMs < 0) return new ErrorReply("ERR timeout is negative");
  const { ticket, stream } = connection;
  stream.wait(ticket, replicaCount, timeoutMs);
  // To wait for no replica is to ask how many there are now. The first of the two answers counts.
  connection.block(() => stream.wait(ticket, 0, 0));
  return answeredLater;
}

function shutdown(connection: Connection, args: Arguments): Reply {
  const options = new Set(args.texts(1).map((word) => word.toUpperCase()));
  const isKnown = [...options].every((option) => ["SAVE", "NOSAVE", "NOW", "FORCE", "ABORT"].includes(option));
  const isContradictory = (options.has("SAVE") && options.has("NOSAVE")) || (options.has("ABORT") && options.size > 1);
  if (!isKnown || isContradictory) return syntaxError;
  if (options.has("ABORT")) return new ErrorReply("ERR No shutdown in progress.");
  const { context } = connection;
  if (context.shutdown === undefined) return new ErrorReply("ERR Errors trying to SHUTDOWN. Check logs.");
  context.logger.log("info", "shutdown asked for by a client", { client: connection.id });
  context.shutdown({ isNow: options.has("NOW"), isForced: options.has("FORCE") });
  return answeredLater;
}

function monitor(connection: Connection): Reply {
  connection.context.monitors.add(connection);
  return ok;
}

/** Every command that the server itself runs. */
export const serverCommands: readonly ServerCommand[] = [
  ...connectionCommands,
  clientCommand,
  ...clusterCommands,
  commandCommand,
  configCommand,
  coterieCommand,
  latencyCommand,
  memoryCommand,
  slowlogCommand,
  serverCommand("debug", () => debugIsOff),
  serverCommand("info", ({ context, isCluster }, args) => {
    return new VerbatimReply("txt", info(context, args.texts(1), isCluster));
  }),
  // All that was acknowledged is on disk at any time; as in a Redis that never saved, this is the time of the start.
  serverCommand("lastsave", ({ context }) => Math.floor(context.startedWallMs / 1_000)),
  serverCommand("monitor", monitor),
  serverCommand("shutdown", shutdown),
  serverCommand("time", time),
  serverCommand("wait", wait),
];
