/** The log of a node, as its options want it. */
import { entryOnlyFrees } from "../keyspace/index.ts";
import { Log, MemoryLog, type NodeLog } from "../log/index.ts";
import type { NodeDirectory } from "./membership/node-directory.ts";
import type { NodeOptions } from "./node-options.ts";
import { groupSettings } from "./replica/shard-group.ts";
import type { NodeSettings } from "./settings.ts";

/** In the node's directory, or in memory. @throws the errors of `Log.open` */
export async function openNodeLog(
  options: NodeOptions,
  settings: NodeSettings,
  directory: NodeDirectory,
): Promise<NodeLog> {
  const { platform, logger } = options;
  const { disk, clock } = platform;
  if (options.directory === undefined) return new MemoryLog({ clock });
  const { clusterId, bootCounter, diskEpoch } = directory.record;
  const { log } = await Log.open({
    disk,
    clock,
    logger,
    frees: entryOnlyFrees,
    directory: `${options.directory}/log`,
    identity: { clusterId: Buffer.from(clusterId, "hex"), nodeId: directory.nodeId },
    bootCounter,
    diskEpochSeen: diskEpoch,
    segmentBytes: settings.segmentBytes,
    scrubIntervalMs: settings.scrubIntervalMs,
    scrubBytesPerSecond: settings.scrubBytesPerSecond,
    cacheBytesPerGroupMax: groupSettings(settings, () => directory.record.shardCount).logCacheBytes,
  });
  return log;
}
