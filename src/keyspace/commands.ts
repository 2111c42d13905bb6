/** All commands over a keyspace: the one table that routing, `COMMAND`, the documentation and the tests read. */
import { CommandTable } from "./command-table.ts";
import { keyLifeCommands } from "./key-life.ts";
import type { Keyspace } from "./keyspace.ts";
import { stringSetCommands } from "./string-set.ts";

/** What clients may call. */
export const commandTable: CommandTable<Keyspace> = new CommandTable([...stringSetCommands, ...keyLifeCommands]);

/** What an entry may hold: the same, and the commands that only the node itself proposes. */
export const entryCommandTable: CommandTable<Keyspace> = commandTable;
