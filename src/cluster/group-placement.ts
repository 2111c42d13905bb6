import type { ShardReport } from "../directory/index.ts";
import type { GroupWish } from "./group-change.ts";

/** A group's members, as a committed configuration of it says. */
export type MembersReport = Pick<ShardReport, "voters" | "learners" | "highestReplica">;

/** Where the replicas of the groups are, and where they are to be, as far as this node knows. Cheap to ask. */
export interface GroupPlacement {
  /** Where the members are to be; the same object as long as that does not change. Undefined: where they are. */
  wishOf(group: number): GroupWish | undefined;
  /** Where they were last; undefined if that is not known. */
  reportOf(group: number): MembersReport | undefined;
}
