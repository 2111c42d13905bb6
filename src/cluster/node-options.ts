import type { Logger, Platform, SocketAddress } from "../platform/index.ts";
import type { GroupPlacement } from "./groups/group-placement.ts";
import type { NodeAddress } from "./membership/identity.ts";
import type { AskToJoin } from "./membership/join-asking.ts";
import type { NodeSettings } from "./settings.ts";

/** What a node is started with. */
export interface NodeOptions {
  readonly platform: Platform;
  readonly logger: Logger;
  /** Where the node keeps everything; undefined: in memory, for as long as it runs. */
  readonly directory?: string | undefined;
  /** The node's name. Needed at the first start. */
  readonly name?: string | undefined;
  /**
   * All nodes of the cluster with the addresses at which they listen for each other, this one included. Undefined at the
   * first start: the node is alone, and listens nowhere. Later: new addresses, or undefined.
   */
  readonly peers?: readonly NodeAddress[] | undefined;
  /** Where to listen for peers, if not at the node's own address among the peers, which they go on dialling. */
  readonly listen?: SocketAddress | undefined;
  /** The secret that all nodes of the cluster share. Needed at the first start unless all addresses are loopback. */
  readonly secret?: string | undefined;
  /** 32 hexadecimal digits. Default: follows from the secret and the names. */
  readonly clusterId?: string | undefined;
  /**
   * Over how many shards the keys are divided, each a Raft group of its own. Fixed at the first start, and the same at all
   * nodes. Default 1.
   */
  readonly shards?: number | undefined;
  /**
   * How many replicas each shard has, from 1 to 15, as far as there are nodes. Fixed at the first start, and the same at all
   * nodes. Default: one on each node for 3 to 5 of them, otherwise 3.
   */
  readonly replicas?: number | undefined;
  /**
   * For the first start of a node that joins a running cluster, instead of `peers`: asks that cluster, with the id of this
   * node's directory, until it has the answer. At later starts it is asked, once each time, where the others are while none of
   * them is there.
   */
  readonly join?: AskToJoin | undefined;
  /** Where peers reach a node that joined. Later: a new address, or undefined. */
  readonly address?: SocketAddress | undefined;
  /** Nodes of one zone may fail together. What is said here the cluster's directory hears; undefined: as it has it. */
  readonly zone?: string | undefined;
  /** What the node carries beside others, from 1 to 10,000; likewise. */
  readonly weight?: number | undefined;
  /** Where the shards' replicas are to be. Default: where they began. */
  readonly placement?: GroupPlacement | undefined;
  readonly settings?: Partial<NodeSettings> | undefined;
}
