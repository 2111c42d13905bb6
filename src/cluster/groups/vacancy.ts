/**
 * A place in a group that no replica of this node fills: none ever did, or the one that did has gone, or has lost what it had
 * acknowledged (CONSENSUS D-3). That lasts until a message comes for a replica of a newer generation: the group's leader has
 * added one, by a committed change. Then that one begins, with nothing, and only once that is durable does it say a word.
 *
 * Of a replica that is lost the node tells the others, again and again, so that they make another one.
 */
import { type Clock, type Logger, mark } from "../../platform/index.ts";
import type { ReplicaId } from "../../raft/index.ts";
import { nodeOf } from "../replica/replica-id.ts";

/** Between two times that the others are told. */
const tellMs = 2_000;

export interface VacancyOptions {
  readonly group: number;
  readonly nodeId: number;
  /** The newest that has ever been to begin here. */
  readonly upTo: ReplicaId;
  /** Whether that one is lost, and not gone for good. */
  readonly isLost: boolean;
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

export class Vacancy {
  constructor(options: VacancyOptions) {
    this.#options = options;
    this.#upTo = options.upTo;
    this.#isLost = options.isLost;
  }

  /** The newest replica that has ever been to begin here. */
  get upTo(): ReplicaId {
    return this.#upTo;
  }

  /** Whether the group may count on a replica that was here, or was to begin: it has to make another one. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether a replica is about to begin. */
  get isBeginning(): boolean {
    return this.#isBeginning;
  }

  /** Time has passed. */
  tick(): void {
    const { clock, group, tell } = this.#options;
    if (!this.#isLost || this.#isBeginning || this.#isStopped || clock.nowMs() - this.#toldMs < tellMs) return;
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

  readonly #options: VacancyOptions;
  #upTo: ReplicaId;
  #isLost: boolean;
  #toldMs = Number.NEGATIVE_INFINITY;
  #isBeginning = false;
  #isStopped = false;

  /** Never rejects. */
  async #begin(replica: ReplicaId): Promise<void> {
    const { prepare, reset, group, logger, onBegun, onError } = this.#options;
    logger.log("info", this.#isLost ? "a replica begins anew" : "a replica begins", { group, replica });
    this.#isBeginning = true;
    // Whatever comes of it: the id is used.
    this.#upTo = replica;
    try {
      const isReady = await prepare(replica);
      if (!isReady || this.#isStopped) {
        this.#isBeginning = false;
        this.#isLost = true;
        return;
      }
      reset(replica, () => {
        if (this.#isStopped) return;
        mark(this.#isLost ? "a replica begins anew" : "a replica begins");
        onBegun(replica);
      });
    } catch (error) {
      onError(error);
    }
  }
}
