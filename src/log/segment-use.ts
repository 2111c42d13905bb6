interface Use {
  runs: number;
  bytes: number;
}

/**
 * How much of each segment is needed, counted as runs come and go. A group has tens of thousands of them in one segment,
 * and whether the oldest can be given up is asked after each snapshot of each group.
 */
export class SegmentUse {
  add(segment: number, bytes: number): void {
    const use = this.#uses.get(segment);
    if (use === undefined) {
      this.#uses.set(segment, { runs: 1, bytes });
      return;
    }
    use.runs++;
    use.bytes += bytes;
  }

  /** What was added before. */
  remove(segment: number, bytes: number): void {
    const use = this.#uses.get(segment);
    if (use === undefined) return;
    use.runs--;
    use.bytes -= bytes;
    if (use.runs === 0) this.#uses.delete(segment);
  }

  clear(): void {
    this.#uses.clear();
  }

  /** Undefined: no run needs any. */
  oldest(): number | undefined {
    let oldest: number | undefined;
    for (const segment of this.#uses.keys()) if (oldest === undefined || segment < oldest) oldest = segment;
    return oldest;
  }

  /** How many runs need the segment. */
  runsIn(segment: number): number {
    return this.#uses.get(segment)?.runs ?? 0;
  }

  /** Of all runs that need the segment; undefined: none does. */
  bytesIn(segment: number): number | undefined {
    return this.#uses.get(segment)?.bytes;
  }

  readonly #uses: Map<number, Use> = new Map();
}
