/**
 * The keys of the commands that come next. A look-up in a large keyspace waits for memory four times, each time to learn
 * where to look next: for the leaf, its cells, the key, the value. The processor cannot begin the next command's waits before
 * it has seen that far, but when all keys of a few dozen commands are looked up in a tight loop it waits for many of them at
 * once, and what the commands then touch lies in its cache. It is advice: nothing depends on it but speed.
 */

/** More would push one another out of the nearest cache. */
export const keysAheadMax = 32;

export class KeysAhead {
  /** Where the keys lie; not changed before `clear`. */
  bytes: Buffer = noBytes;
  count = 0;
  /** Key `i` is `bytes[starts[i]]` up to, not including, `bytes[ends[i]]`; the starts rise. */
  readonly starts: Int32Array = new Int32Array(keysAheadMax);
  readonly ends: Int32Array = new Int32Array(keysAheadMax);
  /** Filled in by the keyspace. */
  readonly slots: Int32Array = new Int32Array(keysAheadMax);
  readonly hashes: Int32Array = new Int32Array(keysAheadMax);
  /** Where they were found in their leaves: good places to look first. */
  readonly indexes: Int32Array = new Int32Array(keysAheadMax);
  /** A sum of what was looked at, so that no compiler leaves the looking out. */
  sum = 0;

  get isFull(): boolean {
    return this.count === keysAheadMax;
  }

  /** Forgets all keys; those to come lie in `bytes`. */
  begin(bytes: Buffer): void {
    this.bytes = bytes;
    this.count = 0;
    this.#at = 0;
  }

  push(start: number, end: number): void {
    this.starts[this.count] = start;
    this.ends[this.count++] = end;
  }

  /** Their bytes may change from now on. */
  clear(): void {
    this.begin(noBytes);
  }

  /** Which of the keys is `bytes[start]` up to, not including, `bytes[end]`; -1 if none. Asked in the order of the keys. */
  indexOf(bytes: Buffer, start: number, end: number): number {
    if (bytes !== this.bytes) return -1;
    const { count, starts } = this;
    let at = this.#at;
    while (at < count && (starts[at] as number) < start) at++;
    this.#at = at;
    return at < count && starts[at] === start && this.ends[at] === end ? at : -1;
  }

  #at = 0;
}

const noBytes: Buffer = Buffer.alloc(0);
