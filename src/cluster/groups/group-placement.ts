import type { ShardReport } from "../../directory/index.ts";
import type { Configuration } from "../../raft/index.ts";
import type { GroupWish } from "./group-change.ts";

/** A group's members, as a committed configuration of it says. */
export type MembersReport = Pick<ShardReport, "voters" | "learners" | "highestReplica">;

/** Where the replicas of the groups are, and where they are to be, as far as this node knows. Cheap to ask. */
export interface GroupPlacement {
  /** Where the members are to be; the same object as long as that does not change. Undefined: where they are. */
  wishOf(group: number): GroupWish | undefined;
  /**
   * Whether everybody who decides where replicas go knows of these members. Only then does anybody get a vote because it is wished: a node
   * of which nobody knows that it has a replica may be removed meanwhile (CONSENSUS B-3).
   */
  isKnown(group: number, configuration: Configuration): boolean;
  /** Where they were last; undefined if that is not known. */
  reportOf(group: number): MembersReport | undefined;
}
