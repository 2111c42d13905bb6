/** Random numbers from a seed: xoshiro128** (Blackman and Vigna), whose 32-bit steps are exact in every engine. */
export class EntryRandom {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 1;

  /** Starts the sequence that belongs to a seed given as two 32-bit halves. */
  seed(low: number, high: number): void {
    // The state must not be all zeros; the constants are arbitrary digits of the golden ratio and of pi.
    this.#a = low | 0;
    this.#b = high | 0;
    this.#c = 0x9e37_79b9 | 0;
    this.#d = 0x243f_6a88;
    for (let warmUp = 0; warmUp < 8; warmUp++) this.uint32();
  }

  /** An integer from 0 to 2^32 - 1. */
  uint32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** An integer from 0 to `bound - 1`; `bound` is at most 2^32. */
  below(bound: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * bound);
  }
}

/** The random numbers of a keyspace: those of its writes come from the entry, those of reads disturb no write. */
export class KeyspaceRandom {
  readonly #ofWrites: EntryRandom = new EntryRandom();
  readonly #ofReads: EntryRandom = new EntryRandom();
  #seedLow = 0;
  #seedHigh = 0;
  #readCount = 0;

  /** An entry with this seed begins. */
  seed(low: number, high: number): void {
    this.#seedLow = low;
    this.#seedHigh = high;
    this.#ofWrites.seed(low, high);
  }

  /** The same on all replicas. */
  get forWrite(): EntryRandom {
    return this.#ofWrites;
  }

  /** Others each time. */
  get forRead(): EntryRandom {
    this.#ofReads.seed((this.#seedLow + ++this.#readCount) >>> 0, this.#seedHigh);
    return this.#ofReads;
  }
}
