import type { LeaderHint } from "./member.ts";

/** The leader last heard of for each shard. What is told of a lower term, or of the same one again, is old. */
export class LeaderHints {
  constructor(hintsMax: number) {
    this.#hintsMax = hintsMax;
  }

  /** Whether it was news. */
  learn({ shard, term, leader }: LeaderHint): boolean {
    const known = this.#hints.get(shard);
    if (known === undefined ? this.#hints.size >= this.#hintsMax : term <= known.term) return false;
    this.#hints.set(shard, { shard, term, leader });
    return true;
  }

  find(shard: number): LeaderHint | undefined {
    return this.#hints.get(shard);
  }

  /** By shard. */
  all(): readonly LeaderHint[] {
    return [...this.#hints.values()].sort((a, b) => a.shard - b.shard);
  }

  readonly #hintsMax: number;
  readonly #hints: Map<number, LeaderHint> = new Map();
}
