/**
 * The replicated state of a shard and the rules by which entries change it. Every replica that applies the same entries
 * holds the same state and gave the same replies, whatever its settings, its memory or its clock: nothing here reads
 * anything but the state and the entry.
 *
 * ```
 *   host                          keyspace                    commands
 *   beginEntry(index, header) →   clock, revision, random
 *   execute(spec, args)       →   ─────────────────────────→  find · add · replace · remove · …
 *   endEntry()                →   frees due keys
 * ```
 *
 * For commands the keyspace has a *place*: `find` goes to a key, and what is called next works there. A key whose
 * deadline has come is absent for them all, though its memory may be freed some entries later.
 */
import { assert } from "../platform/index.ts";
import type { Arguments, Reply } from "../resp/index.ts";
import { type CommandSpec, hasArity, isWrite } from "./command.ts";
import { checkCommandLevel } from "./command-level.ts";
import { wrongArity } from "./command-table.ts";
import { type Deadline, DeadlineIndex } from "./deadline-index.ts";
import { digestOf } from "./digest.ts";
import { type DueKeyMet, dueKeyMet } from "./due-key-met.ts";
import type { EntryHeader } from "./entry.ts";
import { type EntryRandom, KeyspaceRandom } from "./entry-random.ts";
import type { KeyPosition } from "./key-hash.ts";
import { deadlineIdOf, type KeyMeta, metaOfDeadline } from "./key-leaf.ts";
import type { KeyRecord } from "./key-record.ts";
import { KeyTable, type KeyWalk } from "./key-table.ts";
import type { KeysAhead } from "./keys-ahead.ts";
import { emptyContents, type KeyspaceContents, type KeyspaceHeader } from "./keyspace-contents.ts";
import type { KeyspaceOptions } from "./keyspace-options.ts";
import { KeyspaceStatistics } from "./keyspace-statistics.ts";
import { RevisionTimes } from "./revision-times.ts";
import { checkSemanticsLevel, semanticsLevelMax } from "./semantics.ts";
import type { SessionTable } from "./session-table.ts";
import { KeyspaceSnapshot, type SnapshotOptions } from "./snapshot.ts";
import { cloneOf, deadlineBytes, logicalBytes, type Value, valueBytes } from "./value.ts";

/** How many due keys one entry frees at most, so that no entry takes long. */
export const freedKeysMax = 1_000;

/** What stands at the place. */
const absent = 0;
const due = 1;
const live = 2;

export class Keyspace {
  readonly statistics: KeyspaceStatistics;
  /** Of clients that number their commands. They are part of the state, and no keys: `clear` leaves them. */
  readonly sessions: SessionTable;
  #appliedIndex: number;
  #clockMs: number;
  #semanticsLevel: number;
  #logicalBytes: number;
  #table: KeyTable;
  #deadlines: DeadlineIndex;
  #snapshot: KeyspaceSnapshot | undefined;
  readonly #times = new RevisionTimes();
  readonly #semanticsLevelMax: number;

  #isInEntry = false;
  /** Whether the command under way may change anything. */
  #isWriting = false;
  #place: typeof absent | typeof due | typeof live = absent;
  #isChangeTold = false;
  /** What deadlines are held against: the clock, or a later time during a read. */
  #nowMs = 0;
  #hasMetDueKey = false;
  #revision = 0;
  readonly #random = new KeyspaceRandom();

  /**
   * Empty; or with `contents`, which it takes over (a `KeyspaceLoader` makes them).
   *
   * @throws SemanticsLevelError (SEMANTICS_LEVEL_UNKNOWN)
   */
  constructor(options: KeyspaceOptions = {}, contents: KeyspaceContents = emptyContents()) {
    this.#semanticsLevelMax = options.semanticsLevelMax ?? semanticsLevelMax;
    checkSemanticsLevel(contents.header.semanticsLevel, this.#semanticsLevelMax);
    this.#appliedIndex = contents.header.appliedIndex;
    this.#clockMs = contents.header.clockMs;
    this.#semanticsLevel = contents.header.semanticsLevel;
    this.#logicalBytes = contents.logicalBytes;
    this.#table = contents.table;
    this.#deadlines = contents.deadlines;
    this.sessions = contents.sessions;
    this.statistics = options.statistics ?? new KeyspaceStatistics();
  }

  // ── For the host ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** The index of the last entry that was applied, 0 before the first. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** The replicated clock: the latest time that an entry carried, milliseconds since the Unix epoch. */
  get clockMs(): number {
    return this.#clockMs;
  }

  get semanticsLevel(): number {
    return this.#semanticsLevel;
  }

  /** The weight of all keys, due ones that are not freed yet included (see `logicalBytes` in value.ts). */
  get logicalBytes(): number {
    return this.#logicalBytes;
  }

  /** Keys that are not due. */
  get keyCount(): number {
    return this.#table.keyCount - this.#deadlines.countUntil(this.#clockMs);
  }

  /** Keys with a deadline that is not due. */
  get deadlineCount(): number {
    return this.#deadlines.count - this.#deadlines.countUntil(this.#clockMs);
  }

  /** When the next key falls due, or has fallen due without being freed yet; undefined if no key has a deadline. */
  nextDeadlineMs(): number | undefined {
    return this.#deadlines.count === 0 ? undefined : this.#deadlines.earliestMs;
  }

  /** Begins to apply the entry at `index`. A time before the clock leaves the clock as it is. */
  beginEntry(index: number, header: EntryHeader): void {
    assert(!this.#isInEntry, "an entry begins within another one");
    assert(index > this.#appliedIndex, "an entry is applied twice");
    this.#isInEntry = true;
    this.#revision = index;
    if (header.timeMs > this.#clockMs) this.#clockMs = header.timeMs;
    this.#random.seed(header.seedLow, header.seedHigh);
  }

  /**
   * Runs a command at this point of the entry: one of the entry's own, or a read that takes its place here. What it
   * throws is no reply: the replica must stop.
   */
  execute(spec: CommandSpec<Keyspace>, args: Arguments): Reply {
    assert(this.#isInEntry, "a command is executed outside an entry");
    checkCommandLevel(spec, this.#semanticsLevel);
    this.#isWriting = isWrite(spec);
    this.#nowMs = this.#clockMs;
    return this.#run(spec, args);
  }

  /** Advice: commands with these keys come next. Whoever gives it clears `keys` before their bytes change. */
  readAhead(keys: KeysAhead): void {
    this.#table.readAhead(keys);
  }

  /** Advice: whether many new keys are to come before anybody reads. `clear` ends it. */
  gather(isGathering: boolean): void {
    this.#table.gather(isGathering);
  }

  /** Ends the entry: frees up to {@link freedKeysMax} due keys, in the order of their deadlines, and idle sessions. */
  endEntry(): void {
    assert(this.#isInEntry, "an entry ends that has not begun");
    if (this.#deadlines.earliestMs <= this.#clockMs) this.#freeDueKeys();
    if (this.sessions.earliestMs <= this.#clockMs) this.sessions.freeIdle(this.#clockMs);
    this.#times.note(this.#revision, this.#clockMs);
    this.#appliedIndex = this.#revision;
    this.#isInEntry = false;
    this.#isWriting = false;
  }

  /** Counts an entry as applied that does not concern the keyspace: Raft's empty ones, changes of configuration. */
  skipEntry(index: number): void {
    assert(!this.#isInEntry && index > this.#appliedIndex, "an entry is applied twice");
    this.#appliedIndex = index;
  }

  /**
   * Runs a read between entries, as of `nowMs` (the leader's entry time as of now). Changes nothing. Answers
   * {@link dueKeyMet} if it depends on a key whose deadline lies after the clock but not after `nowMs`.
   */
  read(spec: CommandSpec<Keyspace>, args: Arguments, nowMs: number): Reply | DueKeyMet {
    assert(!this.#isInEntry, "a read between entries comes within one");
    this.#isWriting = false;
    this.#nowMs = Math.max(nowMs, this.#clockMs);
    this.#hasMetDueKey = false;
    const { hitCount, missCount } = this.statistics;
    const reply = this.#run(spec, args);
    if (!this.#hasMetDueKey) return reply;
    // What will be run again is counted then.
    this.statistics.hitCount = hitCount;
    this.statistics.missCount = missCount;
    return dueKeyMet;
  }

  /** The digest of the whole replicated state: equal on all replicas at one index (digest.ts). */
  checksum(): string {
    return digestOf(this).digest;
  }

  header(): KeyspaceHeader {
    return { appliedIndex: this.#appliedIndex, clockMs: this.#clockMs, semanticsLevel: this.#semanticsLevel };
  }

  /** Begins a snapshot of the state as it is now, between two entries. At most one lives; whoever begins it closes it. */
  beginSnapshot(options: SnapshotOptions): KeyspaceSnapshot {
    assert(!this.#isInEntry, "a snapshot begins within an entry");
    assert(this.#snapshot === undefined, "a snapshot begins while another one lives");
    const snapshot = new KeyspaceSnapshot(options, {
      header: this.header(),
      table: this.#table,
      deadlines: this.#deadlines,
      sessions: this.sessions.freeze(),
      ended: () => {
        if (this.#snapshot === snapshot) this.#snapshot = undefined;
      },
    });
    this.#snapshot = snapshot;
    return snapshot;
  }

  /** All keys from `position` on in their logical order, due ones included. */
  walk(position: KeyPosition = 0): KeyWalk {
    return this.#table.walk(position);
  }

  /** The key that a walk stands at. The value is the keyspace's own: whoever keeps it takes a clone. */
  record(walk: KeyWalk): KeyRecord {
    const { key, value, meta } = walk;
    return { key, value, deadline: this.#deadlineOf(meta), revision: this.#revisionOf(meta) };
  }

  // ── For commands ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** The present time to a command: the clock, or the time of the read. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The index of the entry that is being applied. */
  get entryIndex(): number {
    return this.#revision;
  }

  /** Random numbers: in a write those of its entry, the same on all replicas (see `KeyspaceRandom`). */
  get random(): EntryRandom {
    return this.#isWriting ? this.#random.forWrite : this.#random.forRead;
  }

  /** Goes to the key that is word `word` and gives its value; undefined if it is absent or due. */
  find(args: Arguments, word: number): Value | undefined {
    const table = this.#table;
    if (!table.find(args, word)) {
      this.#place = absent;
      return undefined;
    }
    const meta = table.meta;
    if (meta < 0 && this.#isDue(meta)) {
      this.#place = due;
      return undefined;
    }
    this.#place = live;
    return table.value;
  }

  /** The same for a command that wants to read the value: counted as Redis counts it. */
  lookUp(args: Arguments, word: number): Value | undefined {
    const value = this.find(args, word);
    if (value === undefined) this.statistics.missCount++;
    else this.statistics.hitCount++;
    return value;
  }

  /** Adds a key, without a deadline, where `find` has just found none. It is then the key at the place. */
  add(key: string, value: Value): void {
    assert(this.#isWriting, "a read adds a key");
    assert(this.#place !== live, "a key is added that is there already");
    if (this.#place === absent) {
      this.#table.insert(key, value, this.#revision);
      this.#logicalBytes += logicalBytes(key, value);
      this.#place = live;
    } else {
      this.statistics.expiredCount++;
      this.#keepForSnapshot();
      this.#touch();
      this.#dropDeadline();
      this.#place = live;
      this.replace(value);
    }
  }

  /** Gives the found key another value. Its deadline stays. */
  replace(value: Value): void {
    assert(this.#isWriting && this.#place === live, "a value is replaced that was not found");
    this.#keepForSnapshot();
    const table = this.#table;
    this.#logicalBytes += valueBytes(value) - valueBytes(table.value);
    table.value = value;
    this.#touch();
  }

  /** Says that the found key's value is about to be changed in place; `changed` follows. */
  willChange(): void {
    assert(this.#isWriting && this.#place === live, "a value is changed that was not found");
    this.#keepForSnapshot();
    this.#isChangeTold = true;
  }

  /** Says that the found key's value was changed in place, as `willChange` told, and now weighs `growthBytes` more. */
  changed(growthBytes: number): void {
    assert(this.#isChangeTold, "a value is changed that nobody told of before");
    this.#isChangeTold = false;
    this.#logicalBytes += growthBytes;
    this.#touch();
  }

  /** Removes the found key. */
  remove(): void {
    assert(this.#isWriting && this.#place === live, "a key is removed that was not found");
    this.#removeHere();
    this.#place = absent;
  }

  /**
   * Sets the key that is word `word`, whatever it held, with `deadline` or with none: what `SET` does. A deadline that
   * has come already removes the key.
   */
  set(args: Arguments, word: number, value: Value, deadline?: Deadline): void {
    if (this.find(args, word) === undefined) this.add(args.text(word), value);
    else this.replace(value);
    if (deadline !== undefined) this.expireAt(deadline);
    else this.#dropDeadline();
  }

  /** When the found key is due; undefined if never. */
  get deadline(): Deadline | undefined {
    assert(this.#place === live, "a deadline is asked of a key that was not found");
    return this.#deadlineOf(this.#table.meta);
  }

  /** Gives the found key a deadline. One that has come already removes the key. */
  expireAt(deadline: Deadline): void {
    assert(this.#isWriting && this.#place === live, "a deadline is given to a key that was not found");
    if (deadline <= this.#clockMs) {
      this.remove();
      return;
    }
    this.#keepForSnapshot();
    this.#touch();
    const meta = this.#table.meta;
    if (meta < 0) this.#deadlines.move(deadlineIdOf(meta), this.#table.hash, deadline);
    else this.#addDeadline(deadline);
  }

  /** Takes the found key's deadline away; false if it had none. */
  persist(): boolean {
    assert(this.#isWriting && this.#place === live, "a deadline is taken from a key that was not found");
    if (this.#table.meta >= 0) return false;
    this.#keepForSnapshot();
    this.#dropDeadline();
    this.#touch();
    return true;
  }

  /** Removes all keys. */
  clear(): void {
    assert(this.#isWriting, "a read clears the keyspace");
    // The snapshot goes on with what it has: the old table, which nobody changes any more.
    this.#snapshot?.takeOver(this.#logicalBytes);
    this.#table = new KeyTable();
    this.#deadlines = new DeadlineIndex();
    this.#logicalBytes = 0;
    this.#place = absent;
  }

  /** The index of the last entry that changed the found key. */
  get revision(): number {
    assert(this.#place === live, "a revision is asked of a key that was not found");
    return this.#revisionOf(this.#table.meta);
  }

  /** Whole seconds since the found key was changed, as far as this replica remembers. Reads change nothing. */
  get idleSeconds(): number {
    const changedMs = this.#times.timeOf(this.revision) ?? this.#nowMs;
    return Math.max(0, Math.floor((this.#nowMs - changedMs) / 1_000));
  }

  /**
   * For commands over all keys: true if a key has fallen due since the clock was last advanced. The command's answer is
   * then of no use and it ends at once; it will be run again.
   */
  meetsDueKey(): boolean {
    if (this.#deadlines.earliestMs > this.#nowMs || this.#nowMs === this.#clockMs) return false;
    if (this.#deadlines.countUntil(this.#nowMs) === this.#deadlines.countUntil(this.#clockMs)) return false;
    this.#hasMetDueKey = true;
    return true;
  }

  /** Whether the key that a walk stands at is not due. */
  isLive(walk: KeyWalk): boolean {
    return walk.meta >= 0 || !this.#isDue(walk.meta);
  }

  /** The key that `number` others, due ones included, stand before in the logical order. There must be more than that. */
  nth(number: number): KeyWalk {
    return this.#table.nth(number);
  }

  /** Due keys included. */
  get heldKeyCount(): number {
    return this.#table.keyCount;
  }

  /**
   * Raises the semantics level; a level at or below the present one changes nothing.
   *
   * @throws SemanticsLevelError (SEMANTICS_LEVEL_UNKNOWN)
   */
  raiseSemanticsLevel(level: number): void {
    assert(this.#isWriting, "a read raises the semantics level");
    checkSemanticsLevel(level, this.#semanticsLevelMax);
    if (level > this.#semanticsLevel) this.#semanticsLevel = level;
  }

  #run(spec: CommandSpec<Keyspace>, args: Arguments): Reply {
    assert(spec.execute !== undefined, "a container of subcommands is executed");
    return hasArity(spec, args.count) ? spec.execute(this, args) : wrongArity(spec.name);
  }

  /** Of a key that has a deadline. */
  #isDue(meta: KeyMeta): boolean {
    const deadlineMs = this.#deadlines.deadlineMs(deadlineIdOf(meta));
    if (deadlineMs > this.#nowMs) return false;
    if (deadlineMs > this.#clockMs) this.#hasMetDueKey = true;
    return true;
  }

  #deadlineOf(meta: KeyMeta): Deadline | undefined {
    return meta < 0 ? this.#deadlines.exactDeadline(deadlineIdOf(meta)) : undefined;
  }

  #revisionOf(meta: KeyMeta): number {
    return meta < 0 ? this.#deadlines.revision(deadlineIdOf(meta)) : meta;
  }

  /** Before each change of the key at the place: a snapshot that needs it as it is keeps a copy. */
  #keepForSnapshot(): void {
    if (this.#snapshot !== undefined) this.#keepFor(this.#snapshot);
  }

  #keepFor(snapshot: KeyspaceSnapshot): void {
    const { position, key, value, meta } = this.#table;
    const revision = this.#revisionOf(meta);
    // A key that changed since the snapshot began was kept then, or was not there.
    if (revision > snapshot.header.appliedIndex || snapshot.hasPassed(position, key)) return;
    snapshot.keep(position, { key, value: cloneOf(value), deadline: this.#deadlineOf(meta), revision });
  }

  /** Notes that this entry has changed the key at the place. */
  #touch(): void {
    const meta = this.#table.meta;
    if (meta < 0) this.#deadlines.setRevision(deadlineIdOf(meta), this.#revision);
    else this.#table.meta = this.#revision;
  }

  #addDeadline(deadline: Deadline): void {
    const table = this.#table;
    const id = this.#deadlines.add(table.key, table.hash, deadline);
    this.#deadlines.setRevision(id, table.meta);
    table.meta = metaOfDeadline(id);
    this.#logicalBytes += deadlineBytes;
  }

  /** Takes the deadline of the key at the place, if it has one, out of the index. */
  #dropDeadline(): void {
    const meta = this.#table.meta;
    if (meta >= 0) return;
    const id = deadlineIdOf(meta);
    this.#table.meta = this.#deadlines.revision(id);
    this.#deadlines.remove(id);
    this.#logicalBytes -= deadlineBytes;
  }

  #removeHere(): void {
    this.#keepForSnapshot();
    this.#dropDeadline();
    this.#logicalBytes -= logicalBytes(this.#table.key, this.#table.value);
    this.#table.remove();
  }

  #freeDueKeys(): void {
    for (let freed = 0; freed < freedKeysMax && this.#deadlines.earliestMs <= this.#clockMs; freed++) {
      const isFound = this.#table.findText(this.#deadlines.earliestKey);
      assert(isFound, "the deadline index names a key that is not there");
      this.statistics.expiredCount++;
      this.#removeHere();
    }
    this.#place = absent;
  }
}
