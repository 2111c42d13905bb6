import { type Arguments, ErrorReply, noReply, ok, type Reply, VerbatimReply } from "../resp/index.ts";
import { clientFilter, clientType } from "./client-filter.ts";
import { clientLine } from "./client-list.ts";
import { clientNameError, isClientName } from "./client-name.ts";
import type { Connection } from "./connection.ts";
import { integerWord } from "./integer-word.ts";
import { helpCommand, isWord, notAnInteger, type ServerCommand, serverCommand, syntaxError } from "./server-command.ts";

/** A year: longer pauses and waits are as good as for ever, and timers have their limits. */
const pauseMsMax = 365 * 24 * 3_600_000;

function wrongWords(subcommand: string): ErrorReply {
  return new ErrorReply(`ERR unknown subcommand or wrong number of arguments for '${subcommand}'. Try CLIENT HELP.`);
}

function list(connection: Connection, args: Arguments): Reply {
  const { connections } = connection.context;
  let chosen: readonly (Connection | undefined)[] = [...connections.values()];
  if (args.count === 4 && isWord(args, 2, "TYPE")) {
    const type = clientType(args.text(3));
    if (type instanceof ErrorReply) return type;
    if (type !== "normal") chosen = [];
  } else if (args.count > 3 && isWord(args, 2, "ID")) {
    const ids: number[] = [];
    for (let index = 3; index < args.count; index++) {
      const id = integerWord(args, index);
      if (id === undefined) return new ErrorReply("ERR Invalid client ID");
      ids.push(id);
    }
    chosen = ids.map((id) => connections.get(id));
  } else if (args.count !== 2) {
    return syntaxError;
  }
  const lines = chosen.flatMap((client) => (client === undefined ? [] : [`${clientLine(client)}\n`]));
  return new VerbatimReply("txt", lines.join(""));
}

function setName(connection: Connection, args: Arguments): Reply {
  const name = args.text(2);
  if (!isClientName(name)) return clientNameError;
  connection.name = name;
  return ok;
}

function setInfo(connection: Connection, args: Arguments): Reply {
  const attribute = args.text(2).toLowerCase();
  const value = args.text(3);
  if (attribute !== "lib-name" && attribute !== "lib-ver")
    return new ErrorReply(`ERR Unrecognized option '${args.text(2)}'`);
  if (!isClientName(value))
    return new ErrorReply(`ERR ${attribute} cannot contain spaces, newlines or special characters.`);
  if (attribute === "lib-name") connection.libraryName = value;
  else connection.libraryVersion = value;
  return ok;
}

function setReplyMode(connection: Connection, args: Arguments): Reply {
  switch (args.text(2).toUpperCase()) {
    case "ON":
      connection.output.setReplyMode("on");
      return ok;
    case "OFF":
      connection.output.setReplyMode("off");
      return ok;
    case "SKIP":
      // Neither this command is answered nor the next.
      connection.output.setReplyMode("skip");
      return noReply;
    default:
      return syntaxError;
  }
}

function kill(connection: Connection, args: Arguments): Reply {
  const { connections } = connection.context;
  if (args.count === 3) {
    const address = args.text(2);
    const found = [...connections.values()].find(
      (client) => `${client.address.host}:${client.address.port}` === address,
    );
    if (found === undefined) return new ErrorReply("ERR No such client");
    end(found, connection);
    return ok;
  }
  const filter = clientFilter(args);
  if (filter instanceof ErrorReply) return filter;
  let count = 0;
  for (const client of [...connections.values()]) {
    if (!filter.matches(client) || (client === connection && filter.skipsCaller)) continue;
    end(client, connection);
    count++;
  }
  return count;
}

/** The caller gets its reply first. */
function end(client: Connection, caller: Connection): void {
  if (client === caller) client.closeAfterReplies();
  else client.destroy();
}

function pause(connection: Connection, args: Arguments): Reply {
  let mode: "write" | "all" = "all";
  if (args.count > 3) {
    if (args.count > 4) return wrongWords("pause");
    const word = args.text(3).toLowerCase();
    if (word !== "write" && word !== "all") return new ErrorReply("ERR CLIENT PAUSE mode must be WRITE or ALL");
    mode = word;
  }
  const timeoutMs = integerWord(args, 2);
  if (timeoutMs === undefined) return new ErrorReply("ERR timeout is not an integer or out of range");
  if (timeoutMs < 0) return new ErrorReply("ERR timeout is negative");
  connection.context.pause.begin(mode, Math.min(timeoutMs, pauseMsMax));
  return ok;
}

function unblock(connection: Connection, args: Arguments): Reply {
  let how: "timeout" | "error" = "timeout";
  if (args.count === 4) {
    const word = args.text(3).toLowerCase();
    if (word !== "timeout" && word !== "error")
      return new ErrorReply("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    how = word;
  } else if (args.count > 4) {
    return wrongWords("unblock");
  }
  const id = integerWord(args, 2);
  if (id === undefined) return notAnInteger;
  return connection.context.connections.get(id)?.unblock(how) === true ? 1 : 0;
}

function setNoEvict(connection: Connection, args: Arguments): Reply {
  const word = args.text(2).toUpperCase();
  if (word !== "ON" && word !== "OFF") return syntaxError;
  connection.isNoEvict = word === "ON";
  return ok;
}

const help = [
  "GETNAME",
  "    The name of this connection, or nil.",
  "ID",
  "    The number of this connection; later ones have higher numbers.",
  "INFO",
  "    The fields of CLIENT LIST for this connection.",
  "KILL <ip:port>",
  "    End the connection that comes from <ip:port>.",
  "KILL <option> <value> [<option> <value> [...]]",
  "    End the connections that all options are true of; how many they were. Options:",
  "    * ADDR <ip:port>, LADDR <ip:port>",
  "    * ID <client-id>",
  "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
  "    * USER <username>",
  "    * SKIPME (YES|NO): whether to spare this connection (default: yes)",
  "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)|ID <client-id> [<client-id> ...]]",
  "    A line for each connection.",
  "NO-EVICT (ON|OFF)",
  "    Protect this connection from eviction. Clients are never evicted here: only remembered.",
  "PAUSE <milliseconds> [WRITE|ALL]",
  "    Hold all commands of clients, or those that write, for so long.",
  "REPLY (ON|OFF|SKIP)",
  "    Whether this connection gets replies; SKIP is about the next command.",
  "SETINFO (LIB-NAME|LIB-VER) <value>",
  "    What library the client uses.",
  "SETNAME <name>",
  "    Give this connection a name.",
  "UNBLOCK <client-id> [TIMEOUT|ERROR]",
  "    End a blocking command of a client, as if its time were over or with an error.",
  "UNPAUSE",
  "    End a pause.",
];

/** `CLIENT` and what it contains. */
export const clientCommand: ServerCommand = serverCommand("client", undefined, [
  helpCommand("client|help", "CLIENT", help),
  serverCommand("client|getname", (connection) => (connection.name === "" ? null : connection.name)),
  serverCommand("client|id", (connection) => connection.id),
  serverCommand("client|info", (connection) => new VerbatimReply("txt", `${clientLine(connection)}\n`)),
  serverCommand("client|kill", kill),
  serverCommand("client|list", list),
  serverCommand("client|no-evict", setNoEvict),
  serverCommand("client|pause", pause),
  serverCommand("client|reply", setReplyMode),
  serverCommand("client|setinfo", setInfo),
  serverCommand("client|setname", setName),
  serverCommand("client|unblock", unblock),
  serverCommand("client|unpause", (connection) => {
    connection.context.pause.end();
    return ok;
  }),
]);
