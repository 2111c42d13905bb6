import { type Arguments, ErrorReply, type Reply } from "../resp/index.ts";
import { type Connection, noPassword } from "./connection.ts";
import { changeNode, changeSettings, changeShard, finishUpgrade, showDirectory } from "./coterie-directory.ts";
import {
  answeredLater,
  helpCommand,
  isWord,
  type ServerCommand,
  serverCommand,
  syntaxError,
} from "./server-command.ts";

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

/**
 * `HELLO <version> <nonce>`, then `REQUEST <request> <proof>`. A password is not asked for where the proof is worth more:
 * the cluster's secret is for its nodes alone.
 */
function join(connection: Connection, args: Arguments): Reply {
  connection.joinVisit ??= connection.context.node.openJoin(connection.address.host);
  const { context, joinVisit, ticket } = connection;
  if (joinVisit.isOpen && !connection.input.isAuthenticated) return noPassword;
  if (isWord(args, 2, "HELLO")) return joinVisit.hello(args.text(3), args.text(4));
  if (!isWord(args, 2, "REQUEST")) return syntaxError;
  joinVisit.request(args.text(3), args.text(4)).then(
    (answer) => connection.reply(ticket, answer),
    (error: unknown) => {
      context.logger.log("error", "a node could not join", { error: String(error) });
      connection.reply(ticket, new ErrorReply("ERR The node could not join. See the log of this node."));
    },
  );
  return answeredLater;
}

const help = [
  "DIRECTORY",
  "    Nodes, shards and settings of the cluster, who leads and who answers, as JSON.",
  "FINISH-UPGRADE",
  "    After an upgrade of all nodes: let everything work as the new version does. There",
  "    is no way back. Return the semantics level.",
  "JOIN <word> <first> <second>",
  "    What a node says that starts with --join. Not for clients.",
  "NODE DRAIN|DECOMMISSION|REMOVE <node> [FORCE]",
  "    Have the node's replicas move elsewhere; then remove it; remove one that is gone.",
  "NODE RESUME <node>",
  "    Have the node take replicas again.",
  "SETTINGS <name> <value> [<name> <value> ...]",
  "    Set replicas, replaceAfterMs or movesPerNodeMax.",
  "SHARD MOVE <shard> [FROM <node>] [TO <node>]",
  "    Have a replica of the shard move.",
  "SHARD TRANSFER <shard> TO <node>",
  "    Have the node lead the shard; return OK once it does.",
  "SHARD SKIP <shard> <index> DRYRUN",
  "    Say what the entry is that has stopped the shard's replicas, as JSON.",
  "SHARD SKIP <shard> <index> CHECKSUM <digits> BECAUSE <why> [BY <who>]",
  "    Have all replicas of the shard leave that entry out, for good. What it holds is lost.",
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
  serverCommand("coterie|finish-upgrade", finishUpgrade),
  helpCommand("coterie|help", "COTERIE", help),
  serverCommand("coterie|directory", showDirectory),
  serverCommand("coterie|join", join),
  serverCommand("coterie|node", changeNode),
  serverCommand("coterie|settings", changeSettings),
  serverCommand("coterie|shard", changeShard),
  serverCommand("coterie|status", status),
]);
