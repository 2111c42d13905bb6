import { NodeClock } from "./node-clock.ts";
import { NodeDatagramNetwork } from "./node-datagram.ts";
import { NodeDisk } from "./node-disk.ts";
import { NodeNetwork, NodeUnixNetwork } from "./node-network.ts";
import { type Exit, NodeProcess } from "./node-process.ts";
import { NodeRandom } from "./node-random.ts";
import { NodeWorkers } from "./node-workers.ts";
import type { Platform } from "./platform.ts";

export interface NodePlatformOptions {
  /** What `process.exit` does. The default writes the reason to standard error and ends the process. */
  readonly exit?: Exit;
}

/** The real world. One a process is enough; several do not disturb each other. */
export function createNodePlatform(options: NodePlatformOptions = {}): Platform {
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    disk: new NodeDisk(),
    network: new NodeNetwork(),
    unixNetwork: new NodeUnixNetwork(),
    datagrams: new NodeDatagramNetwork(),
    workers: new NodeWorkers(),
    process: new NodeProcess(options.exit),
  };
}
