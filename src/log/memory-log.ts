import { assert, type Clock } from "../platform/index.ts";
import type { Entry, HardState, LogIndex, Term } from "../raft/index.ts";
import { AppendedLog, entryDataBytes, type GroupLog } from "./group-log.ts";
import type { LogRecords, NodeLog } from "./node-log.ts";
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

  constructor(options: MemoryLogOptions) {
    this.#clock = options.clock;
    this.#bytesMax = options.bytesMax ?? bytesMaxDefault;
  }

  get isFull(): boolean {
    return this.sizeBytes > this.#bytesMax;
  }

  get sizeBytes(): number {
    let bytes = 0;
    for (const group of this.#groups.values()) bytes += group.sizeBytes;
    return bytes;
  }

  group(group: number): GroupLog {
    return this.#group(group);
  }

  append(group: number, records: LogRecords, done: () => void): void {
    assert(records.snapshot === undefined, "this version of the log stores no snapshots");
    assert(!this.#isClosed, "nothing is appended to a closed log");
    this.#group(group).append(records.entries, records.hardState);
    this.#waiting.push(done);
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
  #waiting: (() => void)[] = [];
  #isArmed = false;
  #isClosed = false;

  readonly #runDones = (): void => {
    this.#isArmed = false;
    const dones = this.#waiting;
    this.#waiting = [];
    if (this.#isClosed) return;
    for (const done of dones) done();
  };

  #group(id: number): MemoryGroup {
    let group = this.#groups.get(id);
    if (group === undefined) {
      assert(Number.isSafeInteger(id) && id > 0, "a group id is a positive whole number");
      group = new MemoryGroup(id);
      this.#groups.set(id, group);
    }
    return group;
  }
}

class MemoryGroup implements GroupLog {
  readonly group: number;
  readonly isDamaged = false;

  constructor(group: number) {
    this.group = group;
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

  /** Never called: everything is available. */
  onAvailable(): void {}

  append(entries: readonly Entry[], hardState: HardState | undefined): void {
    this.#appended.append(entries, hardState);
  }

  readonly #appended = new AppendedLog(new TermRuns(), { term: 0, vote: undefined, commit: 0 });
}
