import { isVital } from "../../log/index.ts";
import type { AppendEntries } from "../../raft/index.ts";

/**
 * What a node with a full disk takes of a leader's entries: those that need not wait for space, since a vote would wait
 * behind them. Undefined: nothing; the leader asks again, and pings say when there is space.
 */
export function vitalPart(message: AppendEntries): AppendEntries | undefined {
  const count = message.entries.findIndex((entry) => !isVital(entry));
  if (count === 0) return undefined;
  return count === -1 ? message : { ...message, entries: message.entries.slice(0, count) };
}
