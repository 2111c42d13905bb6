/**
 * The commands of clients that wait at a replica that leads: writes on their way into the log, reads that wait for a
 * proof of leadership, proposals whose fate is open since leadership was lost, and `WAIT`s.
 */
import {
  type CommandSpec,
  DueKeyMet,
  entryCommandTable,
  hasArity,
  isWrite,
  KeysAhead,
  type Keyspace,
  levelRefusal,
  onlyFrees,
  sessionCommand,
  wrongArity,
} from "../../keyspace/index.ts";
import { assert, type Clock, mark, type Random } from "../../platform/index.ts";
import type { LogIndex, Proposed, RaftCore, Term } from "../../raft/index.ts";
import { Arguments, type ErrorReply } from "../../resp/index.ts";
import { behindUndecided, commandTooLarge, diskFull, levelUnknown, tooManyWaiting } from "../errors.ts";
import type { DiskSpace } from "../peers/disk-space.ts";
import type { NodeSettings } from "../settings.ts";
import type { Batch } from "./batch.ts";
import { failUncertain, failUnproposed, giveBack } from "./batch-fate.ts";
import type { Lane } from "./lane.ts";
import { Orphans } from "./orphans.ts";
import { ReadPatience } from "./read-patience.ts";
import { type ReadPreparer, ReadRounds, type ReadVisitor } from "./read-rounds.ts";
import { Stall } from "./stall.ts";
import type { WaveMembers } from "./waves.ts";
import { packWords, wordsBytes } from "./words.ts";
import { WriteQueue } from "./write-queue.ts";
import { WriteWaits, waitSpec } from "./write-waits.ts";

export interface ReplicaCommandsOptions extends WaveMembers {
  readonly core: RaftCore;
  /** The present one: a snapshot replaces it. */
  readonly keyspace: () => Keyspace;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: NodeSettings;
  /** The time for an entry proposed now; undefined while nobody can vouch for the clock. */
  readonly entryTimeMs: () => number | undefined;
  readonly group: number;
  readonly space: Pick<DiskSpace, "lacksSpace" | "roomForFreeingBytes">;
  /** There is something to propose that no client has sent. */
  readonly onProposal: () => void;
}

export class ReplicaCommands {
  constructor(options: ReplicaCommandsOptions) {
    const { core, clock, random, settings, entryTimeMs } = options;
    this.#options = options;
    this.#keyspace = options.keyspace();
    const propose = (data: Uint8Array): Proposed => core.propose(data);
    this.#writes = new WriteQueue({ clock, random, settings, entryTimeMs, propose, wave: options.writeWave });
    this.#reads = new ReadRounds(settings.readRoundsInFlightMax, options.readWave);
    this.#patience = new ReadPatience(clock, settings.readPatienceMs, {
      oldestRound: () => this.#reads.oldestUnconfirmed,
      askEverybody: () => {
        this.#asksEverybody = true;
        this.#options.onProposal();
      },
    });
    this.#orphans = new Orphans(clock, settings.resolveWaitMs);
    this.#waits = new WriteWaits(clock);
  }

  /** Whether streams should hold back. */
  get isBusy(): boolean {
    const { queuedBytesMax, queuedCommandsMax } = this.#options.settings;
    return this.#waitingCount > queuedCommandsMax || this.#waitingBytes > queuedBytesMax;
  }

  /** Whether nothing that clients wait for is under way. */
  get isIdle(): boolean {
    return this.#writes.isEmpty && this.#writes.isAnswered && this.#reads.count === 0 && this.#orphans.isEmpty;
  }

  /** Whether `propose` could do something now. */
  get canPropose(): boolean {
    return this.#writes.canPropose;
  }

  /** Whether the core is to be asked for a confirmation. */
  get wantsRead(): boolean {
    return this.#reads.isWanted;
  }

  /** Copies what it needs of `args` before it returns, and answers the ticket once; maybe at once. */
  submit(lane: Lane, ticket: number, spec: CommandSpec<Keyspace>, args: Arguments): void {
    assert(!lane.isBehindLarge, "a command overtakes a large one of its lane");
    const refusal = this.#refusal(spec, args);
    if (refusal !== undefined) lane.answer(ticket, refusal);
    else if (spec === waitSpec) this.#waits.add(lane, ticket, args);
    else if (spec === sessionCommand.spec) this.#writeInSession(lane, ticket, args);
    else if (isWrite(spec)) this.#write(lane, ticket, args, spec.onlyFrees === true);
    else this.#read(lane, ticket, spec, args);
  }

  /** A command of the node itself. */
  addOwn(lane: Lane, args: Arguments): void {
    const spec = entryCommandTable.resolve(args);
    assert(spec !== undefined && this.#levelRefusal(spec) === undefined, "the node proposes what not all nodes know");
    this.#writes.openBatch().add(lane, 0, args, false);
  }

  /** Keys fall due whether or not anybody looks at them: an entry, with commands or without, advances the replicated clock. */
  advanceClock(): void {
    const { core, keyspace, entryTimeMs } = this.#options;
    const dueMs = keyspace().nextDeadlineMs();
    // On a full disk the entry would wait for space, and votes behind it.
    if (dueMs === undefined || !core.hasCommittedInTerm || this.#lacksSpace) return;
    const nowMs = entryTimeMs();
    if (nowMs !== undefined && dueMs <= nowMs) this.#writes.openBatch().isForced = true;
  }

  /** What has collected goes on its way: once a turn, while this replica leads. */
  propose(): void {
    if (!this.#lacksSpace) this.#writes.propose();
    else if (!this.#writes.proposeFreeing(this.#options.space.roomForFreeingBytes)) this.#refuseQueued();
    if (this.#asksEverybody) this.#options.core.askEverybody();
    this.#asksEverybody = false;
    if (!this.#reads.isWanted) return;
    this.#options.core.readIndex(this.#reads.ask());
    this.#patience.asked();
  }

  /** Leadership was confirmed for the round of this context. */
  confirmed(context: number, index: LogIndex): void {
    this.#reads.confirmed(context, index);
  }

  /** The entry at `index` is about to be applied: gives the batch that was proposed here as just this entry. */
  take(index: LogIndex, term: Term, isLeading: boolean): Batch | undefined {
    return this.#orphans.take(index, term) ?? (isLeading ? this.#writes.take(index, term) : undefined);
  }

  /** Answers whoever can be answered now that something was applied, confirmed or acknowledged. */
  serve(isLeading: boolean): void {
    const { core, keyspace, entryTimeMs } = this.#options;
    if (isLeading && this.#reads.count > 0) {
      this.#keyspace = keyspace();
      // Without space hardly an entry advances the state's time, which then stands still for reads as well.
      this.#readTimeMs = this.#lacksSpace ? this.#keyspace.clockMs : (entryTimeMs() ?? this.#keyspace.clockMs);
      this.#reads.serve(core.appliedIndex, this.#serveRead, this.#prepareReads);
      this.#keysAhead.clear();
    }
    this.#waits.check(core);
  }

  /** A tick has passed. */
  expire(): void {
    this.#orphans.expire();
    this.#giveUpStalled();
    this.#waits.check(this.#options.core);
  }

  /** Leadership was lost: what surely did not happen goes back to the lanes, the fate of the rest is waited for. */
  loseLeadership(): void {
    this.#orphans.add(this.#writes.takeProposed());
    for (const batch of this.#writes.takeUnproposed()) giveBack(batch);
    const args = this.#args;
    this.#reads.takeAll((batch, at, lane) => {
      batch.open(at, args);
      const spec = batch.specs[at] as CommandSpec<Keyspace>;
      lane.giveBack(batch.tickets[at] as number, spec, packWords(args), batch.openedMs);
    });
    this.#waits.giveBack();
  }

  /** A snapshot has taken the place of all entries up to `index`, which was of this term. */
  skipTo(index: LogIndex, term: Term): void {
    this.#orphans.skipTo(index, term);
  }

  /** Nobody will be served any more. What surely did not happen is answered with `reply`. */
  abandon(reason: string, reply: ErrorReply): void {
    for (const batch of this.#writes.takeProposed()) failUncertain(batch, reason);
    this.#orphans.abandon(reason);
    for (const batch of this.#writes.takeUnproposed()) failUnproposed(batch, reply);
    this.#reads.takeAll((batch, at, lane) => lane.answer(batch.tickets[at] as number, reply));
    this.#waits.answerAll(reply);
    this.#patience.stop();
  }

  readonly #options: ReplicaCommandsOptions;
  readonly #writes: WriteQueue;
  readonly #reads: ReadRounds;
  readonly #patience: ReadPatience;
  #asksEverybody = false;
  readonly #orphans: Orphans;
  readonly #waits: WriteWaits;
  readonly #args: Arguments = new Arguments();
  /** What reads are served from. */
  #keyspace: Keyspace;
  readonly #keysAhead: KeysAhead = new KeysAhead();
  /** What the reads that are being served take for the present. */
  #readTimeMs = 0;
  /** Of the oldest entry that is under way and cannot be committed for want of space; and of what only frees space. */
  readonly #stall: Stall = new Stall();
  readonly #freeingStall: Stall = new Stall();

  /** Whether entries would have to wait for space. */
  get #lacksSpace(): boolean {
    return this.#options.space.lacksSpace(this.#options.group);
  }

  get #waitingCount(): number {
    return this.#writes.queuedCount + this.#reads.count;
  }

  get #waitingBytes(): number {
    return this.#writes.queuedBytes + this.#reads.byteLength;
  }

  #refusal(spec: CommandSpec<Keyspace>, args: Arguments): ErrorReply | undefined {
    const { settings } = this.#options;
    const bytes = wordsBytes(args);
    if (!hasArity(spec, args.count)) return wrongArity(spec.name);
    if (bytes > settings.commandBytesMax) return commandTooLarge(bytes, settings.commandBytesMax);
    if (this.#waitingCount >= 2 * settings.queuedCommandsMax) return tooManyWaiting;
    if (this.#waitingBytes + bytes > 2 * settings.queuedBytesMax + settings.commandBytesMax) return tooManyWaiting;
    const levelRefusal = this.#levelRefusal(spec);
    if (levelRefusal !== undefined || !isWrite(spec) || !this.#lacksSpace) return levelRefusal;
    // What goes in pieces is no entry by itself that only frees space.
    const mayGo = onlyFrees(spec, args) && bytes <= settings.pieceBytes;
    return mayGo && bytes <= this.#options.space.roomForFreeingBytes ? undefined : diskFull;
  }

  /** What not all nodes know is held back, be it a read: it counts from the same entry on for everybody. */
  #levelRefusal(spec: CommandSpec<Keyspace>): ErrorReply | undefined {
    if (spec.semanticsLevel === undefined) return undefined;
    const refusal = levelRefusal(spec, this.#options.keyspace().semanticsLevel);
    return refusal === undefined || this.#isLevelKnown ? refusal : levelUnknown;
  }

  /** Whether the state is at the shard's level: a new leader may have the entry that raised it, and not have applied it yet. */
  get #isLevelKnown(): boolean {
    const { core, keyspace } = this.#options;
    return core.hasCommittedInTerm && keyspace().appliedIndex === core.commitIndex;
  }

  /** What came before the disk was full, and is not in the log. */
  #refuseQueued(): void {
    this.#writes.refuseQueued((batch) => failUnproposed(batch, diskFull, behindUndecided));
  }

  /**
   * What is in the log and waits for space, here or on too many other nodes, may happen when there is some. Nobody is kept
   * waiting for that: after a while the truth is that we do not know.
   */
  #giveUpStalled(): void {
    // Most groups are at rest at most ticks.
    const isIdle = this.#writes.oldestIndex === undefined;
    if (isIdle && !this.#stall.isRunning && !this.#freeingStall.isRunning) return;
    const { core, settings } = this.#options;
    const stalled = (index: LogIndex | undefined): LogIndex | undefined =>
      index !== undefined && index > core.commitIndex && this.#lacksSpace ? index : undefined;
    const ticksMax = settings.resolveWaitMs / settings.tickMs;
    const reason = `there was no space on disk for it within ${settings.resolveWaitMs} ms`;
    const fail = (batch: Batch): void => failUncertain(batch, reason, behindUndecided);
    const isOver = this.#stall.tick(stalled(this.#writes.oldestIndex), ticksMax);
    const isFreeingOver = this.#freeingStall.tick(stalled(this.#writes.freeingIndex), ticksMax);
    if (isOver) this.#writes.giveUp(fail);
    if (isFreeingOver) this.#writes.giveUpFreeing(fail);
    if (isOver || isFreeingOver) this.#reads.release(this.#writes.answeredIndex ?? core.lastIndex);
  }

  /** What cannot be run uses its number up for ever, so this must be certain. */
  #writeInSession(lane: Lane, ticket: number, args: Arguments): void {
    const entry = sessionCommand.entryOf(args, this.#options.keyspace().semanticsLevel);
    const frees = this.#lacksSpace && onlyFrees(sessionCommand.spec, entry);
    if (entry === args || this.#isLevelKnown) this.#write(lane, ticket, entry, frees);
    else lane.answer(ticket, levelUnknown);
  }

  #write(lane: Lane, ticket: number, args: Arguments, frees: boolean): void {
    const isLarge = wordsBytes(args) > this.#options.settings.pieceBytes;
    const batch = isLarge ? this.#writes.largeBatch() : this.#writes.openBatch();
    if (lane.queuedReadCount > 0) this.#attachReads(lane, batch);
    if (isLarge) this.#writes.addLarge(batch, lane, ticket, args);
    else batch.add(lane, ticket, args, frees);
  }

  #read(lane: Lane, ticket: number, spec: CommandSpec<Keyspace>, args: Arguments): void {
    const batch = lane.lastBatch;
    if (batch !== undefined && !batch.isProposed) batch.addRead(lane, ticket, spec, args);
    else this.#reads.add(lane, ticket, spec, args, this.#options.clock.nowMs());
  }

  /** The lane's reads that still wait take their places before what comes next in `batch`. */
  #attachReads(lane: Lane, batch: Batch): void {
    const args = this.#args;
    this.#reads.takeOut(lane, (reads, at) => {
      reads.open(at, args);
      batch.addRead(lane, reads.tickets[at] as number, reads.specs[at] as CommandSpec<Keyspace>, args);
    });
  }

  readonly #prepareReads: ReadPreparer = (batch, at) => {
    batch.readAhead(at, this.#keysAhead, this.#args);
    this.#keyspace.readAhead(this.#keysAhead);
  };

  readonly #serveRead: ReadVisitor = (batch, at, lane) => {
    const spec = batch.specs[at] as CommandSpec<Keyspace>;
    const ticket = batch.tickets[at] as number;
    batch.open(at, this.#args);
    const reply = this.#keyspace.read(spec, this.#args, this.#readTimeMs);
    if (!(reply instanceof DueKeyMet)) {
      lane.answer(ticket, reply);
      return;
    }
    mark("a read meets a due key");
    // It takes its place behind an entry that advances the clock, and the lane's other reads stay behind it.
    const open = this.#writes.openBatch();
    open.isForced = true;
    open.addRead(lane, ticket, spec, this.#args);
    this.#attachReads(lane, open);
    this.#options.onProposal();
  };
}
