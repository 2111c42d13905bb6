/**
 * Commands that came with a later version. A node of an older version stops at an entry that holds one, so none gets into the log before the
 * entry that raises the semantics level, for which every node has said that it knows them (CONSENSUS A-2).
 */
import { ErrorReply } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { EntryUnknownError } from "./entry.ts";

/** Why a leader whose state is at `level` must not put the command into the log, nor answer it; undefined: it may. */
export function levelRefusal({ name, semanticsLevel }: CommandSpec<never>, level: number): ErrorReply | undefined {
  if (semanticsLevel === undefined || semanticsLevel <= level) return undefined;
  const why = `${name} is of semantics level ${semanticsLevel}, and its shard is at level ${level}`;
  const cure = "Once all nodes run a version that knows it: coterie cluster finish-upgrade.";
  return new ErrorReply(`NOTUPGRADED ${why}: it did not happen. ${cure}`);
}

/**
 * What an entry holds is known at the state's level, or no replica carries it out: those of older versions cannot.
 *
 * @throws EntryUnknownError (ENTRY_UNKNOWN)
 */
export function checkCommandLevel({ name, semanticsLevel }: CommandSpec<never>, level: number): void {
  if (semanticsLevel === undefined || semanticsLevel <= level) return;
  throw new EntryUnknownError(
    `a command from before its time: ${name} is of semantics level ${semanticsLevel}, not ${level}`,
  );
}
