/**
 * After a restart a replica applies what it knows to be committed in its log before it serves anybody as a leader: until
 * then it would let its clients wait without a word, for as long as the log behind the newest snapshot is long. Redis'
 * word for this is `LOADING`, which its clients know. Elections do not wait for it, nor do nodes that know another leader.
 */
import type { Clock, Logger } from "../../platform/index.ts";
import type { LogIndex } from "../../raft/index.ts";

/** How far it is: entries, both included. */
export interface LoadingProgress {
  /** Wall clock, in milliseconds. */
  readonly startedWallMs: number;
  readonly loadedCount: number;
  readonly entryCount: number;
  /** At the pace so far; undefined before there is one. */
  readonly remainingMs: number | undefined;
}

/** How often the log says how far it is. */
const reportMs = 2_000;

export class Loading {
  /** Entries above `from` up to `to` are to be applied. */
  constructor(options: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly group: number;
    readonly from: LogIndex;
    readonly to: LogIndex;
    /** Tells the state whether it is being loaded: at once, and when that is over. */
    readonly gather: (isLoading: boolean) => void;
  }) {
    const { clock } = options;
    this.#options = options;
    this.#isOver = options.from >= options.to;
    if (!this.#isOver) options.gather(true);
    this.#startedMs = this.#reportedMs = clock.nowMs();
    this.#startedWallMs = clock.wallMs();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Everything up to `index` is applied. */
  applied(index: LogIndex): void {
    if (this.#isOver) return;
    const { clock, logger, group, from, to, gather } = this.#options;
    this.#index = index;
    const nowMs = clock.nowMs();
    if (index >= to) {
      this.#isOver = true;
      const milliseconds = Math.round(nowMs - this.#startedMs);
      logger.log("info", "the log was loaded", { group, entries: to - from, milliseconds });
      gather(false);
    } else if (nowMs - this.#reportedMs >= reportMs) {
      this.#reportedMs = nowMs;
      logger.log("info", "the log is being loaded", { group, entries: index - from, of: to - from });
    }
  }

  /** Undefined once it is over. */
  progress(): LoadingProgress | undefined {
    if (this.#isOver) return undefined;
    const { clock, from, to } = this.#options;
    const loadedCount = Math.max(0, this.#index - from);
    const tookMs = clock.nowMs() - this.#startedMs;
    const remainingMs = loadedCount === 0 ? undefined : (tookMs / loadedCount) * (to - from - loadedCount);
    return { startedWallMs: this.#startedWallMs, loadedCount, entryCount: to - from, remainingMs };
  }

  readonly #options: ConstructorParameters<typeof Loading>[0];
  readonly #startedMs: number;
  readonly #startedWallMs: number;
  #reportedMs: number;
  #index: LogIndex = 0;
  #isOver: boolean;
}
