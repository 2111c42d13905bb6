import type { CommandSpec, Keyspace } from "../../keyspace/index.ts";
import type { Random } from "../../platform/index.ts";
import type { Arguments, Reply, RespVersion } from "../../resp/index.ts";
import type { ShardPlace } from "../groups/shard-place.ts";
import type { CommandRouter } from "./command-router.ts";
import { type LaneHost, type LaneOwner, LocalLane } from "./local-lane.ts";
import { ShardedLanes } from "./sharded-lanes.ts";

/** Who gets the replies of a stream: one client's connection. */
export interface ReplyTarget {
  /** The one reply to the command that was submitted with this ticket. May come within `submit`. */
  reply(ticket: number, reply: Reply): void;
  /** The client has not taken what it was sent: no more should come for now, as far as that is possible. */
  readonly isBehind?: boolean;
  /** A reply was lost, so that none may follow: the connection must be closed. */
  fail(reason: string): void;
  /** The stream takes commands again after `isPaused` was true. */
  resumed?(): void;
}

export interface StreamOptions {
  /**
   * Commands about all keys concern only the shards that this node leads, as Redis Cluster's clients expect, who ask each
   * node for its own. Matters where there are several shards. Default: they concern all shards.
   */
  readonly isOfLedShards?: boolean;
}

export interface ClientStreamHost extends LaneHost {
  readonly random: Random;
  readonly router: CommandRouter;
  placeOf(shard: number): ShardPlace;
  /** Streams that were paused, to be told when they no longer are. */
  readonly paused: Set<ClientStream>;
}

/**
 * One client's commands, in their order, to whatever leader there is. Each command sees exactly the writes before it
 * that concern the same shard. Made by `Node.openStream`; closed by whoever opened it.
 */
export class ClientStream {
  constructor(host: ClientStreamHost, target: ReplyTarget, { isOfLedShards = false }: StreamOptions = {}) {
    this.#host = host;
    this.#target = target;
    const owner: LaneOwner = {
      get isBehind() {
        return target.isBehind === true;
      },
      reply: (ticket, reply) => target.reply(ticket, reply),
      fail: (reason) => target.fail(reason),
    };
    const { router, random } = host;
    const openLane = (shard: number, of: LaneOwner): LocalLane => new LocalLane(host.placeOf(shard), host, of);
    const isConcerned = (shard: number): boolean => !isOfLedShards || host.placeOf(shard).isLedHere;
    // Where there is one shard nobody needs to know what the keys are.
    this.#lane =
      router.ranges.shardCount === 1
        ? openLane(0, owner)
        : new ShardedLanes({ router, random, openLane, owner, isConcerned });
  }

  /** Whether the stream should be given nothing more for now. Too much of it is refused. */
  get isPaused(): boolean {
    const { isPaused } = this.#lane;
    if (isPaused) this.#host.paused.add(this);
    return isPaused;
  }

  /**
   * Carries out a command, whose `spec` the command table gave for just these words. `args` may be used again as soon
   * as this returns. `protocol` is how a reply from another node is encoded (`RawReply`).
   */
  submit(ticket: number, spec: CommandSpec<Keyspace>, args: Arguments, protocol: RespVersion): void {
    this.#lane.submit(ticket, spec, args, protocol);
  }

  /**
   * `WAIT`: answers with the number of other replicas that hold the stream's writes so far on their disks, once it is
   * `replicaCount` or after `timeoutMs` (0: no limit).
   */
  wait(ticket: number, replicaCount: number, timeoutMs: number): void {
    this.#lane.wait(ticket, replicaCount, timeoutMs);
  }

  /** After its target was behind: it has taken its replies. */
  taken(): void {
    this.#lane.taken();
  }

  /** The client has gone. What was submitted may still happen; nothing is answered any more. Idempotent. */
  close(): void {
    this.#host.paused.delete(this);
    this.#lane.close();
  }

  /** The end of a turn: tells whoever held back that he need not any longer. */
  checkPaused(): void {
    if (this.#lane.isPaused) return;
    this.#host.paused.delete(this);
    this.#target.resumed?.();
  }

  /** The node stops. */
  abandon(reply: Reply): void {
    this.#lane.abandon(reply);
  }

  readonly #host: ClientStreamHost;
  readonly #target: ReplyTarget;
  readonly #lane: LocalLane | ShardedLanes;
}
