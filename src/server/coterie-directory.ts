/** `COTERIE DIRECTORY | NODE | SHARD | SETTINGS | FINISH-UPGRADE`: what operators see of the cluster, and have changed in it. */
import {
  type DirectoryFacts,
  DirectoryRefusal,
  leaderFor,
  type OperatorWish,
  requestFor,
  textOfFacts,
} from "../directory/index.ts";
import { type Arguments, ok, type Reply } from "../resp/index.ts";
import type { Connection } from "./connection.ts";
import { errorReply, textOf, wholeOf } from "./coterie-reply.ts";
import { skipEntry } from "./coterie-skip.ts";
import type { ServedNode } from "./served-node.ts";
import { answeredLater, isWord, notAnInteger, syntaxError } from "./server-command.ts";

/** `COTERIE DIRECTORY`. */
export function showDirectory({ context }: Connection): Reply {
  return Buffer.from(textOfFacts(factsOf(context.node)), "utf8").toString("latin1");
}

function factsOf(node: ServedNode): DirectoryFacts {
  const { nodes, shards } = node.topology();
  const leaders: (number | undefined)[] = [];
  for (const { shard, leader } of shards) leaders[shard] = leader;
  const heard = nodes.filter(({ isUp }) => isUp).map(({ nodeId }) => nodeId);
  return { state: node.directoryState, leaders, heard: new Set(heard) };
}

const actions = ["DRAIN", "DECOMMISSION", "REMOVE"] as const;

/** `COTERIE NODE DRAIN|DECOMMISSION|REMOVE node [FORCE]`, `COTERIE NODE RESUME node`. */
export function changeNode(connection: Connection, args: Arguments): Reply {
  const node = textOf(args, 3);
  if (isWord(args, 2, "RESUME")) {
    return args.count === 4 ? change(connection, { kind: "resume", node }) : syntaxError;
  }
  const action = actions.find((word) => isWord(args, 2, word));
  const isForced = args.count === 5 && isWord(args, 4, "FORCE");
  if (action === undefined || args.count > (isForced ? 5 : 4)) return syntaxError;
  const kinds = { DRAIN: "drain", DECOMMISSION: "decommission", REMOVE: "remove" } as const;
  return change(connection, { kind: kinds[action], node, isForced });
}

/** `COTERIE SHARD MOVE shard [FROM node] [TO node]`, `COTERIE SHARD TRANSFER shard TO node`, `COTERIE SHARD SKIP …`. */
export function changeShard(connection: Connection, args: Arguments): Reply {
  if (isWord(args, 2, "SKIP")) return skipEntry(connection, args);
  if (isWord(args, 2, "TRANSFER")) return transferLeader(connection, args);
  if (!isWord(args, 2, "MOVE") || args.count % 2 !== 0) return syntaxError;
  const shard = wholeOf(args, 3);
  if (shard === undefined) return notAnInteger;
  let from: string | undefined;
  let to: string | undefined;
  for (let at = 4; at < args.count; at += 2) {
    if (isWord(args, at, "FROM") && from === undefined) from = textOf(args, at + 1);
    else if (isWord(args, at, "TO") && to === undefined) to = textOf(args, at + 1);
    else return syntaxError;
  }
  return change(connection, { kind: "move", shard, from, to });
}

/** Answers once the node leads. */
function transferLeader(connection: Connection, args: Arguments): Reply {
  if (args.count !== 6 || !isWord(args, 4, "TO")) return syntaxError;
  const shard = wholeOf(args, 3);
  if (shard === undefined) return notAnInteger;
  const { context, ticket } = connection;
  const node = leaderFor(context.node.directoryState, { shard, to: textOf(args, 5) });
  if (node instanceof DirectoryRefusal) return errorReply(connection, node);
  context.node.transferLeader(shard, node).then(
    () => connection.reply(ticket, ok),
    (error: unknown) => connection.reply(ticket, errorReply(connection, error)),
  );
  return answeredLater;
}

/** `COTERIE FINISH-UPGRADE`. */
export function finishUpgrade(connection: Connection): Reply {
  const { context, ticket } = connection;
  context.node.finishUpgrade().then(
    (level) => connection.reply(ticket, level),
    (error: unknown) => connection.reply(ticket, errorReply(connection, error)),
  );
  return answeredLater;
}

const settings = ["replicas", "replaceAfterMs", "movesPerNodeMax"] as const;

/** `COTERIE SETTINGS name value [name value …]`. */
export function changeSettings(connection: Connection, args: Arguments): Reply {
  if (args.count % 2 !== 0) return syntaxError;
  const values: Partial<Record<(typeof settings)[number], number>> = {};
  for (let at = 2; at < args.count; at += 2) {
    const name = settings.find((each) => isWord(args, at, each.toUpperCase()));
    if (name === undefined || values[name] !== undefined) return syntaxError;
    const value = wholeOf(args, at + 1);
    if (value === undefined) return notAnInteger;
    values[name] = value;
  }
  return change(connection, { kind: "set", ...values });
}

/** Answers with the directory's epoch once it is so, or with the refusal. */
function change(connection: Connection, wish: OperatorWish): Reply {
  const { context, ticket } = connection;
  const { state, heard } = factsOf(context.node);
  const request = requestFor(state, heard, wish);
  if (request instanceof DirectoryRefusal) return errorReply(connection, request);
  context.node.changeDirectory(request).then(
    ({ epoch }) => connection.reply(ticket, epoch),
    (error: unknown) => connection.reply(ticket, errorReply(connection, error)),
  );
  return answeredLater;
}
