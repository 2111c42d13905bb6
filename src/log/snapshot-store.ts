import { assert, type Clock, type Disk, DiskError, type Logger } from "../platform/index.ts";
import type { LogIndex } from "../raft/index.ts";
import type { LogIdentity } from "./format.ts";
import type { SnapshotMeta, SnapshotReader, SnapshotWriter, StoredSnapshot } from "./snapshot.ts";
import { snapshotName, snapshotSeed } from "./snapshot-file.ts";
import { SnapshotFileReader } from "./snapshot-reader.ts";
import { SnapshotFileWriter, type WrittenSnapshot } from "./snapshot-writer.ts";
import { Turns } from "./turns.ts";

export interface SnapshotStoreHost {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: string;
  readonly identity: LogIdentity;
  fail(what: string, error: DiskError): void;
  troubled(error: DiskError): Promise<void>;
  /**
   * Writes the record that names the snapshot, whose file is durable; resolves when the record is, too (CONSENSUS N-2).
   * False: the group is damaged, and takes none.
   */
  name(group: number, snapshot: StoredSnapshot): Promise<boolean>;
}

/** A snapshot that the log names, or named while somebody still reads it. */
interface HeldSnapshot {
  readonly group: number;
  readonly snapshot: StoredSnapshot;
  readonly path: string;
  readerCount: number;
  isReplaced: boolean;
}

/** The snapshots of a log on disk: one for each group, the older ones removed when nobody reads them any more. */
export class SnapshotStore {
  /** @param found what the log relies on, see snapshot-recovery.ts */
  constructor(host: SnapshotStoreHost, found: ReadonlyMap<number, StoredSnapshot>) {
    this.#host = host;
    for (const [group, snapshot] of found) this.#current.set(group, this.#hold(group, snapshot));
  }

  /** Bytes of all snapshots that the log names. */
  get sizeBytes(): number {
    let bytes = 0;
    for (const { snapshot } of this.#current.values()) bytes += snapshot.sizeBytes;
    return bytes;
  }

  get(group: number): StoredSnapshot | undefined {
    return this.#current.get(group)?.snapshot;
  }

  /** One that this replica makes of its own state. */
  create(group: number, meta: SnapshotMeta): SnapshotWriter {
    return this.#write(group, meta, (written) => this.#name(written));
  }

  /** One that a leader sends. */
  receive(group: number, meta: SnapshotMeta): SnapshotWriter {
    return this.#write(group, meta, async (written) => {
      if (this.#isOutdated(group, meta.index)) await this.#remove(written.path);
      else this.#received.set(group, written.snapshot);
    });
  }

  /** The received one, which a record is about to install: its file stays from now on. Asserts that there is one. */
  beginInstall(group: number, { index, term }: Pick<SnapshotMeta, "index" | "term">): StoredSnapshot {
    const received = this.#received.get(group);
    assert(received?.index === index && received.term === term, "a snapshot is received before it is installed");
    this.#received.delete(group);
    this.#installing.add(received);
    this.#named.set(group, index);
    return received;
  }

  /** The record is durable. */
  installed(group: number, snapshot: StoredSnapshot): void {
    this.#installing.delete(snapshot);
    this.#replace(group, snapshot);
  }

  /** What is still being written of the group comes to nothing: another replica is about to begin there. */
  disown(group: number): void {
    this.#disownedCounts.set(group, (this.#disownedCounts.get(group) ?? 0) + 1);
  }

  /** The group has no snapshot any more. Resolves when its file is gone, or cannot be removed. */
  drop(group: number): Promise<void> {
    const held = this.#current.get(group);
    this.#current.delete(group);
    this.#received.delete(group);
    this.#named.delete(group);
    // Another file may get its name: whoever still reads it must not remove that one.
    const removal = (held === undefined ? Promise.resolve() : this.#remove(held.path)).finally(() =>
      this.#removals.delete(removal),
    );
    this.#removals.add(removal);
    return removal;
  }

  open(group: number): SnapshotReader | undefined {
    const held = this.#current.get(group);
    if (held === undefined) return undefined;
    held.readerCount++;
    const { disk, identity } = this.#host;
    const seed = snapshotSeed(identity, { group, ...held.snapshot });
    const host = {
      disk,
      troubled: (error: DiskError) => this.#host.troubled(error),
      closed: (reader: SnapshotReader) => {
        this.#readers.delete(reader);
        held.readerCount--;
        return this.#removeUnused(held);
      },
    };
    const reader = new SnapshotFileReader(host, { ...held, seed });
    this.#readers.add(reader);
    return reader;
  }

  /** Stops what is being written, and waits until nothing goes on any more. */
  async close(): Promise<void> {
    for (const writer of [...this.#writers]) await writer.abort();
    for (const reader of [...this.#readers]) await reader.close();
    await Promise.all(this.#removals);
  }

  readonly #host: SnapshotStoreHost;
  readonly #turns = new Turns();
  readonly #current: Map<number, HeldSnapshot> = new Map();
  /** Complete files that were received and are not installed yet, the last of each group. */
  readonly #received: Map<number, StoredSnapshot> = new Map();
  /** The highest index that a record of this run names, be it durable or not. */
  readonly #named: Map<number, LogIndex> = new Map();
  readonly #disownedCounts: Map<number, number> = new Map();
  readonly #installing: Set<StoredSnapshot> = new Set();
  readonly #writers: Set<SnapshotFileWriter> = new Set();
  readonly #readers: Set<SnapshotReader> = new Set();
  readonly #removals: Set<Promise<void>> = new Set();
  #serial = 0;

  #write(group: number, meta: SnapshotMeta, written: (file: WrittenSnapshot) => Promise<void>): SnapshotWriter {
    const { disk, clock, directory, identity } = this.#host;
    const disownedCount = this.#disownedCounts.get(group);
    const isOwned = (): boolean => this.#disownedCounts.get(group) === disownedCount;
    const host = {
      disk,
      clock,
      directory,
      identity,
      turns: this.#turns,
      fail: (what: string, error: DiskError) => this.#host.fail(what, error),
      written: (file: WrittenSnapshot) => (isOwned() ? written(file) : this.#remove(file.path)),
      release: (snapshot: StoredSnapshot) => this.#release(group, snapshot),
      closed: (writer: SnapshotFileWriter) => void this.#writers.delete(writer),
    };
    this.#serial++;
    const writer = new SnapshotFileWriter(host, { group, meta, serial: this.#serial });
    this.#writers.add(writer);
    return writer;
  }

  /** Whether the file of an aborted one may go: not if the log names it, or another one took its place and name. */
  #release(group: number, snapshot: StoredSnapshot): boolean {
    const received = this.#received.get(group);
    if (received === snapshot) this.#received.delete(group);
    else if (received?.index === snapshot.index) return false;
    return !this.#installing.has(snapshot) && this.get(group)?.index !== snapshot.index;
  }

  /** The log names one that is as new, or is about to. */
  #isOutdated(group: number, index: LogIndex): boolean {
    return Math.max(this.get(group)?.index ?? 0, this.#named.get(group) ?? 0) >= index;
  }

  /** A received one may have overtaken it. */
  async #name({ group, snapshot, path }: WrittenSnapshot): Promise<void> {
    if (this.#isOutdated(group, snapshot.index)) {
      await this.#remove(path);
      return;
    }
    // Records stand in the log in the order of their snapshots: the last one counts.
    this.#named.set(group, snapshot.index);
    if (await this.#host.name(group, snapshot)) this.#replace(group, snapshot);
    else await this.#remove(path);
  }

  #replace(group: number, snapshot: StoredSnapshot): void {
    const added = this.#hold(group, snapshot);
    const other = this.#current.get(group);
    // A newer one may have become durable in the same batch, and said so first.
    const isNewest = other === undefined || other.snapshot.index < snapshot.index;
    if (isNewest) this.#current.set(group, added);
    const older = isNewest ? other : added;
    if (older === undefined) return;
    older.isReplaced = true;
    const removal = this.#removeUnused(older).finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  #hold(group: number, snapshot: StoredSnapshot): HeldSnapshot {
    const path = `${this.#host.directory}/${snapshotName({ group, index: snapshot.index })}`;
    return { group, snapshot, path, readerCount: 0, isReplaced: false };
  }

  async #removeUnused(held: HeldSnapshot): Promise<void> {
    if (held.isReplaced && held.readerCount === 0) await this.#remove(held.path);
  }

  /** A file that cannot be removed is in nobody's way: the next start tries again. */
  async #remove(path: string): Promise<void> {
    try {
      await this.#host.disk.remove(path);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#host.logger.log("warn", "snapshot not removed", { path, code: error.code });
    }
  }
}
