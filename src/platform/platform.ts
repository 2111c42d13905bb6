import type { Clock } from "./clock.ts";
import type { DatagramNetwork } from "./datagram.ts";
import type { Disk } from "./disk.ts";
import type { Network, UnixAddress } from "./network.ts";
import type { Random } from "./random.ts";
import type { Workers } from "./workers.ts";

/** The process that a node runs in. */
export interface Process {
  readonly id: number;
  /** E.g. "20.20.2". */
  readonly runtimeVersion: string;
  /** Resident size and JavaScript heap in use, in bytes. */
  memory(): { readonly residentBytes: number; readonly heapBytes: number };
  /** Files and sockets together that it may have open at a time; infinite where that is not known. */
  readonly openFilesMax: number;
  /** CPU time of the whole process so far, in microseconds. */
  cpu(): { readonly userUs: number; readonly systemUs: number };
  /** Ends the process at once, after the log has been flushed. For states in which going on would be wrong. */
  exit(code: number, reason: string): never;
}

/** The outside world, all of it. Everything above this folder takes what it needs of this as an argument. */
export interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly unixNetwork: Network<UnixAddress>;
  readonly datagrams: DatagramNetwork;
  readonly workers: Workers;
  readonly process: Process;
}
