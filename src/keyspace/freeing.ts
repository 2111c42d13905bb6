/**
 * What only frees space: commands whose specification says so, in a session or not, and entries that hold nothing else. Where
 * disks are full these still go through the log (CONSENSUS D-7).
 */
import { Arguments } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { entryCommandTable, sessionCommand } from "./commands.ts";
import { EntryFormatError, EntryReader, EntryUnknownError, entryFormat } from "./entry.ts";
import type { Keyspace } from "./keyspace.ts";

/** Whether the command can do nothing but free space, with these words. */
export function onlyFrees(spec: CommandSpec<Keyspace>, args: Arguments): boolean {
  // What a session keeps of the reply is bounded, and the client gives it free.
  const carriedOut = spec === sessionCommand.spec ? sessionCommand.innerOf(args)?.spec : spec;
  return carriedOut?.onlyFrees === true;
}

/**
 * Whether an entry, by its data, holds commands that only free space, and nothing else. What is no entry, or one that this
 * version does not understand, does not. A version that knows fewer such commands takes fewer entries on a full disk: no state depends on it.
 */
export function entryOnlyFrees(data: Uint8Array): boolean {
  if (data[0] !== entryFormat) return false;
  const reader = new EntryReader();
  const args = new Arguments();
  try {
    reader.open(data);
    if (reader.commandCount === 0) return false;
    while (reader.next(args)) {
      const spec = entryCommandTable.resolve(args);
      if (spec === undefined || !onlyFrees(spec, args)) return false;
    }
  } catch (error) {
    if (error instanceof EntryFormatError || error instanceof EntryUnknownError) return false;
    throw error;
  }
  return true;
}
