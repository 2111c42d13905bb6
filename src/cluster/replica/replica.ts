/**
 * One replica of one group on this node: the Raft core, its part of the log, the keyspace, and the commands that wait.
 * Events only note things down; `turn`, at the end of the node's turn, closes batches, asks for reads and carries out
 * what the core says. `drain` does the last of these alone, as soon as there is something to apply.
 */
import type { CommandSpec, Keyspace } from "../../keyspace/index.ts";
import type { GroupLog, SnapshotMeta } from "../../log/index.ts";
import { assert, type Clock, type Logger, type Random } from "../../platform/index.ts";
import {
  type ConfigurationChange,
  type Entry,
  type InstallSnapshot,
  type InvariantId,
  InvariantViolation,
  type LogIndex,
  type Message,
  noData,
  type Persist,
  type Proposed,
  type RaftCore,
  type ReplicaId,
  type Snapshot,
  type Term,
} from "../../raft/index.ts";
import type { Arguments, ErrorReply, Reply } from "../../resp/index.ts";
import { replicaStopped } from "../errors.ts";
import type { DiskSpace } from "../peers/disk-space.ts";
import type { NodeSettings } from "../settings.ts";
import { Applier } from "./applier.ts";
import type { Batch } from "./batch.ts";
import { failUncertain } from "./batch-fate.ts";
import { CommitHints } from "./commit-hints.ts";
import type { Lane } from "./lane.ts";
import type { LeftOutEntries } from "./left-out-entries.ts";
import { Loading, type LoadingProgress } from "./loading.ts";
import { ReplicaCommands } from "./replica-commands.ts";
import { membersOn, nodeOf } from "./replica-id.ts";
import type { Route } from "./route.ts";
import { snapshotMetaOf, wantsSnapshot } from "./snapshot-need.ts";
import type { StoppedEntry } from "./stopped-entry.ts";
import { bestSuccessor } from "./succession.ts";
import type { NodeWaves } from "./waves.ts";

/** What a replica needs of its node. */
export interface ReplicaHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: NodeSettings;
  readonly space: Pick<DiskSpace, "lacksSpace" | "roomForFreeingBytes" | "appendBytesMax" | "isPeerFull">;
  readonly waves: NodeWaves;
  /** Entries that have no effect. */
  readonly leftOut: Pick<LeftOutEntries, "has" | "of">;
  /** Writes to the node's log; `done` once it is durable. */
  append(group: number, persist: Persist, done: () => void): void;
  send(group: number, message: Message): void;
  /** The replica has something to do at the end of this turn. */
  markDirty(replica: Replica): void;
  /** The time for entries proposed now; undefined while nobody can vouch for the clock. */
  entryTimeMs(replica: Replica): number | undefined;
  /** An entry of this time was applied. */
  onApplied(timeMs: number): void;
  /** Commands may go another way now: leader or term have changed. */
  onRoute(replica: Replica): void;
  onChecksum(replica: Replica, index: LogIndex, from: number, reply: Reply): void;
  /** A snapshot has replaced the state. */
  onInstalled(replica: Replica): void;
  onStopped(replica: Replica, error: unknown): void;
}

export class Replica {
  readonly group: number;
  readonly core: RaftCore;
  readonly log: GroupLog;

  constructor(options: {
    readonly group: number;
    readonly core: RaftCore;
    readonly log: GroupLog;
    /** The state that the newest snapshot holds, or an empty one. */
    readonly keyspace: Keyspace;
    readonly host: ReplicaHost;
  }) {
    const { group, core, log, keyspace, host } = options;
    this.group = group;
    this.core = core;
    this.log = log;
    this.#host = host;
    this.#replayedIndex = core.commitIndex;
    this.#applier = new Applier({
      keyspace,
      onChecksum: (index, from, reply) => host.onChecksum(this, index, from, reply),
      isLeftOut: (entry) => host.leftOut.has(group, entry),
    });
    this.#commands = new ReplicaCommands({
      core,
      keyspace: () => this.keyspace,
      clock: host.clock,
      random: host.random,
      settings: host.settings,
      entryTimeMs: () => host.entryTimeMs(this),
      group,
      space: host.space,
      onProposal: () => host.markDirty(this),
      ...host.waves.members(() => host.markDirty(this)),
    });
    this.#hints = new CommitHints(host.clock, host.settings.commitHintDelayMs, (message) => host.send(group, message));
    const { clock, logger } = host;
    const gather = (isLoading: boolean) => this.keyspace.gather(isLoading);
    this.#loading = new Loading({ clock, logger, group, from: core.appliedIndex, to: core.commitIndex, gather });
    log.onAvailable(() => {
      this.#guard(() => core.entriesAvailable());
      host.markDirty(this);
    });
  }

  /** The state. A snapshot that is installed replaces it. */
  get keyspace(): Keyspace {
    return this.#applier.keyspace;
  }

  /** A snapshot has replaced the state, and is not durable in the log yet. */
  get isInstalling(): boolean {
    return this.#installingCount > 0;
  }

  /** After a start, until what is known to be committed is applied. */
  get isReplaying(): boolean {
    return this.#stoppedBecause === undefined && this.core.appliedIndex < this.#replayedIndex;
  }

  /** How far it is with what it found in its log; undefined once that is applied, or while another node leads. */
  get loading(): LoadingProgress | undefined {
    return this.#route.leader === 0 && this.#stoppedBecause === undefined ? this.#loading.progress() : undefined;
  }

  /** Where commands go now. Changes only within `drain`. */
  get route(): Route {
    return this.#route;
  }

  get isLeading(): boolean {
    return this.#ledTerm !== 0;
  }

  /** Whether it has no vote: not yet, or not any more. */
  get isLearner(): boolean {
    return !this.core.configuration.voters.includes(this.core.id);
  }

  /** Why it has stopped; undefined while it runs. */
  get stoppedBecause(): string | undefined {
    return this.#stoppedBecause;
  }

  /** The rule of docs/consensus.md that it found broken, and stopped for; undefined otherwise. */
  get brokenInvariant(): InvariantId | undefined {
    return this.#brokenInvariant;
  }

  /** The entry that it could not apply, and has stopped at; undefined if that is not why it stopped, and while it runs. */
  get stoppedBy(): StoppedEntry | undefined {
    return this.#applier.stoppedBy;
  }

  /** Whether the commands of the entry at `index` were carried out here, and did not come with a snapshot. */
  hasExecuted(index: LogIndex): boolean {
    return this.#applier.hasExecuted(index);
  }

  /** Whether streams should hold back. */
  get isBusy(): boolean {
    return this.#commands.isBusy;
  }

  /** Whether nothing that clients wait for is under way. */
  get isIdle(): boolean {
    return this.#commands.isIdle;
  }

  /**
   * Takes a command of a lane, on the replica that leads: copies what it needs of `args` before it returns, and answers
   * the ticket once. May answer at once.
   */
  submit(lane: Lane, ticket: number, spec: CommandSpec<Keyspace>, args: Arguments): void {
    if (this.#stoppedReply !== undefined) {
      lane.answer(ticket, this.#stoppedReply);
    } else {
      this.#commands.submit(lane, ticket, spec, args);
      this.#host.markDirty(this);
    }
  }

  /** Puts a command of the node itself into the log, if this replica leads. */
  proposeOwn(lane: Lane, args: Arguments): void {
    if (!this.isLeading) return;
    this.#commands.addOwn(lane, args);
    this.#host.markDirty(this);
  }

  /** Puts a change of the members into the log; undefined if this replica does not lead. */
  proposeMembers(change: ConfigurationChange): Proposed | undefined {
    let proposed: Proposed | undefined;
    this.#act(() => {
      if (this.isLeading) proposed = this.core.proposeConfigurationChange(change);
    });
    return proposed;
  }

  /** Puts an entry without any effect into the log, if this replica leads. */
  proposeNothing(): void {
    this.#act(() => this.isLeading && this.core.propose(noData));
  }

  step(message: Message): void {
    this.#act(() => this.core.step(message));
  }

  /** Whether what a leader offers would be taken: not if it is old, or holds only what the log here holds as well. */
  needsSnapshot(message: InstallSnapshot): boolean {
    // Then the log shows all that the core knows of.
    this.drain();
    return this.#stoppedBecause === undefined && wantsSnapshot(this, message);
  }

  /**
   * Replaces state and log by a leader's snapshot, of which the log holds the file and `keyspace` the state (CONSENSUS N-3).
   * False if it is not taken now, and nothing has changed.
   */
  install(message: InstallSnapshot, keyspace: Keyspace): boolean {
    if (!this.needsSnapshot(message)) return false;
    this.#received = { index: message.snapshot.index, keyspace };
    this.step(message);
    this.drain();
    const isTaken = this.#received === undefined;
    this.#received = undefined;
    return isTaken;
  }

  /** Calls back as soon as the keyspace is all of the state: now, behind one of the next entries, or when it stops. */
  whenBetweenEntries(callback: () => void): void {
    if (this.#isBetweenEntries) callback();
    else this.#onBetweenEntries = callback;
  }

  /** What a snapshot of the keyspace, as it is now, stands for; undefined if there can be none at this moment. */
  snapshotMeta(): SnapshotMeta | undefined {
    return this.#isBetweenEntries && this.#stoppedBecause === undefined ? snapshotMetaOf(this) : undefined;
  }

  /** A follower did not install the snapshot that it was sent. */
  snapshotFailed(follower: ReplicaId): void {
    this.#act(() => this.core.reportSnapshot(follower, false));
  }

  /** An exception that nobody expected: this replica stops, and nothing else (CONSENSUS H-8). */
  fail(error: unknown): void {
    if (this.#stoppedBecause !== undefined) return;
    this.#host.onStopped(this, error);
    const isViolation = error instanceof InvariantViolation;
    if (isViolation) this.#brokenInvariant = error.invariant;
    this.stop(isViolation ? `an invariant is broken, ${error.message}` : String(error), replicaStopped);
  }

  /** The leader has surely gone: votes and pre-votes are no longer held back. */
  forgetLeader(): void {
    this.#act(() => this.core.forgetLeader());
  }

  /** Asks for pre-votes now. */
  campaign(): void {
    this.#act(() => this.core.campaign());
  }

  /** Messages to a node were dropped, or may be lost. */
  peerUnreachable(nodeId: number): void {
    this.#guard(() => {
      for (const id of membersOn(nodeId, this.core.configuration)) this.core.reportUnreachable(id);
    });
  }

  /** One tick of Raft's time; see `RaftCore.tick`. */
  tick(isBeat: boolean): void {
    const { role } = this.core;
    this.#guard(() => {
      this.core.tick(isBeat);
      this.#commands.expire();
      if (this.isLeading) this.#commands.advanceClock();
    });
    if (this.#needsTurn || this.core.role !== role) this.#host.markDirty(this);
  }

  /** The end of a turn: what has collected goes on its way. */
  turn(): void {
    this.#guard(() => {
      if (this.isLeading) this.#commands.propose();
      const { appliedIndex } = this.core;
      this.#drain();
      // What was applied or confirmed just now has made room for more.
      const hasRoom = this.core.appliedIndex > appliedIndex && this.#commands.canPropose;
      if (this.isLeading && (hasRoom || this.#commands.wantsRead)) this.#host.markDirty(this);
    });
  }

  /** Carries out what the core has to say now. False if the end of the turn has nothing more to do here. */
  drain(): boolean {
    this.#guard(() => this.#drain());
    return this.#needsTurn;
  }

  /** Asks another voter, on a node that is fit to lead: the one whose log is the longest of those that seem to answer. */
  handOver(isFit: (nodeId: number) => boolean = () => true): void {
    this.#act(() => {
      const best = bestSuccessor(this.core.status().progress, this.core.id, isFit);
      if (best !== undefined) this.core.transferLeadership(best);
    });
  }

  /** To whom leadership is being handed; undefined while it is not. */
  get handOverTarget(): ReplicaId | undefined {
    return this.core.status().transferTarget;
  }

  /** Takes no further part. Whoever waits is answered, truly: with `reply` if nothing has happened. Idempotent. */
  stop(reason: string, reply: ErrorReply): void {
    if (this.#stoppedBecause !== undefined) return;
    this.#stoppedBecause = reason;
    this.#stoppedReply = reply;
    this.#ledTerm = 0;
    this.#route = { leader: 0, term: this.core.term };
    this.#hints.clear();
    if (this.#appliedBatch !== undefined) failUncertain(this.#appliedBatch, reason);
    this.#commands.abandon(reason, reply);
    this.#tellBetweenEntries();
    this.#host.onRoute(this);
  }

  readonly #host: ReplicaHost;
  readonly #applier: Applier;
  readonly #commands: ReplicaCommands;
  readonly #hints: CommitHints;
  readonly #loading: Loading;
  readonly #replayedIndex: LogIndex;
  #route: Route = { leader: 0, term: 0 };
  /** The term in which this replica leads, as far as its commands know; 0 if it does not. */
  #ledTerm: Term = 0;
  /** Committed entries that were handed out and not applied yet. */
  #applying: readonly Entry[] = noEntries;
  /** The batch whose entry is being applied: if that fails, its commands are not forgotten. */
  #appliedBatch: Batch | undefined;
  /** The state of the snapshot that the core is about to take. */
  #received: { readonly index: LogIndex; readonly keyspace: Keyspace } | undefined;
  #installingCount = 0;
  #onBetweenEntries: (() => void) | undefined;
  #stoppedBecause: string | undefined;
  #brokenInvariant: InvariantId | undefined;
  #stoppedReply: ErrorReply | undefined;

  get #needsTurn(): boolean {
    return this.#applying.length > 0 || !this.isIdle || this.core.hasReady();
  }

  #drain(): void {
    const { core } = this;
    const sliceEndMs = this.#host.clock.nowMs() + this.#host.settings.applySliceMs;
    while (core.hasReady()) {
      const ready = core.ready();
      if (ready.persist !== undefined) this.#persist(ready.persist);
      for (const message of ready.messages) this.#hints.pass(message);
      for (const { context, index } of ready.reads) this.#commands.confirmed(context, index);
      // Before anything is applied: what a new leader put in the place of our proposals is not our proposal.
      this.#noteLeadership();
      if (ready.apply.length > 0) this.#applying = [...this.#applying, ...ready.apply];
      if (!this.#applyUntil(sliceEndMs)) break;
    }
    // The rest of an earlier slice.
    if (this.#applying.length > 0) this.#applyUntil(sliceEndMs);
    this.#noteLeadership();
    this.#noteRoute();
    this.#commands.serve(this.isLeading);
  }

  get #isBetweenEntries(): boolean {
    return this.#applier.isBetweenEntries && !this.isInstalling;
  }

  #persist(persist: Persist): void {
    const { snapshot } = persist;
    if (snapshot !== undefined) this.#replaceState(snapshot);
    this.#host.append(this.group, persist, () => {
      if (this.#stoppedBecause !== undefined) return;
      if (snapshot !== undefined) this.#installingCount--;
      for (const message of persist.messages) this.#hints.pass(message);
      this.#guard(() => {
        this.core.persisted(persist.id);
        this.#drain();
      });
      if (this.#needsTurn) this.#host.markDirty(this);
    });
  }

  /** The core has taken the snapshot that was received: what it had handed out before must not be applied any more. */
  #replaceState({ index, term }: Snapshot): void {
    const received = this.#received;
    assert(received?.index === index, "the core takes a snapshot that was not received");
    this.#received = undefined;
    // Its batches, if it led until now, have become those whose fate is open.
    this.#noteLeadership();
    this.#installingCount++;
    this.#applying = noEntries;
    this.#applier.replace(received.keyspace);
    this.#commands.skipTo(index, term);
    this.#loading.applied(index);
    this.#host.onInstalled(this);
    this.#host.onApplied(this.keyspace.clockMs);
  }

  /** False if time is up before everything is applied; the rest comes in the next turn. */
  #applyUntil(sliceEndMs: number): boolean {
    const entries = this.#applying;
    let at = 0;
    while (at < entries.length) {
      this.#apply(entries[at++] as Entry);
      if (this.#host.clock.nowMs() >= sliceEndMs) break;
    }
    if (at > 0) this.core.applied((entries[at - 1] as Entry).index);
    if (!this.#loading.isOver) this.#loading.applied(this.core.appliedIndex);
    this.#applying = at === entries.length ? noEntries : entries.slice(at);
    if (at < entries.length) this.#host.markDirty(this);
    return at === entries.length;
  }

  #apply(entry: Entry): void {
    const { index, term } = entry;
    const batch = this.#commands.take(index, term, this.isLeading);
    if (entry.kind === "normal") {
      this.#appliedBatch = batch;
      this.#applier.apply(entry, batch);
      this.#appliedBatch = undefined;
      this.#host.onApplied(this.keyspace.clockMs);
      batch?.done();
    } else {
      assert(batch === undefined, "commands wait for a change of the configuration");
      this.core.applyConfigurationChange(entry.change);
      this.#applier.skip(entry);
    }
    if (this.#onBetweenEntries !== undefined) this.#tellBetweenEntries();
  }

  #tellBetweenEntries(): void {
    if (!this.#isBetweenEntries && this.#stoppedBecause === undefined) return;
    const callback = this.#onBetweenEntries;
    this.#onBetweenEntries = undefined;
    callback?.();
  }

  /** Takes note of leadership won or lost. */
  #noteLeadership(): void {
    const term = this.core.role === "leader" && this.#loading.isOver ? this.core.term : 0;
    if (term === this.#ledTerm) return;
    const { logger } = this.#host;
    if (this.#ledTerm !== 0) {
      logger.log("info", "leadership was lost", { group: this.group, term: this.#ledTerm });
      this.#ledTerm = 0;
      this.#hints.clear();
      this.#commands.loseLeadership();
    }
    this.#ledTerm = term;
    this.log.setLeading(term !== 0);
    if (term !== 0) logger.log("info", "leadership was won", { group: this.group, term });
  }

  #noteRoute(): void {
    const { core } = this;
    const leader = nodeOf(this.isLeading ? core.id : core.role === "follower" ? (core.leader ?? 0) : 0);
    if (leader === this.#route.leader && core.term === this.#route.term) return;
    this.#route = { leader, term: core.term };
    this.#host.onRoute(this);
  }

  /** An input of the core: what it says to that is carried out at the end of the turn. */
  #act(action: () => void): void {
    this.#guard(action);
    this.#host.markDirty(this);
  }

  /** Runs what may meet a broken invariant: that stops this replica, and nothing else (CONSENSUS H-8). */
  #guard(action: () => void): void {
    if (this.#stoppedBecause !== undefined) return;
    try {
      action();
    } catch (error) {
      this.fail(error);
    }
  }
}

const noEntries: readonly Entry[] = [];
