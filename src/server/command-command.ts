import { aclCategories, type CommandSpec, hasArity, keysOf, matchesGlob } from "../keyspace/index.ts";
import { Arguments, ErrorReply, MapReply, type Reply, SetReply, SimpleString } from "../resp/index.ts";
import { commandDocs, commandInfo } from "./command-details.ts";
import type { Connection } from "./connection.ts";
import { helpCommand, isWord, type ServerCommand, serverCommand, syntaxError } from "./server-command.ts";

const noKeys = new ErrorReply("ERR The command has no key arguments");

function containerOf(name: string): string | undefined {
  const end = name.indexOf("|");
  return end < 0 ? undefined : name.slice(0, end).toLowerCase();
}

function info(connection: Connection, args: Arguments): Reply {
  const { commands } = connection.context;
  if (args.count <= 2) return commands.specs.map((spec) => commandInfo(spec));
  return args.texts(2).map((name) => {
    const spec = commands.named(name);
    return spec === undefined ? null : commandInfo(spec, containerOf(name));
  });
}

function docs(connection: Connection, args: Arguments): Reply {
  const { commands } = connection.context;
  if (args.count <= 2) return new MapReply(commands.specs.flatMap((spec) => commandDocs(spec)));
  const entries = args.texts(2).flatMap((name) => {
    const spec = commands.named(name);
    return spec === undefined ? [] : commandDocs(spec, containerOf(name));
  });
  return new MapReply(entries);
}

/** Names, a container before its subcommands, of the commands that pass. */
function names(connection: Connection, passes: (name: string, spec: CommandSpec<never>) => boolean): string[] {
  const found: string[] = [];
  for (const spec of connection.context.commands.specs) {
    const name = spec.name.toLowerCase();
    if (passes(name, spec)) found.push(name);
    for (const subcommand of spec.subcommands) {
      const fullName = `${name}|${subcommand.name.toLowerCase()}`;
      if (passes(fullName, subcommand)) found.push(fullName);
    }
  }
  return found;
}

function list(connection: Connection, args: Arguments): Reply {
  if (args.count === 2) return names(connection, () => true);
  if (args.count !== 5 || !isWord(args, 2, "FILTERBY")) return syntaxError;
  const value = args.text(4);
  switch (args.text(3).toUpperCase()) {
    case "MODULE":
      return [];
    case "ACLCAT":
      return names(connection, (_name, spec) => aclCategories(spec).includes(value.toLowerCase()));
    case "PATTERN":
      return names(connection, (name) => matchesGlob(value.toLowerCase(), name));
    default:
      return syntaxError;
  }
}

interface KeyUses {
  readonly words: string[];
  readonly keys: Reply[];
}

/** The keys in a whole command; or why there are none. */
function keyUses(connection: Connection, words: readonly string[]): KeyUses | ErrorReply {
  const { commands } = connection.context;
  const [name = "", subcommand = ""] = words;
  const outer = name.includes("|") ? undefined : commands.named(name);
  const isContainer = outer !== undefined && outer.subcommands.length > 0;
  const spec = isContainer ? commands.named(`${name}|${subcommand}`) : outer;
  if (spec === undefined) return new ErrorReply("ERR Invalid command specified");
  if (spec.keySpecifications.length === 0) return noKeys;
  if (!hasArity(spec, words.length)) return new ErrorReply("ERR Invalid number of arguments specified for command");
  const innerAt = spec.innerCommandAt?.(Arguments.of(words));
  if (innerAt !== undefined) return keyUses(connection, words.slice(innerAt));
  const keys = keysOf(spec, words);
  if (keys === undefined) return new ErrorReply("ERR Invalid arguments specified for command");
  const flagged = keys.map(({ word, flags }) => [
    words[word] ?? "",
    new SetReply(flags.map((flag) => new SimpleString(flag))),
  ]);
  return { words: keys.map(({ word }) => words[word] ?? ""), keys: flagged };
}

function getKeys(connection: Connection, args: Arguments): Reply {
  const uses = keyUses(connection, args.texts(2));
  return uses instanceof ErrorReply ? uses : uses.words;
}

function getKeysAndFlags(connection: Connection, args: Arguments): Reply {
  const uses = keyUses(connection, args.texts(2));
  return uses instanceof ErrorReply ? uses : uses.keys;
}

const help = [
  "(no subcommand)",
  "    The details of all commands.",
  "COUNT",
  "    How many commands there are, subcommands not counted.",
  "DOCS [<command> ...]",
  "    What commands are for, since when they exist, and what they cost.",
  "GETKEYS <command> [<argument> ...]",
  "    The keys in a whole command.",
  "GETKEYSANDFLAGS <command> [<argument> ...]",
  "    The same, with what the command does with each key.",
  "INFO [<command> ...]",
  "    The details of these commands, or of all.",
  "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
  "    The names of commands.",
];

/** `COMMAND` and what it contains. */
export const commandCommand: ServerCommand = serverCommand("command", info, [
  helpCommand("command|help", "COMMAND", help),
  serverCommand("command|count", ({ context }) => context.commands.specs.length),
  serverCommand("command|docs", docs),
  serverCommand("command|getkeys", getKeys),
  serverCommand("command|getkeysandflags", getKeysAndFlags),
  serverCommand("command|info", info),
  serverCommand("command|list", list),
]);
