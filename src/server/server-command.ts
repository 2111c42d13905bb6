import type { CommandSpec } from "../keyspace/index.ts";
import { type Arguments, ErrorReply, RawReply, type Reply, SimpleString } from "../resp/index.ts";
import { commandFacts, type ServerCommandName } from "./command-facts.ts";
import type { Connection } from "./connection.ts";

/** A command that the server itself runs, for the connection that sent it. */
export type ServerCommand = CommandSpec<Connection>;

/** What a command returns that has seen to its reply itself: the ticket will be answered, or the connection is gone. */
export const answeredLater: RawReply = new RawReply("");

/** The command of that name in the table of facts. */
export function serverCommand(
  name: ServerCommandName,
  execute: ServerCommand["execute"],
  subcommands: readonly ServerCommand[] = [],
): ServerCommand {
  const facts = commandFacts[name];
  return {
    ...facts,
    name: name.slice(name.indexOf("|") + 1).toUpperCase(),
    keys: undefined,
    keySpecifications: [],
    categories: facts.categories ?? [],
    tips: facts.tips ?? [],
    subcommands,
    execute,
  };
}

/** The HELP of a container: `lines` between the frame that all of them have. */
export function helpCommand(name: ServerCommandName, container: string, lines: readonly string[]): ServerCommand {
  const reply: Reply = [
    `${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...lines,
    "HELP",
    "    Print this help.",
  ].map((line) => new SimpleString(line));
  return serverCommand(name, () => reply);
}

export const syntaxError: ErrorReply = new ErrorReply("ERR syntax error");
export const notAnInteger: ErrorReply = new ErrorReply("ERR value is not an integer or out of range");

/** Whether word `index` is `word`, which is in upper case, in any case. */
export function isWord(args: Arguments, index: number, word: string): boolean {
  return args.byteLength(index) === word.length && args.text(index).toUpperCase() === word;
}
