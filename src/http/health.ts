/** Whether a node can do its work, check by check. */
import type { ObservedNode } from "./http-server.ts";

export interface Health {
  readonly isReady: boolean;
  /** "[+]what ok" or "[-]what why not", as Kubernetes' own components say it; "[!]" and what to look at where that does not count. */
  readonly lines: readonly string[];
}

/**
 * Ready means: each shard's commands reach its leader from here. A full disk is told, and does not count: reads go on. Nor does what is left to
 * an operator, which the node tells that leads the directory.
 */
export function healthOf(node: Pick<ObservedNode, "nodeStatus" | "topology">): Health {
  const { directory, groups, isDiskFull } = node.nodeStatus();
  const shards = node.topology().shards.map(({ shard, leader }) => {
    const name = `shard ${shard}`;
    const stoppedBecause = groups.find(({ group }) => group === shard + 1)?.stoppedBecause ?? null;
    if (stoppedBecause !== null)
      return { isOk: false, line: `[-]${name} its replica here has stopped: ${stoppedBecause}` };
    if (leader === undefined) return { isOk: false, line: `[-]${name} has no leader that is known here` };
    return { isOk: true, line: `[+]${name} ok` };
  });
  const disk = isDiskFull ? "[!]disk is full: writes are refused until there is space" : "[+]disk ok";
  const warnings = directory?.warnings.map((warning) => `[!]${warning}`) ?? [];
  return { isReady: shards.every(({ isOk }) => isOk), lines: [...shards.map(({ line }) => line), disk, ...warnings] };
}
