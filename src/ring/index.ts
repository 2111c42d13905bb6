export { crc16, hashSlot, hashSlotOfText, slotCount } from "./hash-slot.ts";
