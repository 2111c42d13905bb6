export { ExactRing, type ExactRingOptions, RingError } from "./exact-ring.ts";
export { fnv1a32 } from "./fnv.ts";
export { crc16, hashSlot, hashSlotOfText, slotCount } from "./hash-slot.ts";
export { type SlotRange, SlotRanges, shardsMax } from "./slot-ranges.ts";
