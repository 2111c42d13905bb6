import { type Arguments, ErrorReply, ok, type Reply } from "../resp/index.ts";
import type { Connection } from "./connection.ts";
import { integerWord } from "./integer-word.ts";
import { helpCommand, type ServerCommand, serverCommand } from "./server-command.ts";

const countDefault = 10;

function get(connection: Connection, args: Arguments): Reply {
  const { slowlog } = connection.context;
  let count = countDefault;
  if (args.count === 3) {
    const asked = integerWord(args, 2);
    if (asked === undefined || asked < -1) return new ErrorReply("ERR count should be greater than or equal to -1");
    count = asked === -1 ? slowlog.length : asked;
  } else if (args.count > 3) {
    return new ErrorReply(
      `ERR unknown subcommand or wrong number of arguments for '${args.text(1)}'. Try SLOWLOG HELP.`,
    );
  }
  return slowlog
    .latest(count)
    .map(({ id, wallSeconds, microseconds, words, address, clientName }) => [
      id,
      wallSeconds,
      microseconds,
      words,
      address,
      clientName,
    ]);
}

const help = [
  "GET [<count>]",
  "    The last <count> slow commands (default: 10, -1: all), the latest first. Each is:",
  "    its number, when it ran, for how many microseconds, its words, the client's address and name",
  "LEN",
  "    How many there are.",
  "RESET",
  "    Forget them all.",
];

/** `SLOWLOG` and what it contains. */
export const slowlogCommand: ServerCommand = serverCommand("slowlog", undefined, [
  helpCommand("slowlog|help", "SLOWLOG", help),
  serverCommand("slowlog|get", get),
  serverCommand("slowlog|len", ({ context }) => context.slowlog.length),
  serverCommand("slowlog|reset", ({ context }) => {
    context.slowlog.reset();
    return ok;
  }),
]);
