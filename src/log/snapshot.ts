import type { Configuration, LogIndex, Term } from "../raft/index.ts";

/** What a snapshot stands for: the state once the entry at `index`, of `term`, is applied. */
export interface SnapshotMeta {
  readonly index: LogIndex;
  readonly term: Term;
  /** The one in force at `index` (CONSENSUS M-8). */
  readonly configuration: Configuration;
}

/** A snapshot that the log holds. */
export interface StoredSnapshot extends SnapshotMeta {
  /** Bytes of the stream, as they were written. */
  readonly sizeBytes: number;
  /** CRC-32 of the whole stream: tells two streams for the same index apart. Every read is verified without it. */
  readonly checksum: number;
}

/**
 * Takes a snapshot's stream. One call at a time, save `abort`: each promise is awaited before the next call. After a rejection
 * nothing of it is left, and only `abort` may be called. Once it was aborted, by its host or by the end of the log, calls
 * reject.
 */
export interface SnapshotWriter {
  readonly meta: SnapshotMeta;
  /** Bytes taken so far. */
  readonly sizeBytes: number;
  /**
   * Resolves when more is wanted: memory and the load on the disk are bounded by it. `chunk` may be used again then.
   * Rejects with SnapshotNotWrittenError (SNAPSHOT_NOT_WRITTEN).
   */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Resolves when the snapshot is durable. One that was made here is the group's snapshot from then on; if a newer one has
   * come meanwhile it is dropped instead (the group's `snapshot` tells). One that was received becomes the group's by the
   * `append` that installs it. Rejects with SnapshotNotWrittenError (SNAPSHOT_NOT_WRITTEN).
   */
  commit(): Promise<void>;
  /**
   * Removes what was written, also after `commit` if it was received and not installed. Idempotent, at any time; without
   * effect once `commit` is about to end.
   */
  abort(): Promise<void>;
}

/** Reads a stored snapshot. It stays readable until `close`, also when a newer one has taken its place. */
export interface SnapshotReader {
  readonly snapshot: StoredSnapshot;
  /**
   * Bytes of the stream from `offset` on, at most `bytesMax`; fewer only at its end, none behind it. What is given has been
   * verified, each time (CONSENSUS D-8). Rejects with SnapshotDamagedError (SNAPSHOT_DAMAGED).
   */
  read(offset: number, bytesMax: number): Promise<Uint8Array>;
  /** Idempotent. */
  close(): Promise<void>;
}
