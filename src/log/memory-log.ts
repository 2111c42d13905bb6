import { assert, type Clock } from "../platform/index.ts";
import type { Entry, HardState, LogIndex, ReplicaId, Term } from "../raft/index.ts";
import { AppendedLog, entryDataBytes, type GroupLog } from "./group-log.ts";
import { MemorySnapshots } from "./memory-snapshots.ts";
import type { LogRecords, NodeLog } from "./node-log.ts";
import type { ReplicaRecord } from "./record-set.ts";
import type { SnapshotMeta, SnapshotReader, SnapshotWriter, StoredSnapshot } from "./snapshot.ts";
import { TermRuns } from "./term-runs.ts";

export interface MemoryLogOptions {
  readonly clock: Clock;
  /** With more bytes of entries than this the log counts as full. Default 2 GiB. */
  readonly bytesMax?: number;
}

const bytesMaxDefault = 2 * 1_073_741_824;

/** A log that forgets everything when the process ends. What is flushed counts as durable at the end of the turn. */
export class MemoryLog implements NodeLog {
  /** Always 1: there is no disk that could be older than it says. */
  readonly diskEpoch = 1;
  readonly syncTimes: undefined = undefined;

  constructor(options: MemoryLogOptions) {
    this.#clock = options.clock;
    this.#bytesMax = options.bytesMax ?? bytesMaxDefault;
    this.#wantedBytes = this.#bytesMax / 2;
  }

  get isFull(): boolean {
    return this.#entryBytes > this.#bytesMax;
  }

  get roomBeforeVitalBytes(): number {
    return Math.max(0, this.#bytesMax + this.#bytesMax / 64 - this.#entryBytes);
  }

  get roomForFreeingBytes(): number {
    return Math.max(0, this.#bytesMax + this.#bytesMax / 128 - this.#entryBytes);
  }

  get sizeBytes(): number {
    return this.#entryBytes + this.#snapshots.sizeBytes;
  }

  group(group: number): GroupLog {
    return this.#group(group);
  }

  append(group: number, records: LogRecords, done: () => void): void {
    assert(!this.#isClosed, "nothing is appended to a closed log");
    const { snapshot } = records;
    if (snapshot !== undefined) {
      const received = this.#snapshots.beginInstall(group, snapshot);
      this.#waiting.push(() => this.#snapshots.installed(group, received));
    }
    this.#group(group).append(records);
    this.#waiting.push(done);
  }

  beginReplica(groupId: number, replica: ReplicaId, done: () => void): void {
    const group = this.#group(groupId);
    assert(Number.isSafeInteger(replica) && replica > group.replica, "a replica id is never used again [C-4]");
    group.begin({ replica, isEnd: false });
    // Behind what is still being installed.
    this.#waiting.push(() => this.#snapshots.drop(groupId), done);
  }

  endReplica(groupId: number, replica: ReplicaId, done: () => void): void {
    const group = this.#group(groupId);
    assert(Number.isSafeInteger(replica) && replica >= group.replica, "with a replica those before it are gone [M-10]");
    assert(!group.isEnded || replica > group.replica, "a replica ends once");
    group.begin({ replica, isEnd: true });
    this.#waiting.push(() => this.#snapshots.drop(groupId), done);
  }

  /** All is in memory. */
  limitCache(): void {}

  createSnapshot(groupId: number, meta: SnapshotMeta): SnapshotWriter {
    const group = this.#group(groupId);
    assert(meta.index > (group.snapshot?.index ?? 0), "a snapshot is newer than the one before");
    assert(meta.index <= group.lastIndex && meta.index >= group.firstIndex, "a snapshot ends with an entry of the log");
    assert(meta.term === group.term(meta.index), "a snapshot has the term of the entry that it ends with");
    return this.#snapshots.create(groupId, meta);
  }

  receiveSnapshot(group: number, meta: SnapshotMeta): SnapshotWriter {
    return this.#snapshots.receive(group, meta);
  }

  openSnapshot(group: number): SnapshotReader | undefined {
    return this.#snapshots.open(group);
  }

  compact(group: number, index: LogIndex): void {
    this.#group(group).compact(index);
  }

  /** For the largest group, when half of what may be held is. */
  onSnapshotWanted(handler: (group: number) => void): void {
    this.#onSnapshotWanted = handler;
  }

  flush(): void {
    if (this.#waiting.length === 0 || this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.atEndOfTurn(this.#runDones);
  }

  /** Never called: memory does not fail. */
  onFailure(): void {}

  /** Never called. */
  onDamage(): void {}

  /** Never called. */
  onSnapshotDamage(): void {}

  readonly scrub: undefined = undefined;

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #groups: Map<number, MemoryGroup> = new Map();
  readonly #snapshots = new MemorySnapshots();
  #waiting: (() => void)[] = [];
  #isArmed = false;
  #isClosed = false;
  #onSnapshotWanted: ((group: number) => void) | undefined;
  /** From how many bytes on a snapshot is asked for (again). */
  #wantedBytes: number;

  readonly #runDones = (): void => {
    this.#isArmed = false;
    const dones = this.#waiting;
    this.#waiting = [];
    if (this.#isClosed) return;
    for (const done of dones) done();
    this.#considerSnapshot();
  };

  get #entryBytes(): number {
    let bytes = 0;
    for (const group of this.#groups.values()) bytes += group.sizeBytes;
    return bytes;
  }

  #considerSnapshot(): void {
    const bytes = this.#entryBytes;
    if (bytes < this.#bytesMax / 2) this.#wantedBytes = this.#bytesMax / 2;
    if (bytes < this.#wantedBytes) return;
    this.#wantedBytes = bytes + this.#bytesMax / 16;
    const [largest] = [...this.#groups.values()].sort((a, b) => b.sizeBytes - a.sizeBytes);
    if (largest !== undefined) this.#onSnapshotWanted?.(largest.group);
  }

  #group(id: number): MemoryGroup {
    let group = this.#groups.get(id);
    if (group === undefined) {
      assert(Number.isSafeInteger(id) && id >= 0, "a group id is a whole number from 0");
      group = new MemoryGroup(id, this.#snapshots);
      this.#groups.set(id, group);
    }
    return group;
  }
}

class MemoryGroup implements GroupLog {
  readonly group: number;
  readonly isDamaged = false;
  replica: ReplicaId = 0;
  isEnded = false;

  constructor(group: number, snapshots: MemorySnapshots) {
    this.group = group;
    this.#snapshots = snapshots;
  }

  get snapshot(): StoredSnapshot | undefined {
    return this.#snapshots.get(this.group);
  }

  get sizeBytes(): number {
    return this.#appended.cache.bytes;
  }

  get firstIndex(): LogIndex {
    return this.#appended.firstIndex;
  }

  get lastIndex(): LogIndex {
    return this.#appended.lastIndex;
  }

  get hardState(): HardState {
    return this.#appended.hardState;
  }

  term(index: LogIndex): Term {
    return this.#appended.term(index);
  }

  hasConfiguration(from: LogIndex, to: LogIndex): boolean {
    return this.#appended.terms.hasConfiguration(from, to);
  }

  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] {
    assert(from >= this.firstIndex && to <= this.lastIndex + 1, "entries that are not in the log");
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = from; index < to; index++) {
      const entry = this.#appended.cache.get(index);
      assert(entry !== undefined, "memory holds the whole log");
      bytes += entryDataBytes(entry);
      if (bytes > bytesMax && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  /** All is in memory. */
  setLeading(): void {}

  /** Never called: everything is available. */
  onAvailable(): void {}

  bytesAbove(index: LogIndex): number {
    let bytes = 0;
    for (let at = Math.max(index + 1, this.firstIndex); at <= this.lastIndex; at++) {
      const entry = this.#appended.cache.get(at);
      if (entry !== undefined) bytes += entryDataBytes(entry);
    }
    return bytes;
  }

  append({ snapshot, entries, hardState }: LogRecords): void {
    assert(!this.isEnded, "nothing is appended where no replica is [M-10]");
    if (snapshot !== undefined) this.#appended.reset(snapshot);
    this.#appended.append(entries, hardState);
  }

  compact(index: LogIndex): void {
    if (index < this.firstIndex) return;
    assert(index <= (this.snapshot?.index ?? 0), "a log is compacted behind a durable snapshot [N-1]");
    this.#appended.compactTo(index);
  }

  begin({ replica, isEnd }: ReplicaRecord): void {
    this.replica = replica;
    this.isEnded = isEnd;
    this.#appended = new AppendedLog(new TermRuns(), { term: 0, vote: undefined, commit: 0 });
  }

  readonly #snapshots: MemorySnapshots;
  #appended = new AppendedLog(new TermRuns(), { term: 0, vote: undefined, commit: 0 });
}
