import type { Clock } from "../platform/index.ts";

/** From so many arrivals in a turn on, waking everybody at its end costs less than waking each at once. */
const arrivalsMin = 8;
/** While each is woken at once, the arrivals of a turn are counted once in this many. */
const arrivalsPerCount = 32;

/**
 * Decides whether those who wait for bytes or datagrams are woken at once or together at the end of the turn of the event
 * loop. Each wake-up by itself is a run of the microtasks and one of the ticks; with fifty connections that hear something
 * in the same turn, together they are one of each. Where little comes in, it is the other way round: the end of the turn
 * has a price of its own.
 */
export class TurnBatching {
  readonly #clock: Clock;
  #arrivalCount = 0;
  /** Until the end of this turn arrivals are counted. */
  #isCounting = false;
  #isBatching = false;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All that share a clock share its turns. */
  static of(clock: Clock): TurnBatching {
    const known = ofClock.get(clock);
    if (known !== undefined) return known;
    const batching = new TurnBatching(clock);
    ofClock.set(clock, batching);
    return batching;
  }

  /** Something has arrived. True if whoever waits for it is to be woken by {@link atEndOfTurn}. */
  noteArrival(): boolean {
    this.#arrivalCount++;
    if (!this.#isCounting && (this.#isBatching || this.#arrivalCount >= arrivalsPerCount)) {
      this.#isCounting = true;
      this.#arrivalCount = 1;
      this.#clock.atEndOfTurn(this.#endTurn);
    }
    return this.#isBatching;
  }

  atEndOfTurn(wake: () => void): void {
    this.#clock.atEndOfTurn(wake);
  }

  readonly #endTurn = (): void => {
    this.#isBatching = this.#arrivalCount >= arrivalsMin;
    this.#isCounting = false;
    this.#arrivalCount = 0;
  };
}

const ofClock = new WeakMap<Clock, TurnBatching>();
