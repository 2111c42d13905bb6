import { type DirectoryState, nodeOfDirectory } from "../../directory/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import { assert } from "../../platform/index.ts";
import type { JoinGrant } from "./join-wire.ts";
import { memberOf } from "./member.ts";
import type { NodeRecord } from "./node-record.ts";

/**
 * What the node with that directory on disk, which the directory `state` has taken in, must know. `addressOf`: where the
 * node that is asked finds the others, which is newer than what most of them have had written down.
 */
export function joinGrant(
  state: DirectoryState,
  directoryId: string,
  from: {
    readonly record: Pick<NodeRecord, "clusterId" | "names" | "shardCount" | "replicaCount">;
    readonly addressOf: (nodeId: number) => SocketAddress | undefined;
  },
): JoinGrant {
  const own = nodeOfDirectory(state, directoryId);
  assert(own !== undefined, "who joins stands in the directory once it has agreed");
  const { clusterId, names, shardCount, replicaCount } = from.record;
  const members = state.nodes.map((node) => {
    const known = node.id === own.id ? undefined : from.addressOf(node.id);
    return memberOf({ ...node, peerAddress: known ?? node.peerAddress });
  });
  return { clusterId, nodeId: own.id, names, shardCount, replicaCount, members };
}
