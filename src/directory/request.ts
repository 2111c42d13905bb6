import type { SocketAddress } from "../platform/index.ts";
import type { DirectorySettings, ShardReport, SkippedEntry } from "./directory-state.ts";

/** What a node says about itself. What is left out stays as it is, and is an ordinary node's at the beginning. */
export interface NodeDetails {
  readonly peerAddress?: SocketAddress | undefined;
  readonly zone?: string | undefined;
  readonly weight?: number | undefined;
}

/**
 * What may be asked of the directory. Each can be asked again when nobody knows whether it was done: then it changes
 * nothing, and says so.
 */
export type DirectoryRequest =
  /** A node comes with an empty directory of that id, and gets a number. */
  | ({ readonly kind: "join"; readonly name: string; readonly directoryId: string } & NodeDetails)
  /** A node says where it is now. */
  | ({ readonly kind: "announce"; readonly node: number } & NodeDetails)
  /** A node that joins holds the directory: it takes replicas from now on. */
  | { readonly kind: "activate"; readonly node: number }
  /** Its replicas are to go elsewhere. By force also where that leaves fewer replicas than there should be. */
  | { readonly kind: "drain"; readonly node: number; readonly isForced: boolean }
  /** It takes replicas again. */
  | { readonly kind: "resume"; readonly node: number }
  /** A draining node has no replicas left. */
  | { readonly kind: "drained"; readonly node: number }
  /** As `drain`, and once it is drained it is removed. */
  | { readonly kind: "decommission"; readonly node: number; readonly isForced: boolean }
  /**
   * It never comes back; its replicas are made anew elsewhere. `heard` are the nodes that answer at present. By force also
   * one that is alive and has replicas, and where shards lose their majority.
   */
  | {
      readonly kind: "remove";
      readonly node: number;
      readonly heard: ReadonlySet<number>;
      readonly isForced: boolean;
    }
  /** A shard's leader says who keeps it, after a change of its membership. */
  | { readonly kind: "report"; readonly shard: number; readonly report: ShardReport }
  /**
   * The shard is to be kept by `nodes`, sorted: one replica moves, comes or goes; those that keep it now: a move is taken
   * back. Decided when the report had that configuration index.
   */
  | {
      readonly kind: "wish";
      readonly shard: number;
      readonly nodes: readonly number[];
      readonly configurationIndex: number;
    }
  /** The shard's replicas are to leave out an entry that stops them. That it does is for whoever asks to make sure. */
  | { readonly kind: "skip"; readonly entry: SkippedEntry }
  | ({ readonly kind: "set" } & Partial<DirectorySettings>);
