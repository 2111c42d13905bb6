import type { DirectoryNode, DirectoryState } from "./directory-state.ts";
import { nodesOfShard } from "./shard-report.ts";

/** Removed ones included. */
export function nodeOfNumber({ nodes }: DirectoryState, id: number): DirectoryNode | undefined {
  let low = 0;
  let high = nodes.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const node = nodes[middle] as DirectoryNode;
    if (node.id === id) return node;
    if (node.id < id) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

/** The one that has the name now: removed ones have given theirs back. */
export function nodeOfName({ nodes }: DirectoryState, name: string): DirectoryNode | undefined {
  return nodes.find((node) => node.name === name && node.state !== "removed");
}

/** The one that joined with this directory on disk; it may be removed. */
export function nodeOfDirectory({ nodes }: DirectoryState, directoryId: string): DirectoryNode | undefined {
  return nodes.find((node) => node.directoryId === directoryId);
}

/** Whether a number was given and its node removed, be it so long ago that nothing else is known of it. */
export function isNodeRemoved(state: DirectoryState, id: number): boolean {
  const node = nodeOfNumber(state, id);
  return node === undefined ? id >= 1 && id < state.nextNodeId : node.state === "removed";
}

/** Nodes that take replicas. */
export function activeNodes({ nodes }: DirectoryState): readonly DirectoryNode[] {
  return nodes.filter(({ state }) => state === "active");
}

/** How many shards have a replica on the node, or are to get one there. */
export function shardCountOf({ shards }: DirectoryState, id: number): number {
  return shards.filter((shard) => nodesOfShard(shard).includes(id)).length;
}

/** What people call it. */
export function nameOfNode(state: DirectoryState, id: number): string {
  return nodeOfNumber(state, id)?.name ?? `node ${id}`;
}
