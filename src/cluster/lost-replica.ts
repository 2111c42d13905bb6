/**
 * A replica on this node that has lost what it had acknowledged (CONSENSUS D-3). It takes no part any more; its node tells
 * the others so, again and again, until a message comes for a replica of a newer generation: the group's leader has added
 * one, by a committed change. Then that one begins, with nothing, and only once that is durable does it say a word.
 */
import { type Clock, type Logger, mark } from "../platform/index.ts";
import type { ReplicaId } from "../raft/index.ts";
import { nodeOf } from "./replica-id.ts";

/** Between two times that the others are told. */
const tellMs = 2_000;

export interface LostReplicaOptions {
  readonly group: number;
  readonly nodeId: number;
  /** The newest that has ever been to begin here. */
  readonly upTo: ReplicaId;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells the other nodes. */
  readonly tell: (group: number, upTo: ReplicaId) => void;
  /** Makes sure that `replica` is never begun again; false: not now. Whatever else goes on for the group ends as well. */
  readonly prepare: (replica: ReplicaId) => Promise<boolean>;
  /** Makes the log hold nothing but it; `done` once that is durable. */
  readonly reset: (replica: ReplicaId, done: () => void) => void;
  /** It has begun. */
  readonly onBegun: (replica: ReplicaId) => void;
  readonly onError: (error: unknown) => void;
}

export class LostReplica {
  constructor(options: LostReplicaOptions) {
    this.#options = options;
    this.#upTo = options.upTo;
  }

  /** Whether its successor is about to begin. */
  get isBeginning(): boolean {
    return this.#isBeginning;
  }

  /** Time has passed. */
  tick(): void {
    const { clock, group, tell } = this.#options;
    if (this.#isBeginning || this.#isStopped || clock.nowMs() - this.#toldMs < tellMs) return;
    this.#toldMs = clock.nowMs();
    tell(group, this.#upTo);
  }

  /** A message has come for another replica of the group than this node has. One for an older one is late, and means nothing. */
  addressed(replica: ReplicaId): void {
    const { nodeId } = this.#options;
    if (nodeOf(replica) !== nodeId || replica <= this.#upTo || this.#isBeginning || this.#isStopped) return;
    void this.#begin(replica);
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isStopped = true;
  }

  readonly #options: LostReplicaOptions;
  #upTo: ReplicaId;
  #toldMs = Number.NEGATIVE_INFINITY;
  #isBeginning = false;
  #isStopped = false;

  /** Never rejects. */
  async #begin(replica: ReplicaId): Promise<void> {
    const { prepare, reset, group, logger, onBegun, onError } = this.#options;
    logger.log("info", "a replica begins anew", { group, replica });
    this.#isBeginning = true;
    // Whatever comes of it: the id is used.
    this.#upTo = replica;
    try {
      const isReady = await prepare(replica);
      if (!isReady || this.#isStopped) {
        this.#isBeginning = false;
        return;
      }
      reset(replica, () => {
        if (this.#isStopped) return;
        mark("a replica begins anew");
        onBegun(replica);
      });
    } catch (error) {
      onError(error);
    }
  }
}
