export { type DiskSettings, defaultDiskSettings, type SimulatedDisk } from "./disk.ts";
export type { DiskFault, DiskOperation } from "./disk-faults.ts";
export type { DiskLoss } from "./file-content.ts";
export type { MachineOptions, SimulatedMachine } from "./machine.ts";
export type { MachineClock } from "./machine-clock.ts";
export { defaultNetworkSettings, type LinkSelector, type NetworkSettings, type SimulatedNetwork } from "./network.ts";
export { type ProcessEnd, SimulatedExit, type SimulatedProcess } from "./process.ts";
export { SeededRandom } from "./seeded-random.ts";
export { SimulatedWorld, type WorldOptions } from "./world.ts";
