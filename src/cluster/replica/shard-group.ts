/** Shards and the Raft groups that keep them: numbered from 0 and from 1. Group 0 keeps the directory. */
import type { NodeSettings } from "../settings.ts";

export const directoryGroup = 0;

export function groupOfShard(shard: number): number {
  return shard + 1;
}

export function shardOfGroup(group: number): number {
  return group - 1;
}

export function isShardGroup(group: number): boolean {
  return group !== directoryGroup;
}

/** All groups of a cluster, in the order of their numbers: the directory's first. */
export function groupsOf(shardCount: number): readonly number[] {
  return Array.from({ length: shardCount + 1 }, (_, group) => group);
}

/** No group gets less than this of what a node sets aside for its log. */
const shareBytesMin = 256 * 1024;

/**
 * The settings of one of a node's groups: what they share is divided among as many as there are at the moment, so that a node
 * needs no more for being divided.
 */
export function groupSettings(settings: NodeSettings, groupCount: () => number): NodeSettings {
  const share = (bytes: number): number => {
    const count = groupCount();
    return count <= 1 ? bytes : Math.min(bytes, Math.max(shareBytesMin, Math.floor(bytes / count)));
  };
  return {
    ...settings,
    get logCacheBytes() {
      return share(settings.logCacheBytes);
    },
    get snapshotLogBytesMin() {
      return share(settings.snapshotLogBytesMin);
    },
    get snapshotTailBytes() {
      return share(settings.snapshotTailBytes);
    },
    get snapshotLagBytesMax() {
      return share(settings.snapshotLagBytesMax);
    },
  };
}
