export { ExactRing, type ExactRingOptions, RingError } from "./exact-ring.ts";
export { fnv1a32 } from "./fnv.ts";
export { HashRing, type HashRingOptions, type SuccessorOptions } from "./hash-ring.ts";
export { crc16, hashSlot, hashSlotOfText, slotCount } from "./hash-slot.ts";
export {
  type OwnerPicture,
  type PlanPicture,
  pictureOwner,
  picturePlan,
  pictureRing,
  type RingPicture,
  textOfOwner,
  textOfPlan,
  textOfRing,
} from "./picture.ts";
export {
  ideal,
  type MoveReason,
  movesBetween,
  type Placement,
  type PlacementOptions,
  type ReplicaMove,
  replicasMax,
  shardPosition,
} from "./placement.ts";
export { type NodeLoad, type Plan, type PlanOptions, plan } from "./plan.ts";
export { compareIds, type PlacedNode, type RingNode, ringNodesMax, weightDefault } from "./ring-node.ts";
export { fnv1a64, ringPosition, ringPositions } from "./ring-position.ts";
export { type SlotRange, SlotRanges, shardsMax } from "./slot-ranges.ts";
