/**
 * Reads that wait for a proof of leadership (CONSENSUS ). All that come until the core is asked form one
 * *round*, which takes one confirmation; while `roundsMax` of them are under way the next one collects.
 *
 * A read whose connection has a write under way that was proposed *before* the read came cannot simply take its place
 * in that write's batch: the proof that this batch is committed may be older than the read, and another leader may have
 * acknowledged something in between. It waits for a confirmation like any other, and for the index of that write
 * besides; such reads form a queue of their own, so that others need not wait for a sync. A connection stays in it as
 * long as it has a read there, which keeps its reads in order.
 */
import { type CommandSpec, type Keyspace, keysAheadMax } from "../../keyspace/index.ts";
import { assert } from "../../platform/index.ts";
import type { LogIndex } from "../../raft/index.ts";
import type { Arguments } from "../../resp/index.ts";
import type { Lane } from "./lane.ts";
import { ReadBatch } from "./read-batch.ts";
import type { WaveMember } from "./waves.ts";

/** Batches that are kept to be used again. */
const spareMax = 8;

class Round {
  readonly context: number;
  readonly plain: ReadBatch;
  readonly behind: ReadBatch;
  /** What has to be applied before its reads are served; undefined until leadership is confirmed. */
  index: LogIndex | undefined;

  constructor(context: number, plain: ReadBatch, behind: ReadBatch) {
    this.context = context;
    this.plain = plain;
    this.behind = behind;
  }

  get length(): number {
    return this.plain.length + this.behind.length;
  }
}

/** Does what is to be done with one read. Its place has been emptied. */
export type ReadVisitor = (batch: ReadBatch, at: number, lane: Lane) => void;

/** Is told before the read at `at`, and every so often again, that all from there on are visited now. */
export type ReadPreparer = (batch: ReadBatch, at: number) => void;

export class ReadRounds {
  constructor(roundsMax: number, wave: WaveMember) {
    this.#roundsMax = roundsMax;
    this.#wave = wave;
    this.#open = this.#newRound();
  }

  /** Reads that wait. */
  get count(): number {
    return this.#count;
  }

  /** Their bytes, as far as they are in rounds that are not asked for yet: the others are few. */
  get byteLength(): number {
    return this.#open.plain.byteLength + this.#open.behind.byteLength;
  }

  /** The context of the oldest round that was asked for and is not confirmed; undefined if there is none. */
  get oldestUnconfirmed(): number | undefined {
    if (this.#askedCount === 0) return undefined;
    return this.#plain.find((round) => round.index === undefined)?.context;
  }

  /** Whether the core should be asked now. */
  get isWanted(): boolean {
    return this.#open.length > 0 && this.#askedCount < this.#roundsMax && this.#wave.mayLeave();
  }

  add(lane: Lane, ticket: number, spec: CommandSpec<Keyspace>, args: Arguments, nowMs: number): void {
    const written = lane.lastBatch;
    assert(written === undefined || written.isProposed, "a read behind an open batch takes its place there");
    const isBehind = written !== undefined || lane.isReadingBehind;
    const batch = isBehind ? this.#open.behind : this.#open.plain;
    if (batch.length === 0) batch.openedMs = nowMs;
    if (written !== undefined && written.index > batch.minimumIndex) batch.minimumIndex = written.index;
    if (lane.queuedReadCount++ === 0) {
      lane.firstReadBatch = batch;
      lane.firstReadAt = batch.length;
      lane.isReadingBehind = isBehind;
    }
    batch.add(lane, ticket, spec, args);
    this.#count++;
  }

  /** The core is asked with the context that this returns. */
  ask(): number {
    const round = this.#open;
    this.#plain.push(round);
    this.#behind.push(round);
    this.#askedCount++;
    this.#wave.left();
    this.#open = this.#newRound();
    return round.context;
  }

  /** Leadership was confirmed after the round of this context had been asked for. */
  confirmed(context: number, index: LogIndex): void {
    for (const round of this.#plain) if (round.context === context) this.#confirm(round, index);
  }

  /** The writes that are under way up to `index` have been answered as uncertain: reads behind them wait for them no longer. */
  release(index: LogIndex): void {
    this.#releasedIndex = index;
  }

  /** Shows the reads that can be served now, each once, in order. `visit` may add reads and take others out. */
  serve(appliedIndex: LogIndex, visit: ReadVisitor, prepare?: ReadPreparer): void {
    for (let round = this.#plain[0]; round !== undefined; round = this.#plain[0]) {
      if (round.index === undefined || appliedIndex < round.index) break;
      this.#serveAll(round.plain, visit, prepare);
      this.#plain.shift();
    }
    for (let round = this.#behind[0]; round !== undefined; round = this.#behind[0]) {
      if (round.index === undefined || appliedIndex < round.index) break;
      if (Math.max(appliedIndex, this.#releasedIndex) < round.behind.minimumIndex) break;
      this.#serveAll(round.behind, visit, prepare);
      this.#behind.shift();
    }
  }

  /** Takes the reads of one lane out, in order. */
  takeOut(lane: Lane, visit: ReadVisitor): void {
    const kind = lane.isReadingBehind ? "behind" : "plain";
    const rounds = kind === "behind" ? this.#behind : this.#plain;
    let round = 0;
    let at = 0;
    if (lane.firstReadBatch !== undefined) {
      while (round < rounds.length && rounds[round]?.[kind] !== lane.firstReadBatch) round++;
      at = lane.firstReadAt;
    }
    for (; lane.queuedReadCount > 0; round++) {
      const batch = (rounds[round] ?? this.#open)[kind];
      assert(round <= rounds.length, "a lane counts reads that are nowhere");
      for (; at < batch.length && lane.queuedReadCount > 0; at++) {
        if (batch.lanes[at] === lane) this.#visit(batch, at, lane, visit);
      }
      at = 0;
    }
  }

  /** Leadership was lost: shows all reads, in order for each lane, and forgets them. */
  takeAll(visit: ReadVisitor): void {
    const rounds = [...this.#behind.filter((round) => !this.#plain.includes(round)), ...this.#plain, this.#open];
    for (const round of rounds) {
      this.#visitAll(round.plain, visit);
      this.#visitAll(round.behind, visit);
    }
    this.#plain.length = 0;
    this.#behind.length = 0;
    this.#askedCount = 0;
    this.#wave.forgotten();
    this.#releasedIndex = 0;
    this.#open = this.#newRound();
    assert(this.#count === 0, "reads are left over");
  }

  readonly #roundsMax: number;
  /** The node's other groups, with which rounds leave. */
  readonly #wave: WaveMember;
  #open: Round;
  /** Rounds that were asked for and whose plain reads, or reads behind writes, are not served yet. */
  readonly #plain: Round[] = [];
  readonly #behind: Round[] = [];
  /** Emptied, with their memory, for rounds to come. */
  readonly #spare: ReadBatch[] = [];
  #askedCount = 0;
  #lastContext = 0;
  #releasedIndex: LogIndex = 0;
  #count = 0;

  #newRound(): Round {
    return new Round(++this.#lastContext, this.#spare.pop() ?? new ReadBatch(), this.#spare.pop() ?? new ReadBatch());
  }

  #serveAll(batch: ReadBatch, visit: ReadVisitor, prepare: ReadPreparer | undefined): void {
    for (let at = 0; at < batch.length; at++) {
      if (at % keysAheadMax === 0) prepare?.(batch, at);
      const lane = batch.lanes[at];
      if (lane !== undefined) this.#visit(batch, at, lane, visit);
    }
    batch.clear();
    if (this.#spare.length < spareMax) this.#spare.push(batch);
  }

  #confirm(round: Round, index: LogIndex): void {
    if (round.index !== undefined) return;
    round.index = index;
    this.#askedCount--;
    this.#wave.arrived();
  }

  #visitAll(batch: ReadBatch, visit: ReadVisitor): void {
    for (let at = 0; at < batch.length; at++) {
      const lane = batch.lanes[at];
      if (lane !== undefined) this.#visit(batch, at, lane, visit);
    }
  }

  #visit(batch: ReadBatch, at: number, lane: Lane, visit: ReadVisitor): void {
    batch.lanes[at] = undefined;
    this.#count--;
    if (--lane.queuedReadCount === 0) {
      lane.firstReadBatch = undefined;
      lane.isReadingBehind = false;
    } else if (lane.firstReadBatch === batch) {
      // The batch will be used again; the lane's other reads are looked for from the beginning.
      lane.firstReadBatch = undefined;
    }
    visit(batch, at, lane);
  }
}
