import type { Clock, Timer } from "../../platform/index.ts";

/**
 * Looks after reads whose confirmation was asked of no more voters than it takes: when one round is still not confirmed after
 * `patienceMs`, up to twice as long, everybody is asked. One timer runs as long as there are rounds; none is set for each.
 */
export class ReadPatience {
  /**
   * @param oldestRound the oldest round that is not confirmed, by its number; undefined: there is none
   * @param patienceMs 0: everybody was asked at once
   */
  constructor(clock: Clock, patienceMs: number, by: { oldestRound(): number | undefined; askEverybody(): void }) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#by = by;
  }

  /** A round was asked for. */
  asked(): void {
    if (this.#timer !== undefined || this.#patienceMs === 0) return;
    this.#seenRound = this.#by.oldestRound();
    this.#timer = this.#clock.setTimer(this.#patienceMs, () => this.#look());
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #by: { oldestRound(): number | undefined; askEverybody(): void };
  #timer: Timer | undefined;
  /** The oldest at the last look. */
  #seenRound: number | undefined;
  /** For which everybody was asked, once: what is lost then comes with the next heartbeats. */
  #helpedRound: number | undefined;

  #look(): void {
    this.#timer = undefined;
    const oldest = this.#by.oldestRound();
    if (oldest === undefined) return;
    if (oldest === this.#seenRound && oldest !== this.#helpedRound) {
      this.#helpedRound = oldest;
      this.#by.askEverybody();
    }
    this.asked();
  }
}
