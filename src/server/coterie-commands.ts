import { ErrorReply, type Reply } from "../resp/index.ts";
import type { Connection } from "./connection.ts";
import { answeredLater, helpCommand, type ServerCommand, serverCommand } from "./server-command.ts";

/** The state of all nodes, gathered by this one. */
function status(connection: Connection): Reply {
  const { context, ticket } = connection;
  context.node.status().then(
    (found) => connection.reply(ticket, Buffer.from(JSON.stringify(found), "utf8").toString("latin1")),
    (error: unknown) => {
      context.logger.log("error", "status could not be gathered", { error: String(error) });
      connection.reply(ticket, new ErrorReply("ERR The status could not be gathered. See the log of this node."));
    },
  );
  return answeredLater;
}

const help = [
  "SESSION OPEN [TTL <milliseconds>] [KEY <key>]",
  "    Open a session, in which numbered commands take effect once; return its id. It is",
  "    gone once it was not used for that long (an hour). It belongs to the shard of <key>.",
  "SESSION RUN <id> <sequence> <acknowledged> <command> [<arg> ...]",
  "    Carry out the session's next command, or answer a repeated one as before. The",
  "    client counts from 1, and has the replies up to <acknowledged>.",
  "SESSION CLOSE <id>",
  "    Close a session. Return whether there was one.",
  "STATUS",
  "    Every node, its role, term, indexes and digest, as JSON.",
];

/** `COTERIE`: what Redis has no command for. */
export const coterieCommand: ServerCommand = serverCommand("coterie", undefined, [
  helpCommand("coterie|help", "COTERIE", help),
  serverCommand("coterie|status", status),
]);
