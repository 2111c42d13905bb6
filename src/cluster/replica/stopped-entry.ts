/** The entry that stops a replica: what is told of it, so that people can decide what is to become of it (CONSENSUS A-4). */
import { createHash } from "node:crypto";
import { EntryReader, entryCommandTable, keysOf } from "../../keyspace/index.ts";
import type { Logger } from "../../platform/index.ts";
import { InvariantViolation, type LogIndex, type NormalEntry, type Term } from "../../raft/index.ts";
import { Arguments } from "../../resp/index.ts";

/** So many commands of an entry are named, and so many keys of each. */
const commandsMax = 10;
const keysMax = 4;
const keyLengthMax = 64;

export interface StoppedCommand {
  readonly name: string;
  /** The first of them; bytes that cannot be printed are shown as "?". */
  readonly keys: readonly string[];
  /** Of all its words. */
  readonly bytes: number;
}

export interface StoppedEntry {
  readonly index: LogIndex;
  readonly term: Term;
  /** 64 hexadecimal digits: of what stands in the log at that index, see {@link entryChecksum}. */
  readonly checksum: string;
  /** Of the commands, those included that came in pieces in the entries before. */
  readonly bytes: number;
  readonly commandCount: number;
  /** The first of them; none where the entry cannot be read. */
  readonly commands: readonly StoppedCommand[];
}

/** SHA-256. Two entries at one index and term are the same (I-5); a checksum says so also where a history was made anew. */
export function entryChecksum({ data }: Pick<NormalEntry, "data">): string {
  return createHash("sha256").update(data).digest("hex");
}

/** @param data what the entry comes to, with the pieces before it */
export function describeEntry(entry: NormalEntry, data: Uint8Array): StoppedEntry {
  const { index, term } = entry;
  const reader = new EntryReader();
  const commands: StoppedCommand[] = [];
  try {
    const args = new Arguments();
    reader.open(data);
    while (commands.length < commandsMax && reader.next(args)) commands.push(describeCommand(args));
  } catch {
    // That may be why it stops the replica.
  }
  const { commandCount } = reader;
  return { index, term, checksum: entryChecksum(entry), bytes: data.length, commandCount, commands };
}

/** Why a replica has stopped, and at which entry if that is why. */
export function logStopped(
  logger: Logger,
  { group, stoppedBy }: { readonly group: number; readonly stoppedBy: StoppedEntry | undefined },
  error: unknown,
): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const invariant = error instanceof InvariantViolation ? { invariant: error.invariant } : {};
  const entry = stoppedBy === undefined ? {} : { index: stoppedBy.index, checksum: stoppedBy.checksum };
  logger.log("error", "a replica has stopped", { group, ...invariant, ...entry, error: text });
}

function describeCommand(args: Arguments): StoppedCommand {
  const words = Array.from({ length: args.count }, (_, word) => args.text(word));
  const spec = entryCommandTable.resolve(args);
  const uses = spec === undefined ? [] : (keysOf(spec, words) ?? []);
  return {
    name: printable(words[0] ?? ""),
    keys: uses.slice(0, keysMax).map(({ word }) => printable(words[word] ?? "")),
    bytes: words.reduce((sum, { length }) => sum + length, 0),
  };
}

function printable(word: string): string {
  const text = word.length > keyLengthMax ? `${word.slice(0, keyLengthMax)}...` : word;
  return text.replace(/[^\x20-\x7e]/g, "?");
}
