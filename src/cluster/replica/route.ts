import type { Term } from "../../raft/index.ts";

/** Where commands go: the leader's node, 0 if nobody knows one, and the term in which it leads. */
export interface Route {
  readonly leader: number;
  readonly term: Term;
}
