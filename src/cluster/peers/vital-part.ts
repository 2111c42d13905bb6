import { entryOnlyFrees } from "../../keyspace/index.ts";
import { entryLogBytes, isVital } from "../../log/index.ts";
import type { AppendEntries } from "../../raft/index.ts";

/** Bytes of entries, as the log counts them, that are taken on a full disk though they have to wait for space by themselves. */
export interface StretchRoom {
  /** Before a vital entry. */
  readonly beforeVitalBytes: number;
  /** Up to an entry that only frees space, itself included. */
  readonly freeingBytes: number;
}

export const noStretchRoom: StretchRoom = { beforeVitalBytes: 0, freeingBytes: 0 };

/**
 * What a node with a full disk takes of a leader's entries: up to the last one that is vital, or only frees space, with so many
 * of those that have to wait for space, but stand before it. Undefined: nothing; the leader asks again, and pings say when there is space.
 */
export function vitalPart(message: AppendEntries, room: StretchRoom): AppendEntries | undefined {
  const { entries } = message;
  if (entries.length === 0) return message;
  let count = 0;
  let bytes = 0;
  for (let at = 0; at < entries.length && bytes <= room.beforeVitalBytes; at++) {
    const entry = entries[at] as AppendEntries["entries"][number];
    if (isVital(entry)) {
      count = at + 1;
      continue;
    }
    bytes += entryLogBytes(entry);
    if (bytes <= room.freeingBytes && entry.kind === "normal" && entryOnlyFrees(entry.data)) count = at + 1;
  }
  if (count === 0) return undefined;
  return count === entries.length ? message : { ...message, entries: entries.slice(0, count) };
}
