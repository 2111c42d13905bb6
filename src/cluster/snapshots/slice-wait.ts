/** Slices of a snapshot take a quarter of the node's time: on a machine with fewer cores than nodes the others' commands wait for them too. */
const waitFactor = 3;
const waitMsMin = 1;
/** A slice may have been long for other reasons. */
const waitMsMax = 20;

/** How long the next slice waits after one that took so long; hurried it does not, but lets others have their turns. */
export function sliceWaitMs(sliceMs: number, isHurried: boolean): number {
  return isHurried ? waitMsMin : Math.min(waitMsMax, Math.max(waitMsMin, waitFactor * sliceMs));
}
