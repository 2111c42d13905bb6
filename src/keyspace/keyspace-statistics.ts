/**
 * What one replica has met, for `INFO`: no replicated state. Commands that write are applied, and so counted, by every
 * replica; reads by the one that answers them.
 */
export class KeyspaceStatistics {
  /** Keys that commands looked up for reading and found, as Redis counts `keyspace_hits`. */
  hitCount = 0;
  /** The same of keys that were absent or due. */
  missCount = 0;
  /** Keys that were freed because they were due. */
  expiredCount = 0;

  reset(): void {
    this.hitCount = 0;
    this.missCount = 0;
    this.expiredCount = 0;
  }
}
