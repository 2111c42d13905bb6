import { crc32 } from "node:zlib";
import { assert } from "../platform/index.ts";
import { SnapshotNotWrittenError } from "./log-errors.ts";
import type { SnapshotMeta, SnapshotReader, SnapshotWriter, StoredSnapshot } from "./snapshot.ts";

/** A snapshot whose stream is kept in memory. */
export interface HeldInMemory {
  readonly snapshot: StoredSnapshot;
  readonly chunks: readonly Uint8Array[];
}

/** The snapshots of a log in memory: of each group the newest. */
export class MemorySnapshots {
  get sizeBytes(): number {
    let bytes = 0;
    for (const { snapshot } of this.#current.values()) bytes += snapshot.sizeBytes;
    return bytes;
  }

  get(group: number): StoredSnapshot | undefined {
    return this.#current.get(group)?.snapshot;
  }

  create(group: number, meta: SnapshotMeta): SnapshotWriter {
    return new MemorySnapshotWriter(group, meta, {
      written: (held) => this.#put(group, held),
      aborted: () => {},
    });
  }

  receive(group: number, meta: SnapshotMeta): SnapshotWriter {
    return new MemorySnapshotWriter(group, meta, {
      written: (held) => void this.#received.set(group, held),
      aborted: (held) => {
        if (this.#received.get(group) === held) this.#received.delete(group);
      },
    });
  }

  /** The received one, which a record is about to install. Asserts that there is one. */
  beginInstall(group: number, { index, term }: Pick<SnapshotMeta, "index" | "term">): HeldInMemory {
    const received = this.#received.get(group);
    assert(
      received?.snapshot.index === index && received.snapshot.term === term,
      "a snapshot is received before it is installed",
    );
    this.#received.delete(group);
    return received;
  }

  drop(group: number): void {
    this.#current.delete(group);
    this.#received.delete(group);
  }

  installed(group: number, held: HeldInMemory): void {
    this.#put(group, held);
  }

  open(group: number): SnapshotReader | undefined {
    const held = this.#current.get(group);
    return held === undefined ? undefined : new MemorySnapshotReader(held);
  }

  readonly #current: Map<number, HeldInMemory> = new Map();
  readonly #received: Map<number, HeldInMemory> = new Map();

  #put(group: number, held: HeldInMemory): void {
    if ((this.get(group)?.index ?? 0) < held.snapshot.index) this.#current.set(group, held);
  }
}

interface MemoryWriterHost {
  written(held: HeldInMemory): void;
  aborted(held: HeldInMemory): void;
}

class MemorySnapshotWriter implements SnapshotWriter {
  readonly meta: SnapshotMeta;

  constructor(group: number, meta: SnapshotMeta, host: MemoryWriterHost) {
    this.#group = group;
    this.meta = meta;
    this.#host = host;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#state === "aborted") return Promise.reject(this.#abortedError());
    assert(this.#state === "open", "a snapshot is written before it is committed");
    // A copy, which the `slice` of a Buffer is not.
    this.#chunks.push(new Uint8Array(chunk));
    this.#sizeBytes += chunk.length;
    this.#checksum = crc32(chunk, this.#checksum);
    return Promise.resolve();
  }

  commit(): Promise<void> {
    if (this.#state === "aborted") return Promise.reject(this.#abortedError());
    assert(this.#state === "open", "a snapshot is committed once");
    this.#state = "committed";
    const snapshot = { ...this.meta, sizeBytes: this.#sizeBytes, checksum: this.#checksum };
    this.#held = { snapshot, chunks: this.#chunks };
    this.#host.written(this.#held);
    return Promise.resolve();
  }

  abort(): Promise<void> {
    this.#state = "aborted";
    if (this.#held !== undefined) this.#host.aborted(this.#held);
    return Promise.resolve();
  }

  readonly #group: number;
  readonly #host: MemoryWriterHost;
  readonly #chunks: Uint8Array[] = [];
  #sizeBytes = 0;
  #checksum = 0;
  #held: HeldInMemory | undefined;
  #state: "open" | "committed" | "aborted" = "open";

  #abortedError(): SnapshotNotWrittenError {
    return new SnapshotNotWrittenError("memory", { group: this.#group });
  }
}

class MemorySnapshotReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;

  constructor({ snapshot, chunks }: HeldInMemory) {
    this.snapshot = snapshot;
    this.#chunks = chunks;
  }

  /** Readers go forward: the search goes on where the last read ended. */
  read(offset: number, bytesMax: number): Promise<Uint8Array> {
    assert(!this.#isClosed, "a snapshot is read before its reader is closed");
    assert(offset >= 0 && bytesMax > 0, "a read goes forward, by some bytes");
    if (offset < this.#placeOffset) {
      this.#place = 0;
      this.#placeOffset = 0;
    }
    const end = Math.min(offset + bytesMax, this.snapshot.sizeBytes);
    const result = new Uint8Array(Math.max(0, end - offset));
    for (let at = offset; at < end; ) {
      const chunk = this.#chunks[this.#place] as Uint8Array;
      if (at >= this.#placeOffset + chunk.length) {
        this.#place++;
        this.#placeOffset += chunk.length;
        continue;
      }
      const part = chunk.subarray(at - this.#placeOffset, end - this.#placeOffset);
      result.set(part, at - offset);
      at += part.length;
    }
    return Promise.resolve(result);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  readonly #chunks: readonly Uint8Array[];
  /** The chunk that was read last, and where it begins. */
  #place = 0;
  #placeOffset = 0;
  #isClosed = false;
}
