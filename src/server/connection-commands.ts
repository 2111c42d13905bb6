import { type Arguments, ErrorReply, MapReply, ok, type Reply, SimpleString } from "../resp/index.ts";
import { clientNameError, isClientName } from "./client-name.ts";
import type { Connection } from "./connection.ts";
import { integerWord } from "./integer-word.ts";
import { isPassword } from "./password.ts";
import { redisVersion } from "./redis-version.ts";
import { isWord, notAnInteger, type ServerCommand, serverCommand, syntaxError } from "./server-command.ts";

/** There is one user, as in a Redis with `requirepass`. */
export const userName = "default";

const pong = new SimpleString("PONG");
const wrongPassword = new ErrorReply("WRONGPASS invalid username-password pair or user is disabled.");
const noPasswordSet = new ErrorReply(
  "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
);
const helloNeedsPassword = new ErrorReply(
  "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
);

function ping(_connection: Connection, args: Arguments): Reply {
  if (args.count > 2) return new ErrorReply("ERR wrong number of arguments for 'ping' command");
  return args.count === 1 ? pong : args.text(1);
}

function select(connection: Connection, args: Arguments): Reply {
  const index = integerWord(args, 1);
  if (index === undefined) return notAnInteger;
  if (connection.isCluster && index !== 0) return new ErrorReply("ERR SELECT is not allowed in cluster mode");
  return index === 0 ? ok : new ErrorReply("ERR DB index is out of range");
}

function quit(connection: Connection): Reply {
  connection.closeAfterReplies();
  return ok;
}

function reset(connection: Connection): Reply {
  const { context } = connection;
  context.monitors.delete(connection);
  connection.output.setReplyMode("on");
  connection.protocol = 2;
  connection.name = "";
  connection.isReadOnly = false;
  connection.input.isAuthenticated = context.config.get("requirepass") === "";
  return new SimpleString("RESET");
}

/** Undefined if it was the right password; the connection then counts as authenticated. */
function authenticate(connection: Connection, user: string, password: string): ErrorReply | undefined {
  const required = connection.context.config.get("requirepass");
  // Without a password any will do for the default user.
  if (user !== userName || (required !== "" && !isPassword(password, required))) return wrongPassword;
  connection.input.isAuthenticated = true;
  return undefined;
}

function auth(connection: Connection, args: Arguments): Reply {
  if (args.count > 3) return syntaxError;
  if (args.count === 2 && connection.context.config.get("requirepass") === "") return noPasswordSet;
  const user = args.count === 3 ? args.text(1) : userName;
  return authenticate(connection, user, args.text(args.count - 1)) ?? ok;
}

interface HelloOptions {
  user?: string;
  password?: string;
  name?: string;
}

function helloOptions(args: Arguments): HelloOptions | ErrorReply {
  const options: HelloOptions = {};
  for (let index = 2; index < args.count; index++) {
    const rest = args.count - 1 - index;
    if (isWord(args, index, "AUTH") && rest >= 2) {
      options.user = args.text(++index);
      options.password = args.text(++index);
    } else if (isWord(args, index, "SETNAME") && rest >= 1) {
      options.name = args.text(++index);
      if (!isClientName(options.name)) return clientNameError;
    } else {
      return new ErrorReply(`ERR Syntax error in HELLO option '${args.text(index)}'`);
    }
  }
  return options;
}

function hello(connection: Connection, args: Arguments): Reply {
  let protocol = connection.protocol;
  if (args.count > 1) {
    const version = integerWord(args, 1);
    if (version === undefined) return new ErrorReply("ERR Protocol version is not an integer or out of range");
    if (version !== 2 && version !== 3) return new ErrorReply("NOPROTO unsupported protocol version");
    protocol = version;
  }
  const options = helloOptions(args);
  if (options instanceof ErrorReply) return options;
  if (options.user !== undefined) {
    const refusal = authenticate(connection, options.user, options.password ?? "");
    if (refusal !== undefined) return refusal;
  }
  if (!connection.input.isAuthenticated) return helloNeedsPassword;
  if (options.name !== undefined) connection.name = options.name;
  connection.protocol = protocol;
  return new MapReply([
    "server",
    "redis",
    "version",
    redisVersion,
    "proto",
    protocol,
    "id",
    connection.id,
    "mode",
    connection.isCluster ? "cluster" : "standalone",
    "role",
    "master",
    "modules",
    [],
  ]);
}

/** What clients say of themselves, and of how they want to be talked to. */
export const connectionCommands: readonly ServerCommand[] = [
  serverCommand("ping", ping),
  serverCommand("echo", (_connection, args) => args.text(1)),
  serverCommand("select", select),
  serverCommand("quit", quit),
  serverCommand("reset", reset),
  serverCommand("auth", auth),
  serverCommand("hello", hello),
];
