/**
 * When a group's configuration may be told to others than its members (CONSENSUS M-10). Whoever is not among them is destroyed then, with its vote, so
 * those that stay must be able to elect without it, whichever minority of them is lost next: a majority of them has to know that
 * the configuration is committed, and has to have it on their disks. They do once an entry is committed that the leader took into
 * its log after it knew that: it went out with the commit index, and a follower writes both at once.
 */
import type { Configuration, LogIndex, RaftCore, Term } from "../../raft/index.ts";

/** What it needs of the replica here. */
export interface LeadingReplica {
  readonly core: Pick<RaftCore, "configuration" | "term" | "lastIndex" | "commitIndex">;
  proposeNothing(): void;
}

export class HeardConfiguration {
  /** To be asked of a replica that leads. No at first, always: then an entry is on its way by which it becomes yes. */
  isHeard(replica: LeadingReplica): boolean {
    const { configuration, term, lastIndex, commitIndex } = replica.core;
    const looked = this.#looked;
    const isSame = looked?.configuration === configuration && looked.term === term;
    if (isSame && lastIndex > looked.lastIndex) return commitIndex > looked.lastIndex;
    this.#looked = { configuration, term, lastIndex };
    replica.proposeNothing();
    return false;
  }

  /** What was in force when it was asked for the first time, and the end of the log then. */
  #looked: { readonly configuration: Configuration; readonly term: Term; readonly lastIndex: LogIndex } | undefined;
}
