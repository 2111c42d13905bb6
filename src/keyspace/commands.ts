/** All commands over a keyspace: the one table that routing, `COMMAND`, the documentation and the tests read. */
import type { CommandSpec } from "./command.ts";
import { CommandTable } from "./command-table.ts";
import { directoryCommands } from "./directory-commands.ts";
import { keyExpiryCommands } from "./key-expiry.ts";
import { keyLifeCommands } from "./key-life.ts";
import { keyObjectCommands } from "./key-object.ts";
import { keySlotCommands } from "./key-slot-commands.ts";
import { noKeys } from "./key-specification.ts";
import { keyWalkCommands } from "./key-walk.ts";
import type { Keyspace } from "./keyspace.ts";
import { nodeCommands, semanticsLevelCommand } from "./node-commands.ts";
import { type SessionCommand, sessionCommandOver } from "./session-commands.ts";
import { stringCommonCommands } from "./string-common.ts";
import { stringManyCommands } from "./string-many.ts";
import { stringNumberCommands } from "./string-number.ts";
import { stringRangeCommands } from "./string-range.ts";
import { stringSetCommands } from "./string-set.ts";

const plainCommands: CommandTable<Keyspace> = new CommandTable([
  ...stringSetCommands,
  ...stringManyCommands,
  ...stringNumberCommands,
  ...stringRangeCommands,
  ...stringCommonCommands,
  ...keyLifeCommands,
  ...keyExpiryCommands,
  ...keyWalkCommands,
  ...keySlotCommands,
  ...keyObjectCommands,
]);

/** `COTERIE SESSION`, over all other commands. */
export const sessionCommand: SessionCommand = sessionCommandOver(plainCommands);

/** What clients may call. */
export const commandTable: CommandTable<Keyspace> = new CommandTable([
  ...plainCommands.specs,
  {
    name: "COTERIE",
    arity: -2,
    flags: [],
    ...noKeys,
    group: "coterie",
    categories: [],
    summary: "A container for commands about the cluster itself",
    since: "0.1.0",
    complexity: "Depends on subcommand.",
    tips: [],
    subcommands: [sessionCommand.spec],
    execute: undefined,
  },
]);

/** Raises the level that decides what commands do: see `semantics.ts`. */
export const semanticsCommand: CommandSpec<Keyspace> = semanticsLevelCommand;

/** What the nodes may ask of a shard's leader: their clients' commands, and what they want themselves. */
export const shardCommandTable: CommandTable<Keyspace> = new CommandTable([...commandTable.specs, semanticsCommand]);

/** What the nodes may ask of the directory's group, and nobody else. */
export const directoryCommandTable: CommandTable<Keyspace> = new CommandTable([...directoryCommands, semanticsCommand]);

/** What an entry may hold: what clients may call, and the commands that only the nodes propose. */
export const entryCommandTable: CommandTable<Keyspace> = new CommandTable([
  ...commandTable.specs,
  ...nodeCommands,
  ...directoryCommands,
]);
