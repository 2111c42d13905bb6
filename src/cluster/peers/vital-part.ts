import { entryLogBytes, isVital } from "../../log/index.ts";
import type { AppendEntries } from "../../raft/index.ts";

/**
 * What a node with a full disk takes of a leader's entries: up to the last one that need not wait for space, with `beforeBytesMax`
 * at most of those that have to, but stand before it. Undefined: nothing; the leader asks again, and pings say when there is space.
 */
export function vitalPart(message: AppendEntries, beforeBytesMax: number): AppendEntries | undefined {
  const { entries } = message;
  if (entries.length === 0) return message;
  let count = 0;
  let beforeBytes = 0;
  for (let at = 0; at < entries.length && beforeBytes <= beforeBytesMax; at++) {
    const entry = entries[at] as AppendEntries["entries"][number];
    if (isVital(entry)) count = at + 1;
    else beforeBytes += entryLogBytes(entry);
  }
  if (count === 0) return undefined;
  return count === entries.length ? message : { ...message, entries: entries.slice(0, count) };
}
