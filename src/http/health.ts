/** Whether a node can do its work, check by check. */
import type { ObservedNode } from "./http-server.ts";

export interface Health {
  readonly isReady: boolean;
  /** "[+]what ok" or "[-]what why not", as Kubernetes' own components say it. */
  readonly lines: readonly string[];
}

/** Ready means: each shard's commands reach its leader from here. A full disk is told, and does not count: reads go on. */
export function healthOf(node: Pick<ObservedNode, "nodeStatus" | "topology">): Health {
  const { groups, isDiskFull } = node.nodeStatus();
  const shards = node.topology().shards.map(({ shard, leader }) => {
    const name = `shard ${shard}`;
    const stoppedBecause = groups.find(({ group }) => group === shard + 1)?.stoppedBecause ?? null;
    if (stoppedBecause !== null)
      return { isOk: false, line: `[-]${name} its replica here has stopped: ${stoppedBecause}` };
    if (leader === undefined) return { isOk: false, line: `[-]${name} has no leader that is known here` };
    return { isOk: true, line: `[+]${name} ok` };
  });
  const disk = isDiskFull ? "[!]disk is full: writes are refused until there is space" : "[+]disk ok";
  return { isReady: shards.every(({ isOk }) => isOk), lines: [...shards.map(({ line }) => line), disk] };
}
