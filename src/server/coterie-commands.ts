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

const help = ["STATUS", "    Every node, its role, term, indexes and digest, as JSON."];

/** `COTERIE`: what Redis has no command for. */
export const coterieCommand: ServerCommand = serverCommand("coterie", undefined, [
  helpCommand("coterie|help", "COTERIE", help),
  serverCommand("coterie|status", status),
]);
