import type { Arguments, Reply, RespVersion } from "../resp/index.ts";
import type { KeyspaceCommand } from "./served-command.ts";

/** Where the answers to the commands of one connection go. */
export interface ReplyTarget {
  /** The answer to the command that was submitted under `ticket`. May come while `submit` is still running. */
  reply(ticket: number, reply: Reply): void;
  /** An answer was lost: those that follow could not be told apart any more, so the connection must be closed. */
  fail(reason: string): void;
}

/** The commands of one connection, in order, on their way to the shards that own their keys. */
export interface CommandStream {
  /** Copies what it needs of `args` before it returns. Every ticket is answered once. */
  submit(ticket: number, command: KeyspaceCommand, args: Arguments, protocol: RespVersion): void;
  /**
   * Answers how many other replicas hold the writes of this stream durably: once they are `replicaCount`, or after
   * `timeoutMs` (0: not before).
   */
  wait(ticket: number, replicaCount: number, timeoutMs: number): void;
  /** The client is gone: nothing that is still under way needs an answer. */
  close(): void;
}

/** One shard's replica on this node. */
export interface ShardInfo {
  readonly shard: number;
  readonly role: string;
  readonly term: number;
  /** The leader's name, if one is known. */
  readonly leader: string | undefined;
  readonly commitIndex: number;
  readonly appliedIndex: number;
}

/** What `INFO` says of the node, at this moment. */
export interface NodeInfo {
  readonly name: string;
  readonly directory: string | undefined;
  readonly shards: readonly ShardInfo[];
  readonly keyCount: number;
  /** Keys with a deadline. */
  readonly deadlineCount: number;
  /** The weight of all keys and values, the same on every replica. */
  readonly logicalBytes: number;
  readonly logBytes: number;
}

/** What this server needs of the node that it belongs to. */
export interface ServedNode {
  openStream(target: ReplyTarget): CommandStream;
  info(): NodeInfo;
  /** The state of all nodes, as JSON can show it. */
  status(): Promise<unknown>;
}
