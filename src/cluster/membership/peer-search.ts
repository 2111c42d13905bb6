/**
 * A node that joined finds its peers where it last heard of them, and they find it. Where all have moved, and it as well, nobody
 * finds anybody: then it asks at the address at which it once asked to join, or was told to ask.
 */
import { type Clock, CoterieError, type Logger, type Timer } from "../../platform/index.ts";
import type { JoinGrant } from "./join-wire.ts";

export interface PeerSearchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether a peer is connected. */
  readonly hasPeer: () => boolean;
  /** Asks the cluster where its nodes are. */
  readonly ask: () => Promise<JoinGrant>;
  /** What it has answered. */
  readonly found: (grant: JoinGrant) => void;
}

/** Without a peer for so long, it asks; and asks again. */
const aloneMs = 5_000;

export class PeerSearch {
  constructor(options: PeerSearchOptions) {
    this.#options = options;
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  readonly #options: PeerSearchOptions;
  #timer: Timer | undefined;
  #isStopped = false;

  #arm(): void {
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.setTimer(aloneMs, () => void this.#look().then(() => this.#arm()));
  }

  async #look(): Promise<void> {
    const { ask, found, hasPeer, logger } = this.#options;
    if (hasPeer()) return;
    try {
      const grant = await ask();
      if (this.#isStopped) return;
      logger.log("info", "the cluster says where its nodes are", { count: grant.members.length });
      found(grant);
    } catch (error) {
      if (!(error instanceof CoterieError)) throw error;
      logger.log("warn", "no peer is there, and the cluster cannot be asked where they are", { why: error.message });
    }
  }
}
