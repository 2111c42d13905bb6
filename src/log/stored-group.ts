import { assert, type DiskError } from "../platform/index.ts";
import type { Entry, HardState, LogIndex, ReplicaId, Term } from "../raft/index.ts";
import { entryMemoryBytes } from "./entry-cache.ts";
import type { EntryFetcher } from "./entry-fetcher.ts";
import { AppendedLog, entryDataBytes, type GroupLog } from "./group-log.ts";
import type { LogDamagedError } from "./log-errors.ts";
import type { LogRecords } from "./node-log.ts";
import { type BatchPlace, PositionIndex, type PositionRun, type Stretch } from "./position-index.ts";
import type { RecordSet, ReplicaRecord, ReplicaState, SnapshotRecord } from "./record-set.ts";
import type { StoredSnapshot } from "./snapshot.ts";
import { TermRuns } from "./term-runs.ts";

/** What the disk holds of a group, as far as it was synced. */
export interface DurableGroup {
  /** To whom it belongs; 0: not given. */
  replica: ReplicaId;
  /** That one is gone, too: there is nobody here. */
  isEnded: boolean;
  term: Term;
  /** 0: none. */
  vote: number;
  commit: LogIndex;
  lastIndex: LogIndex;
  lastTerm: Term;
  batchCount: number;
  /** The snapshot that the log names; 0: none. */
  snapshotIndex: LogIndex;
  snapshotTerm: Term;
}

export const emptyDurableGroup: Readonly<DurableGroup> = {
  replica: 0,
  isEnded: false,
  term: 0,
  vote: 0,
  commit: 0,
  lastIndex: 0,
  lastTerm: 0,
  batchCount: 0,
  snapshotIndex: 0,
  snapshotTerm: 0,
};

/** A group as recovery found it; what is missing is as in a new group. */
export interface RestoredGroup {
  readonly terms?: TermRuns;
  readonly positions?: PositionIndex;
  readonly durable?: DurableGroup;
  readonly isDamaged: boolean;
}

/** What a group needs of the log around it. */
export interface GroupHost {
  readonly fetcher: EntryFetcher;
  /** Bytes of entries kept in memory per group: the newest, and as many again of those read back. Changes with their number. */
  cacheBytesMax: number;
  snapshot(group: number): StoredSnapshot | undefined;
  /** Stored entries turned out to be damaged; called once. */
  onDamage(error: LogDamagedError): void;
  /** Reading failed for a reason that passes; resolves when it may be tried again. */
  troubled(error: DiskError): Promise<void>;
}

/** What reading back has found. */
export type Verified =
  | { readonly kind: "sound"; readonly nextIndex: LogIndex; readonly bytes: number }
  /** Behind the last durable entry, or the group is damaged or begins anew. */
  | { readonly kind: "end" }
  /** Entries up to `lastIndex` are damaged that a snapshot holds: the log may be cut behind them. */
  | { readonly kind: "spare"; readonly lastIndex: LogIndex }
  /** What had been acknowledged is lost, which the host has been told. */
  | { readonly kind: "damaged" };

/** Entries wanted at once by readers at different places of a group's log; what is beyond is asked for again later. */
const wantedMax = 8;

/**
 * What a replica that does not lead keeps in memory of what a leader does: nobody asks for it but itself, and what lives
 * longer than a few of V8's short collections is freed late.
 */
const followerCachePart = 1 / 4;

/** One group's part of the log on disk: all terms and positions in memory, the newest entries cached, the others read back. */
export class StoredGroup implements GroupLog {
  readonly group: number;
  readonly durable: DurableGroup;
  /** Bookkeeping of {@link BatchBuilder} and {@link RecordQueue}: the batch that the group was last in, and its place there. */
  slotStamp = 0;
  slotPlace = 0;
  queueStamp = 0;
  /** The newest set that is not durable yet, and the newest of those that are no hints. */
  newestSet: RecordSet | undefined;
  newestUrgentSet: RecordSet | undefined;

  constructor(group: number, host: GroupHost, restored: RestoredGroup) {
    this.group = group;
    this.durable = restored.durable ?? { ...emptyDurableGroup };
    this.#host = host;
    this.#positions = restored.positions ?? new PositionIndex();
    this.#replica = this.durable.replica;
    this.#isEnded = this.durable.isEnded;
    this.#isDamaged = restored.isDamaged;
    this.#isDamagedDurably = restored.isDamaged;
    const { term, vote, commit } = this.durable;
    const hardState = { term, vote: vote === 0 ? undefined : vote, commit };
    this.#appended = new AppendedLog(restored.terms ?? new TermRuns(), hardState);
    this.#durableFirstIndex = this.#appended.firstIndex;
  }

  get replica(): ReplicaId {
    return this.#replica;
  }

  get isEnded(): boolean {
    return this.#isEnded;
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

  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  /** For headers: what is damaged remains so until the record by which the group begins anew is durable. */
  get isDamagedDurably(): boolean {
    return this.#isDamagedDurably;
  }

  get snapshot(): StoredSnapshot | undefined {
    return this.#host.snapshot(this.group);
  }

  /** The first entry that is still needed, as far as the disk knows. */
  get durableFirstIndex(): LogIndex {
    return this.#durableFirstIndex;
  }

  /** Whether what comes now would stand behind entries that have to wait for space on a full disk. */
  get mayBeHeldBack(): boolean {
    return this.newestUrgentSet?.isHoldable === true;
  }

  bytesAbove(index: LogIndex): number {
    return this.#positions.dataBytesAbove(index);
  }

  term(index: LogIndex): Term {
    return this.#appended.term(index);
  }

  hasConfiguration(from: LogIndex, to: LogIndex): boolean {
    return this.#appended.terms.hasConfiguration(from, to);
  }

  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | "unavailable" {
    assert(from >= this.firstIndex && to <= this.lastIndex + 1, "entries that are not in the log");
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = from; index < to; index++) {
      const entry = this.#appended.cache.get(index) ?? this.#readBack(index);
      if (entry === undefined) {
        this.#want(index);
        return found.length === 0 ? "unavailable" : found;
      }
      bytes += entryDataBytes(entry);
      if (bytes > bytesMax && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  setLeading(isLeading: boolean): void {
    this.#isLeading = isLeading;
  }

  onAvailable(callback: () => void): void {
    this.#onAvailable = callback;
  }

  /** Takes what was appended; it can be read at once. */
  append({ snapshot, entries, hardState }: LogRecords): void {
    assert(!this.#isBeginning, "a replica appends nothing before its beginning is durable");
    assert(!this.#isEnded, "nothing is appended where no replica is [M-10]");
    if (snapshot !== undefined) {
      this.#appended.reset(snapshot);
      this.#windows.length = 0;
    }
    const first = entries[0]?.index;
    const isRewrite = first !== undefined && first <= this.lastIndex;
    this.#appended.append(entries, hardState);
    if (first === undefined) return;
    this.#unwrittenFirsts.push(first);
    if (isRewrite) this.#forgetReadBack(first);
  }

  /**
   * The group has nothing any more but `state`, and belongs to `replica`, or to nobody. Nothing is appended before that is
   * durable.
   */
  begin({ replica, isEnd }: ReplicaRecord, state?: ReplicaState): void {
    this.#replica = replica;
    this.#isEnded = isEnd;
    this.#isBeginning = true;
    this.#isDamaged = false;
    this.#appended = new AppendedLog(new TermRuns(), { term: 0, vote: undefined, commit: 0 });
    if (state !== undefined) {
      this.#appended.reset(state.snapshot);
      this.#appended.append([], state.hardState);
    }
    this.#windows.length = 0;
    this.#wanted.length = 0;
    this.#onAvailable = undefined;
  }

  /** A record set is durable and ends in the batch at `place`. */
  written(set: RecordSet, place: BatchPlace): void {
    if (this.newestSet === set) this.newestSet = undefined;
    if (this.newestUrgentSet === set) this.newestUrgentSet = undefined;
    if (set.replica !== undefined) this.#beginningWritten(set.replica);
    if (set.snapshot !== undefined) this.#snapshotWritten(set.snapshot);
    if (set.isRestated) this.#restatedWritten(set, place);
    else if (set.entries.length > 0) this.#entriesWritten(set, place);
    if (set.hardState === undefined) return;
    this.durable.term = set.hardState.term;
    this.durable.vote = set.hardState.vote ?? 0;
    this.durable.commit = set.hardState.commit;
  }

  /** Entries up to and including `index`, which a durable snapshot holds, are not needed any more. */
  compact(index: LogIndex): void {
    if (index < this.firstIndex) return;
    assert(index <= (this.snapshot?.index ?? 0), "a log is compacted behind a durable snapshot [N-1]");
    this.#appended.compactTo(index);
    this.#positions.compactTo(index, this.durable.lastIndex);
    this.#durableFirstIndex = index + 1;
  }

  /** The oldest segment that holds an entry of this group which is still needed; undefined: none does. */
  oldestSegment(): number | undefined {
    return this.#positions.oldestSegment();
  }

  /** Bytes, about, that are needed of `segment`; undefined: nothing of it is. */
  bytesIn(segment: number): number | undefined {
    return this.#positions.dataBytesIn(segment);
  }

  /** What is needed of `segment`, and begins within that stretch of it. */
  runsIn(segment: number, stretch: Stretch): readonly PositionRun[] {
    return this.#positions.runsIn(segment, this.durable.lastIndex, stretch);
  }

  /** Whether `entry` is in the log, and the disk has it in `segment`. */
  holds(entry: Entry, segment: number): boolean {
    const { index, term } = entry;
    if (index < this.firstIndex || index > this.lastIndex || this.term(index) !== term) return false;
    const run = this.#positions.find(index, this.durable.lastIndex);
    if (run?.place === undefined) return false;
    return run.place.segment === segment || run.earlierPlaces.some((place) => place.segment === segment);
  }

  /** The entries of a run, if all of them are in memory. */
  atHand({ firstIndex, lastIndex }: PositionRun): readonly Entry[] | undefined {
    const found: Entry[] = [];
    for (let index = firstIndex; index <= lastIndex; index++) {
      const entry = this.#appended.cache.get(index) ?? this.#readBack(index);
      if (entry === undefined) return undefined;
      found.push(entry);
    }
    return found;
  }

  /** A run could not be read back: that is damage, unless it was given up or moved meanwhile. */
  lost(run: PositionRun, error: LogDamagedError): void {
    const index = Math.max(run.firstIndex, this.firstIndex);
    if (index <= run.lastIndex) this.#lost(index, run, error);
  }

  /** Reads back what the disk holds from `from` on, about so many bytes, be it in memory or not. */
  async verifyStored(from: LogIndex, bytesWanted: number): Promise<Verified> {
    const index: LogIndex = Math.max(from, this.#durableFirstIndex);
    if (this.#isDamaged || this.#isBeginning || index > this.durable.lastIndex) return { kind: "end" };
    const before = this.#positions.find(index, this.durable.lastIndex);
    const result = await this.#host.fetcher.fetch(this, this.#positions, index, bytesWanted);
    if ("entries" in result) {
      const lastIndex = Math.max(index, result.entries.at(-1)?.index ?? index);
      return { kind: "sound", nextIndex: lastIndex + 1, bytes: result.readBytes };
    }
    if ("trouble" in result) await this.#host.troubled(result.trouble);
    // While it was being read it may have been given up, or moved.
    else if (this.#isStillAt(index, before)) return this.#verifiedDamage(index, bytesWanted, before, result.damage);
    return { kind: "sound", nextIndex: index, bytes: 0 };
  }

  /** Resolves when nothing is being read any more. */
  async idle(): Promise<void> {
    this.#wanted.length = 0;
    await this.#fetching;
  }

  readonly #host: GroupHost;
  #replica: ReplicaId;
  #isEnded: boolean;
  #appended: AppendedLog;
  readonly #positions: PositionIndex;
  #durableFirstIndex: LogIndex;
  #isDamaged: boolean;
  #isDamagedDurably: boolean;
  /** The record by which the group begins anew is not durable yet. */
  #isBeginning = false;
  #isLeading = false;
  #onAvailable: (() => void) | undefined;
  /** First index of each appended set with entries that is not durable yet. */
  readonly #unwrittenFirsts: LogIndex[] = [];
  /** Stretches of entries read back, the last used at the end. */
  readonly #windows: (readonly Entry[])[] = [];
  readonly #wanted: LogIndex[] = [];
  #fetching: Promise<void> | undefined;

  #beginningWritten({ replica, isEnd }: ReplicaRecord): void {
    assert(this.#unwrittenFirsts.length === 0, "what the replica before appended is written before another one begins");
    Object.assign(this.durable, { ...emptyDurableGroup, batchCount: this.durable.batchCount, replica, isEnded: isEnd });
    this.#positions.clear();
    this.#durableFirstIndex = 1;
    this.#isDamagedDurably = false;
    this.#isBeginning = false;
  }

  #snapshotWritten({ index, term, isReset }: SnapshotRecord): void {
    this.durable.snapshotIndex = index;
    this.durable.snapshotTerm = term;
    if (!isReset) return;
    this.durable.lastIndex = index;
    this.durable.lastTerm = term;
    this.#durableFirstIndex = index + 1;
    this.#positions.clear();
  }

  #entriesWritten(set: RecordSet, place: BatchPlace): void {
    const first = set.entries[0] as Entry;
    const last = set.entries.at(-1) as Entry;
    this.#positions.add(first.index, place, set.earlierPlaces, set.bytes);
    this.durable.lastIndex = last.index;
    this.durable.lastTerm = last.term;
    this.#unwrittenFirsts.shift();
    let safeIndex = this.lastIndex + 1;
    for (const index of this.#unwrittenFirsts) safeIndex = Math.min(safeIndex, index);
    const { cacheBytesMax } = this.#host;
    this.#appended.cache.evict(this.#isLeading ? cacheBytesMax : cacheBytesMax * followerCachePart, safeIndex);
  }

  /** What was compacted since it was restated nobody needs. */
  #restatedWritten(set: RecordSet, place: BatchPlace): void {
    const firstIndex = Math.max((set.entries[0] as Entry).index, this.#durableFirstIndex);
    const lastIndex = Math.min((set.entries.at(-1) as Entry).index, this.durable.lastIndex);
    if (firstIndex > lastIndex) return;
    const moved = { firstIndex, lastIndex, place, earlierPlaces: set.earlierPlaces, dataBytes: set.bytes };
    this.#positions.restate(moved, this.durable.lastIndex);
  }

  #readBack(index: LogIndex): Entry | undefined {
    for (let place = this.#windows.length - 1; place >= 0; place--) {
      const window = this.#windows[place] as readonly Entry[];
      const entry = window[index - (window[0] as Entry).index];
      if (entry === undefined) continue;
      if (place < this.#windows.length - 1) this.#windows.push(...this.#windows.splice(place, 1));
      return entry;
    }
    return undefined;
  }

  #forgetReadBack(from: LogIndex): void {
    for (let place = this.#windows.length - 1; place >= 0; place--) {
      const kept = (this.#windows[place] as readonly Entry[]).filter((entry) => entry.index < from);
      if (kept.length > 0) this.#windows[place] = kept;
      else this.#windows.splice(place, 1);
    }
  }

  #want(index: LogIndex): void {
    if (this.#isDamaged || this.#wanted.includes(index)) return;
    if (this.#wanted.length === wantedMax) this.#wanted.shift();
    this.#wanted.push(index);
    this.#fetching ??= this.#fetchWanted();
  }

  async #fetchWanted(): Promise<void> {
    // The reader that caused this is still in `entries`: what it wants is fetched after it has returned.
    await undefined;
    for (let index = this.#wanted[0]; index !== undefined; index = this.#wanted[0]) {
      if (this.#isOnDisk(index) && this.#readBack(index) === undefined) {
        const before = this.#positions.find(index, this.durable.lastIndex);
        const result = await this.#host.fetcher.fetch(this, this.#positions, index);
        if ("entries" in result) this.#keep(result.entries);
        else if ("damage" in result) this.#lost(index, before, result.damage);
        else await this.#host.troubled(result.trouble);
      }
      const place = this.#wanted.indexOf(index);
      if (place !== -1) this.#wanted.splice(place, 1);
      if (this.#wanted.length === 0 || this.#isDamaged) break;
      this.#onAvailable?.();
    }
    this.#fetching = undefined;
    this.#onAvailable?.();
  }

  #isOnDisk(index: LogIndex): boolean {
    return index >= this.firstIndex && index < this.#appended.cache.firstIndex;
  }

  /** While it was being read the entry may have been given up, or moved: then nothing is damaged. */
  #lost(index: LogIndex, before: PositionRun | undefined, error: LogDamagedError): void {
    if (this.#isOnDisk(index) && this.#isStillAt(index, before)) this.#damaged(error);
  }

  async #verifiedDamage(
    index: LogIndex,
    bytesWanted: number,
    run: PositionRun | undefined,
    damage: LogDamagedError,
  ): Promise<Verified> {
    // Which of the batches that were read together it is, each tells by itself.
    if (bytesWanted > 1) return this.verifyStored(index, 1);
    // A snapshot stands for what it holds: nothing is lost with entries that were only kept for others.
    const lastIndex = run?.lastIndex ?? index;
    if (lastIndex <= (this.snapshot?.index ?? 0)) return { kind: "spare", lastIndex };
    this.#damaged(damage);
    return { kind: "damaged" };
  }

  #isStillAt(index: LogIndex, before: PositionRun | undefined): boolean {
    if (this.#isDamaged || index < this.#durableFirstIndex) return false;
    const now = this.#positions.find(index, this.durable.lastIndex);
    return now?.place?.segment === before?.place?.segment && now?.place?.offset === before?.place?.offset;
  }

  #damaged(error: LogDamagedError): void {
    this.#isDamaged = true;
    this.#isDamagedDurably = true;
    this.#wanted.length = 0;
    this.#host.onDamage(error);
  }

  /** While the entries were being read the log may have been cut and rewritten: only those that still are in it count. */
  #keep(entries: readonly Entry[]): void {
    const valid = entries.filter((entry) => this.#isOnDisk(entry.index) && this.term(entry.index) === entry.term);
    if (valid.length === 0) return;
    this.#windows.push(valid);
    let bytes = 0;
    for (let place = this.#windows.length - 1; place >= 0; place--) {
      for (const entry of this.#windows[place] as readonly Entry[]) bytes += entryMemoryBytes(entry);
      if (bytes > this.#host.cacheBytesMax && place < this.#windows.length - 1) {
        this.#windows.splice(0, place + 1);
        return;
      }
    }
  }
}
