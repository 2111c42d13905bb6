/**
 * For how long nodes have been away, counted by one who could tell: only time between two looks at which it could, and no
 * more of it than looks are usually apart, so that a pause of this process makes nobody absent (CONSENSUS H-4).
 */
export class Absences {
  /** @param lookMs how far looks are usually apart, in milliseconds. */
  constructor(lookMs: number) {
    this.#stepMsMax = 2 * lookMs;
  }

  /** @param away the nodes that do not answer now. */
  look(nowMs: number, away: Iterable<number>): void {
    const stepMs = this.#lookedMs === undefined ? 0 : Math.min(nowMs - this.#lookedMs, this.#stepMsMax);
    this.#lookedMs = nowMs;
    const before = this.#absentMs;
    this.#absentMs = new Map();
    for (const id of away) {
      const soFar = before.get(id);
      this.#absentMs.set(id, soFar === undefined ? 0 : soFar + stepMs);
    }
  }

  /** At the last look; 0: it answered, or has been away since just then. */
  msOf(id: number): number {
    return this.#absentMs.get(id) ?? 0;
  }

  /** Nobody can tell any more: until the next look no time passes. */
  pause(): void {
    this.#lookedMs = undefined;
  }

  /** All are taken to be there. */
  forget(): void {
    this.#lookedMs = undefined;
    this.#absentMs = new Map();
  }

  readonly #stepMsMax: number;
  #lookedMs: number | undefined;
  #absentMs: Map<number, number> = new Map();
}
