export { crc16, slotCount, slotOf, slotOfBytes } from "./slot.ts";
