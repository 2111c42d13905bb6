import type {
  JoinVisit,
  NodeInfo,
  ReplyTarget,
  SkipPicture,
  SkipRequest,
  StreamOptions,
  Topology,
} from "../cluster/index.ts";
import type { DirectoryRequest, DirectoryState } from "../directory/index.ts";
import type { Arguments, RespVersion } from "../resp/index.ts";
import type { KeyspaceCommand } from "./served-command.ts";

/** The commands of one connection, in order, on their way to the shards that own their keys. */
export interface CommandStream {
  /** Nothing more should be given to it until it tells that it has `resumed`. */
  readonly isPaused: boolean;
  /** Copies what it needs of `args` before it returns. Every ticket is answered once. */
  submit(ticket: number, command: KeyspaceCommand, args: Arguments, protocol: RespVersion): void;
  /**
   * Answers how many other replicas hold the writes of this stream durably: once they are `replicaCount`, or after
   * `timeoutMs` (0: not before).
   */
  wait(ticket: number, replicaCount: number, timeoutMs: number): void;
  /** The client has taken the replies that there were: others may come, after its connection was behind. */
  taken(): void;
  /** The client is gone: nothing that is still under way needs an answer. */
  close(): void;
}

/** What this server needs of the node that it belongs to. */
export interface ServedNode {
  openStream(target: ReplyTarget, options?: StreamOptions): CommandStream;
  /** Where the shards are, as far as the node knows. */
  topology(): Topology;
  /** What the node that leads the slot's shard says of itself under `name`; undefined if this node leads it, or none is known that was heard lately. */
  leaderAttribute(slot: number, name: string): string | undefined;
  /** What is known at the node without asking anybody; cheap. */
  info(): NodeInfo;
  /** Sets what `info().statistics` counts to zero. */
  resetStatistics(): void;
  /** What all nodes know of the cluster, as far as this one knows it. */
  readonly directoryState: DirectoryState;
  /**
   * Has the directory changed; resolves with a state that holds what was asked for.
   *
   * @throws CoterieError the refusal, or DIRECTORY_UNAVAILABLE, whose outcome says whether it may have happened
   */
  changeDirectory(request: DirectoryRequest): Promise<DirectoryState>;
  /**
   * Has a node lead a shard; resolves once it does.
   *
   * @throws CoterieError: TRANSFER_REFUSED, or TRANSFER_UNFINISHED, after which it may lead it yet
   */
  transferLeader(shard: number, to: number): Promise<void>;
  /**
   * What an entry is that has stopped a majority of a shard's replicas, and may be left out.
   *
   * @throws CoterieError: SKIP_REFUSED
   */
  lookAtSkip(request: SkipRequest): Promise<SkipPicture>;
  /**
   * Has all data work as the nodes' version does, after an upgrade; resolves with its semantics level.
   *
   * @throws CoterieError: UPGRADE_REFUSED, or UPGRADE_UNFINISHED, after which it may be so in part
   */
  finishUpgrade(): Promise<number>;
  /** Whoever is connected from there may ask to become a node of the cluster. */
  openJoin(remoteHost: string): JoinVisit;
  /** The state of all nodes, as JSON can show it. */
  status(): Promise<unknown>;
}
