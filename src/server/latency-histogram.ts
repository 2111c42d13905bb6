/** A bucket is at most a sixteenth of its value wide: two significant digits, nearly. */
const bucketsPerDoubling = 16;
const firstExactValues = 32;
const doublingsMax = 31;
const bucketCount = firstExactValues + (doublingsMax - 5) * bucketsPerDoubling;

/** How often durations fell where, in whole microseconds up to 35 minutes. Recording costs a few nanoseconds. */
export class LatencyHistogram {
  count = 0;
  readonly #buckets = new Float64Array(bucketCount);

  record(microseconds: number): void {
    this.count++;
    const bucket = bucketOf(microseconds);
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
  }

  /** The highest duration of the bucket below or in which `percent` of all durations lie. 0 if there are none. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += this.#buckets[bucket] as number;
      if (seen >= wanted) return highestOf(bucket);
    }
    return 0;
  }

  /** For each power of two up to where all are counted: itself, and how many durations were at most that long. */
  cumulative(): { readonly microseconds: number; readonly count: number }[] {
    const steps: { microseconds: number; count: number }[] = [];
    let bucket = 0;
    let seen = 0;
    for (let limit = 1; seen < this.count && limit <= 2 ** doublingsMax; limit *= 2) {
      const before = seen;
      while (bucket < bucketCount && highestOf(bucket) <= limit) seen += this.#buckets[bucket++] as number;
      if (seen > before) steps.push({ microseconds: limit, count: seen });
    }
    return steps;
  }
}

function bucketOf(microseconds: number): number {
  const value = Math.min(Math.max(Math.floor(microseconds), 0), 2 ** doublingsMax - 1);
  if (value < firstExactValues) return value;
  const doubling = 31 - Math.clz32(value);
  return firstExactValues + (doubling - 5) * bucketsPerDoubling + ((value >>> (doubling - 4)) & 15);
}

function highestOf(bucket: number): number {
  if (bucket < firstExactValues) return bucket;
  const doubling = 5 + Math.floor((bucket - firstExactValues) / bucketsPerDoubling);
  const step = (bucket - firstExactValues) % bucketsPerDoubling;
  return 2 ** doubling + (step + 1) * 2 ** (doubling - 4) - 1;
}
