/** Entries that a shard's replicas are to leave out (CONSENSUS A-4). What is said of one is never changed, nor taken back. */
import { isEntryChecksum, isSkipText, skipsMax, skipTextLengthMax } from "./bounds.ts";
import type { DirectoryState, SkippedEntry } from "./directory-state.ts";
import { type DirectoryRefusal, DirectoryValueError } from "./errors.ts";

export function skip(state: DirectoryState, entry: SkippedEntry): DirectoryState | DirectoryRefusal {
  const { shard, index } = entry;
  if (state.shards[shard] === undefined)
    return new DirectoryValueError(`There is no shard ${shard}: the last one is ${state.shards.length - 1}.`);
  const fault = faultOf(entry);
  if (fault !== undefined) return new DirectoryValueError(fault);
  const known = state.skips.find((each) => each.shard === shard && each.index === index);
  if (known !== undefined) {
    if (known.checksum === entry.checksum && known.term === entry.term) return state;
    return new DirectoryValueError(
      `Shard ${shard} leaves out another entry at ${index}: ${known.checksum} of term ${known.term}.`,
    );
  }
  if (state.skips.length >= skipsMax)
    return new DirectoryValueError(`The cluster leaves out ${skipsMax} entries, and that is as many as it remembers.`);
  const skips = [...state.skips, entry].sort((a, b) => a.shard - b.shard || a.index - b.index);
  return { ...state, skips };
}

function faultOf({ by, because, checksum, index, term, atMs }: SkippedEntry): string | undefined {
  const lengths = `is empty, longer than ${skipTextLengthMax} characters, or has some that cannot be printed`;
  if (!isSkipText(by)) return `Who wants it ${lengths}.`;
  if (!isSkipText(because)) return `The reason ${lengths}.`;
  const isEntry = isEntryChecksum(checksum) && [index, term].every((each) => Number.isSafeInteger(each) && each > 0);
  return isEntry && Number.isSafeInteger(atMs) && atMs >= 0 ? undefined : "That is no entry of a log.";
}
