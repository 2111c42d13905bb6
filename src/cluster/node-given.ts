import type { GivenIdentity } from "./membership/identity.ts";
import { NodeDirectory } from "./membership/node-directory.ts";
import type { NodeOptions } from "./node-options.ts";

/** The directory of a node that is started so; in memory without one. @throws what `NodeDirectory.open` throws */
export function openDirectory(options: NodeOptions): Promise<NodeDirectory> {
  const { platform, logger, directory, name, peers, clusterId, secret, listen, shards, replicas, join, address } =
    options;
  const given: GivenIdentity = {
    name,
    peers,
    clusterId,
    secret,
    listenHost: listen?.host,
    shardCount: shards,
    replicaCount: replicas,
    address,
    join,
  };
  const { disk, random } = platform;
  if (directory !== undefined) return NodeDirectory.open({ disk, random, logger, directory, given });
  return Promise.resolve().then(() => NodeDirectory.inMemory({ random, logger, given }));
}
