import type { Replica } from "../replica/replica.ts";
import type { NodeDisks } from "./node-disks.ts";

/** What peers have said of their disks, as far as it tells who should lead. */
export type PeerDisks = Pick<NodeDisks, "isPeerFull" | "isPeerSlow">;

/**
 * Asks another voter to lead that `mayLead`: rather one whose disk is well, since who is slow beside the others, or full, would
 * hand over at once in its turn, and rather one that is slow than one that is full. Where it is handed over already nothing happens.
 */
export function handOverToWell(
  replica: Pick<Replica, "handOver" | "handOverTarget">,
  disks: PeerDisks,
  mayLead: (nodeId: number) => boolean = () => true,
): void {
  const hasSpace = (nodeId: number): boolean => mayLead(nodeId) && !disks.isPeerFull(nodeId);
  const isWell = (nodeId: number): boolean => hasSpace(nodeId) && !disks.isPeerSlow(nodeId);
  for (const isFit of [isWell, hasSpace, mayLead]) if (replica.handOverTarget === undefined) replica.handOver(isFit);
}
