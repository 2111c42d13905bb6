import { mark } from "../platform/index.ts";
import { campaign } from "./elections.ts";
import { broadcastHeartbeat, sendNeededHeartbeats } from "./reads.ts";
import type { Replica } from "./replica.ts";

/** One unit of time passes. Without `isBeat` there are only heartbeats for whoever may lack something. */
export function tick(replica: Replica, isBeat: boolean): void {
  if (replica.role === "leader") tickLeader(replica, isBeat);
  else tickFollower(replica);
}

function tickFollower(replica: Replica): void {
  replica.electionElapsedTicks++;
  if (!replica.isPromotable || replica.electionElapsedTicks < replica.electionTimeoutTicks) return;
  replica.electionElapsedTicks = 0;
  campaign(replica);
}

function tickLeader(replica: Replica, isBeat: boolean): void {
  const { electionTicks, heartbeatTicks, checkQuorum } = replica.settings;
  replica.heartbeatElapsedTicks++;
  replica.electionElapsedTicks++;
  if (replica.electionElapsedTicks >= electionTicks) {
    replica.electionElapsedTicks = 0;
    if (checkQuorum) {
      // Whom no majority hears may be replaced already (thesis §6.2).
      if (!replica.members.hasActiveQuorum()) {
        mark("a leader without a quorum steps down");
        replica.becomeFollower(replica.term, undefined);
      }
      replica.members.resetActivity(replica.id);
    }
    replica.transferTarget = undefined;
  }
  if (replica.role !== "leader" || replica.heartbeatElapsedTicks < heartbeatTicks) return;
  if (!isBeat) {
    sendNeededHeartbeats(replica);
    return;
  }
  replica.heartbeatElapsedTicks = 0;
  broadcastHeartbeat(replica);
}
