import { mark } from "../platform/index.ts";
import type { LogIndex, Term } from "./entry.ts";
import type { Replica } from "./replica.ts";
import { snapshotInstalled } from "./snapshots.ts";

/** What is known once all that was handed out to be persisted until some moment is durable. */
export interface Completion {
  /** The term at that moment. */
  readonly term: Term;
  /** The end of the log at that moment, if not all of it was known to be durable. */
  readonly last: { readonly index: LogIndex; readonly term: Term } | undefined;
  /** The snapshot that was handed out with it. */
  readonly snapshotIndex: LogIndex | undefined;
}

/** Describes the moment: to be called when something is handed out, and what it returns to be kept until it is durable. */
export function completionOf(replica: Replica, snapshotIndex: LogIndex | undefined): Completion {
  const { log, term } = replica;
  const last = log.lastIndex > log.stableIndex ? { index: log.lastIndex, term: log.lastTerm } : undefined;
  return { term, last, snapshotIndex };
}

/**
 * It is durable. If the term has changed since then, the entries may have been replaced, even by ones of the same index
 * and term in between, and those writes are still on their way: nothing is said about entries then, and the completion
 * of a later write says it (CONSENSUS O-9). A snapshot holds only what is committed, in whatever term.
 */
export function complete(replica: Replica, completion: Completion): void {
  const { term, last, snapshotIndex } = completion;
  if (last !== undefined) {
    if (term === replica.term) replica.log.stableTo(last.index, last.term);
    else mark("a late write says nothing of newer entries");
  }
  if (snapshotIndex !== undefined) snapshotInstalled(replica, snapshotIndex);
}
