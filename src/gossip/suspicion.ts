/**
 * How long a member stays suspected before it counts as dead (Lifeguard §IV-B). One accuser alone may be the one that is
 * slow, so that a suspicion lasts long at first; each further member that finds the same by itself makes it shorter.
 */
export class Suspicion {
  /** How many besides the first accuser are needed to make it as short as it gets. */
  readonly confirmationsWanted: number;

  constructor(options: {
    readonly startMs: number;
    readonly leastMs: number;
    readonly mostMs: number;
    readonly confirmationsWanted: number;
    readonly accuser: number;
  }) {
    this.#startMs = options.startMs;
    this.#leastMs = options.leastMs;
    this.#mostMs = options.mostMs;
    this.confirmationsWanted = options.confirmationsWanted;
    this.#accusers.add(options.accuser);
  }

  /** Whether this accuser is new, and there were too few before. */
  confirm(accuser: number): boolean {
    if (this.#accusers.size > this.confirmationsWanted || this.#accusers.has(accuser)) return false;
    this.#accusers.add(accuser);
    return true;
  }

  /** When it ends in death, as things are. */
  get endMs(): number {
    if (this.confirmationsWanted === 0) return this.#startMs + this.#leastMs;
    const confirmed = Math.log(this.#accusers.size) / Math.log(this.confirmationsWanted + 1);
    return this.#startMs + Math.max(this.#leastMs, this.#mostMs - (this.#mostMs - this.#leastMs) * confirmed);
  }

  /** Time in which this process stood still does not count. */
  postpone(byMs: number): void {
    this.#startMs += byMs;
  }

  #startMs: number;
  readonly #leastMs: number;
  readonly #mostMs: number;
  readonly #accusers: Set<number> = new Set();
}
