/**
 * Files, as narrow as a log needs them. What the interface promises is what POSIX promises and no more:
 *
 * - bytes written are durable only after `sync` of that file has called back without an error;
 * - a name (after create, rename, remove) is durable only after `syncDirectory` of its folder;
 * - unsynced writes may reach the disk in part, in any order, or not at all when the machine stops;
 * - after a failed `sync` nothing may be assumed of what was written since the last good one, for ever.
 *
 * Paths are absolute or relative to the process, with "/" between parts.
 */
export interface Disk {
  /**
   * Opens an existing file, or with "create" a new one (code "EEXIST" if there is one), for its owner's eyes only.
   * Rejects with {@link DiskError}.
   */
  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile>;
  /** The whole content. Rejects with a {@link DiskError} of code "ENOENT" if there is none. */
  readFile(path: string): Promise<Uint8Array>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. Rejects with "ENOENT" if there is none. */
  remove(path: string): Promise<void>;
  /** Removes a folder and all it holds; nothing happens if there is none. */
  removeTree(path: string): Promise<void>;
  /** The names in a folder, sorted. Rejects with "ENOENT" if there is none. */
  list(path: string): Promise<readonly string[]>;
  /** Creates a folder and its parents where missing, for their owner's eyes only. */
  makeDirectory(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** Bytes that may still be written to the file system of `path`. */
  freeBytes(path: string): Promise<number>;
  /**
   * Takes an existing directory for this process until `release` or the end of the process, however it ends. Held by
   * a listening local socket, not by a process id: a holder that is stopped still holds, one that was killed does not.
   * Rejects with a {@link DiskError} of code "ELOCKED" while another holds it, also one in this process.
   */
  lock(directory: string): Promise<DiskLock>;
}

export interface DiskLock {
  release(): Promise<void>;
}

/** Called once, never within the call that it answers. */
export type DiskCallback = (error: DiskError | undefined) => void;

/** Operations on a closed file end with code "EBADF". */
export interface DiskFile {
  /**
   * Writes all of `bytes` at `position` (a short write counts as an error, code "ESHORT"). The caller leaves `bytes`
   * untouched until the callback.
   */
  write(bytes: Uint8Array, position: number, done: DiskCallback): void;
  /** `fdatasync`: data, and the size if it changed. */
  sync(done: DiskCallback): void;
  /**
   * `write`, then `sync`, reported once: the log's one hot operation. An error whose `operation` is "sync" is final, as
   * after `sync`; after one of "write" (e.g. "ENOSPC") all of `bytes` may be written again.
   */
  writeAndSync(bytes: Uint8Array, position: number, done: DiskCallback): void;
  /** Reads up to `length` bytes; fewer only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  sizeBytes(): Promise<number>;
  truncate(sizeBytes: number): Promise<void>;
  /** Waits for the operations under way. Idempotent. */
  close(): Promise<void>;
}

/** What the operating system said, with its code ("EIO", "ENOSPC", "ENOENT", …) and what it was asked to do. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly code: string;
  /** "open", "write", "sync", "read", … */
  readonly operation: string;
  readonly path: string;

  constructor(code: string, operation: string, path: string, options?: { readonly cause?: unknown }) {
    super(`${operation} ${path}: ${code}`, options);
    this.code = code;
    this.operation = operation;
    this.path = path;
  }
}
