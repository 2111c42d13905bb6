import type { Random } from "../platform/index.ts";
import {
  AdapterCodec,
  confStateOf,
  emptySnap,
  encodedEntryBytes,
  hardOf,
  hardStateOf,
  progressJsonOf,
  roleNames,
  snapOf,
  snapshotOf,
} from "./adapter-codec.ts";
import type {
  Conf,
  ConfState,
  EntryJson,
  Err,
  Hard,
  Id,
  Msg,
  NodeConfig,
  PersistJson,
  ProgressJson,
  ReadyJson,
  Snap,
  StableLog,
  StatusJson,
} from "./adapter-shapes.ts";
import { AdapterLog, type AdapterStore } from "./adapter-store.ts";
import { type Completion, complete, completionOf } from "./completion.ts";
import { campaign } from "./elections.ts";
import { type Entry, type HardState, type Proposal, payloadBytes, type Snapshot } from "./entry.ts";
import { appliedTo, applyConfigurationChange } from "./membership.ts";
import type { Message } from "./message.ts";
import { propose } from "./proposals.ts";
import { Replica } from "./replica.ts";
import { handleSnapshotReport } from "./snapshots.ts";
import { statusOf } from "./status.ts";
import { step } from "./step.ts";
import { tick } from "./tick.ts";

const localTypes = new Set([
  "MsgHup",
  "MsgBeat",
  "MsgUnreachable",
  "MsgSnapStatus",
  "MsgCheckQuorum",
  "MsgStorageAppend",
  "MsgStorageAppendResp",
  "MsgStorageApply",
  "MsgStorageApplyResp",
]);

const responseTypes = new Set(["MsgAppResp", "MsgVoteResp", "MsgPreVoteResp", "MsgHeartbeatResp", "MsgReadIndexResp"]);

type SoftState = NonNullable<ReadyJson["softState"]>;

/** What `advance` is to report of the last Ready. */
interface Advance {
  readonly ownMessages: readonly Message[];
  readonly completion: Completion;
  readonly committed: readonly Entry[];
}

/**
 * A node of the test port: a replica with its durable store, and a Ready in the style of its drivers. Either one Ready
 * at a time is persisted, applied and then advanced, or, with `asyncStorageWrites`, what is to be written and applied
 * goes out as messages to two threads, whose answers come back through `step`.
 */
export class AdapterNode {
  readonly #config: NodeConfig;
  readonly #codec = new AdapterCodec();
  readonly #random: Random;
  readonly #store: AdapterStore;
  /** What a lagging follower would be sent; the store's snapshot unless the driver set another. */
  #snapshotToSend: Snapshot | undefined;
  #handed: AdapterLog;
  #replica: Replica;
  #previousHard: Hard;
  #previousSoft: SoftState;
  #advance: Advance | undefined;

  constructor(config: NodeConfig) {
    this.#config = config;
    this.#random = seededRandom(config.seed ?? config.id);
    const snapshot = snapshotOf(config.snapshot ?? emptySnap);
    const hardState: HardState = { term: 0, vote: undefined, commit: snapshot.index };
    this.#store = { log: new AdapterLog(encodedEntryBytes, snapshot), hardState, snapshot };
    this.#handed = this.#store.log.copy();
    this.#replica = this.#start(config.applied);
    this.#previousHard = hardOf(this.#replica.hardState);
    this.#previousSoft = this.#softState();
  }

  tick(): void {
    tick(this.#replica, true);
  }

  campaign(): void {
    campaign(this.#replica);
  }

  step(msg: Msg): Err {
    const isFromThread = typeof msg.from !== "number";
    if (localTypes.has(msg.type) && !isFromThread) return "StepLocalMsg";
    if (responseTypes.has(msg.type) && !isFromThread && !this.#isMember(msg.from)) return "StepPeerNotFound";
    if (msg.type === "MsgStorageAppendResp") this.#storageAppended(msg);
    else if (msg.type === "MsgStorageApplyResp") this.#storageApplied(this.#codec.entries(msg.entries));
    else if (msg.type === "MsgForgetLeader") this.forgetLeader();
    const message = this.#codec.message(msg);
    const refusal = message === undefined ? undefined : step(this.#replica, message);
    return refusal === undefined ? null : "ProposalDropped";
  }

  propose(data: string): Err {
    return this.#propose(this.#codec.proposal({ term: 0, index: 0, type: "EntryNormal", data }));
  }

  proposeConfChange(conf: Conf): Err {
    return this.#propose({ kind: "configuration", change: this.#codec.change(conf) });
  }

  applyConfChange(conf: Conf, _entry?: EntryJson): ConfState {
    return confStateOf(applyConfigurationChange(this.#replica, this.#codec.change(conf)));
  }

  transferLeader(to: Id): void {
    const { id } = this.#replica;
    step(this.#replica, { type: "transferLeader", from: id, to: id, term: 0, target: to });
  }

  forgetLeader(): void {
    if (this.#replica.role !== "leader" && this.#config.readOnly !== "lease-based") this.#replica.leader = undefined;
  }

  reportUnreachable(id: Id): void {
    const progress = this.#replica.role === "leader" ? this.#replica.members.get(id) : undefined;
    if (progress?.kind === "replicate") progress.becomeProbe();
  }

  reportSnapshot(id: Id, ok: boolean): void {
    const progress = this.#replica.role === "leader" ? this.#replica.members.get(id) : undefined;
    if (progress !== undefined) handleSnapshotReport(progress, ok);
  }

  readIndex(ctx: string): void {
    const { id } = this.#replica;
    const context = this.#codec.contextNumber(ctx);
    step(this.#replica, { type: "readIndexRequest", from: id, to: id, term: 0, context });
  }

  hasReady(): boolean {
    const { log, outbox, outboxAfterPersist, confirmedReads } = this.#replica;
    return (
      this.#changedSoftState() !== undefined ||
      this.#changedHardState() !== undefined ||
      log.hasPending ||
      outbox.length > 0 ||
      outboxAfterPersist.length > 0 ||
      log.hasNextCommitted(this.#isAsync) ||
      confirmedReads.length > 0
    );
  }

  ready(): ReadyJson {
    const replica = this.#replica;
    const softState = this.#changedSoftState();
    const hardState = this.#changedHardState();
    const isVoteOrTermNew = replica.term !== this.#previousHard.term || (replica.vote ?? 0) !== this.#previousHard.vote;
    const committed = replica.log.takeCommitted(this.#isAsync);
    const { snapshot, entries } = replica.log.takePending();
    if (snapshot !== undefined) this.#handed.reset(snapshot);
    this.#handed.append(entries);
    const messages = replica.outbox.map((message) => this.#codec.messageJson(message));
    const afterPersist = replica.outboxAfterPersist;
    const reads = replica.confirmedReads;
    replica.outbox = [];
    replica.outboxAfterPersist = [];
    replica.confirmedReads = [];
    replica.failedReads = [];
    const completion = completionOf(replica, snapshot?.index);
    if (this.#isAsync) {
      const isAppendNeeded =
        entries.length > 0 || hardState !== undefined || snapshot !== undefined || afterPersist.length > 0;
      if (isAppendNeeded) messages.push(this.#storageAppend(entries, hardState, snapshot, afterPersist, completion));
      if (committed.length > 0) messages.push(this.#storageApply(committed));
    } else {
      const own = afterPersist.filter((message) => message.to === replica.id);
      const others = afterPersist.filter((message) => message.to !== replica.id);
      messages.push(...others.map((message) => this.#codec.messageJson(message)));
      this.#advance = { ownMessages: own, completion, committed };
    }
    this.#previousSoft = softState ?? this.#previousSoft;
    this.#previousHard = hardState ?? this.#previousHard;
    return {
      mustSync: entries.length > 0 || isVoteOrTermNew,
      ...(softState === undefined ? {} : { softState }),
      ...(hardState === undefined ? {} : { hardState }),
      entries: this.#codec.entriesJson(entries),
      ...(snapshot === undefined ? {} : { snapshot: snapOf(snapshot) }),
      committedEntries: this.#codec.entriesJson(committed),
      messages,
      ...(reads.length === 0
        ? {}
        : { readStates: reads.map(({ index, context }) => ({ index, ctx: this.#codec.contextLabel(context) })) }),
    };
  }

  /** Everything of the last Ready is persisted and applied. */
  advance(): void {
    const advance = this.#advance;
    if (advance === undefined) return;
    this.#advance = undefined;
    for (const message of advance.ownMessages) step(this.#replica, message);
    complete(this.#replica, advance.completion);
    this.#storageApplied(advance.committed);
  }

  persist({ hardState, entries, snapshot }: PersistJson): void {
    if (snapshot !== undefined && snapshot !== null) {
      this.#store.snapshot = snapshotOf(snapshot);
      this.#store.log.reset(this.#store.snapshot);
    }
    this.#store.log.append(this.#codec.entries(entries ?? undefined));
    if (hardState !== undefined && hardState !== null) this.#store.hardState = hardStateOf(hardState);
  }

  stableLog(): StableLog {
    const { firstIndex, lastIndex, all } = this.#store.log;
    return { firstIndex, lastIndex, entries: this.#codec.entriesJson(all) };
  }

  compact(upTo: number): void {
    this.#store.log.compact(upTo);
    this.#handed.compact(upTo);
  }

  setSnapshot(snap: Snap): void {
    this.#snapshotToSend = snapshotOf(snap);
  }

  /** The state machine has stored `snap`; a restart goes on from it. */
  checkpoint(snap: Snap, compactTo: number): void {
    this.#store.snapshot = snapshotOf(snap);
    this.compact(compactTo);
  }

  restart(): Snap {
    this.#handed = this.#store.log.copy();
    this.#replica = this.#start(this.#store.snapshot.index);
    this.#previousHard = hardOf(this.#replica.hardState);
    this.#previousSoft = this.#softState();
    this.#advance = undefined;
    return snapOf(this.#store.snapshot);
  }

  setRandomizedElectionTimeout(ticks: number): void {
    this.#replica.electionTimeoutTicks = ticks;
  }

  status(): StatusJson {
    const status = statusOf(this.#replica);
    const progress: Record<Id, ProgressJson> = {};
    for (const one of status.progress) progress[one.id] = progressJsonOf(one);
    return {
      id: status.id,
      role: roleNames[status.role],
      term: status.term,
      vote: status.vote ?? 0,
      lead: status.leader ?? 0,
      commit: status.commitIndex,
      applied: status.appliedIndex,
      config: confStateOf(status.configuration),
      progress,
    };
  }

  get #isAsync(): boolean {
    return this.#config.asyncStorageWrites === true;
  }

  #start(applied: number): Replica {
    const config = this.#config;
    const messageBytesMax = config.maxSizePerMsg ?? Number.POSITIVE_INFINITY;
    const { hardState, snapshot } = this.#store;
    return new Replica({
      id: config.id,
      electionTicks: config.electionTick,
      heartbeatTicks: config.heartbeatTick,
      random: this.#random,
      log: this.#handed,
      hardState,
      configuration: snapshot.configuration,
      applied: Math.max(applied, snapshot.index),
      preVote: config.preVote ?? false,
      checkQuorum: config.checkQuorum ?? false,
      readMode: config.readOnly === "lease-based" ? "lease" : "safe",
      stepDownOnRemoval: config.stepDownOnRemoval ?? false,
      messageBytesMax,
      inflightMessagesMax: config.maxInflightMsgs ?? Number.POSITIVE_INFINITY,
      inflightBytesMax: Number.POSITIVE_INFINITY,
      uncommittedBytesMax: Number.POSITIVE_INFINITY,
      applyBytesMax: config.maxCommittedSizePerReady || messageBytesMax,
      forwarding: "always",
      validateConfigurationChanges: config.disableConfChangeValidation !== true,
      snapshots: { latest: () => this.#latestSnapshot() },
      entryBytes: encodedEntryBytes,
    });
  }

  #latestSnapshot(): Snapshot | undefined {
    const snapshot = this.#snapshotToSend ?? this.#store.snapshot;
    return snapshot.index === 0 ? undefined : snapshot;
  }

  #isMember(id: Msg["from"]): boolean {
    return typeof id === "number" && this.#replica.members.get(id) !== undefined;
  }

  #propose(proposal: Proposal): Err {
    return propose(this.#replica, this.#replica.id, [proposal]) === undefined ? null : "ProposalDropped";
  }

  #softState(): SoftState {
    return { lead: this.#replica.leader ?? 0, role: roleNames[this.#replica.role] };
  }

  #changedSoftState(): SoftState | undefined {
    const now = this.#softState();
    return now.lead === this.#previousSoft.lead && now.role === this.#previousSoft.role ? undefined : now;
  }

  #changedHardState(): Hard | undefined {
    const now = hardOf(this.#replica.hardState);
    const before = this.#previousHard;
    const isSame = now.term === before.term && now.vote === before.vote && now.commit === before.commit;
    return isSame ? undefined : now;
  }

  #storageAppend(
    entries: readonly Entry[],
    hardState: Hard | undefined,
    snapshot: Snapshot | undefined,
    afterPersist: readonly Message[],
    completion: Completion,
  ): Msg {
    const { id } = this.#replica;
    const snap = snapshot === undefined ? {} : { snapshot: snapOf(snapshot) };
    const responses = afterPersist.map((message) => this.#codec.messageJson(message));
    if (completion.last !== undefined || snapshot !== undefined) {
      const last = completion.last === undefined ? {} : { index: completion.last.index, logTerm: completion.last.term };
      responses.push({
        type: "MsgStorageAppendResp",
        from: "AppendThread",
        to: id,
        term: completion.term,
        ...last,
        ...snap,
      });
    }
    const hard = hardState === undefined ? { term: 0 } : hardState;
    return {
      type: "MsgStorageAppend",
      from: id,
      to: "AppendThread",
      ...hard,
      entries: this.#codec.entriesJson(entries),
      ...snap,
      responses,
    };
  }

  #storageApply(committed: readonly Entry[]): Msg {
    const { id } = this.#replica;
    const entries = this.#codec.entriesJson(committed);
    const response: Msg = { type: "MsgStorageApplyResp", from: "ApplyThread", to: id, term: 0, entries };
    return { type: "MsgStorageApply", from: id, to: "ApplyThread", term: 0, entries, responses: [response] };
  }

  #storageAppended(msg: Msg): void {
    complete(this.#replica, {
      term: msg.term,
      last: msg.index ? { index: msg.index, term: msg.logTerm ?? 0 } : undefined,
      snapshotIndex: msg.snapshot?.index,
    });
  }

  #storageApplied(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    let bytes = 0;
    let payload = 0;
    for (const entry of entries) {
      bytes += encodedEntryBytes(entry);
      payload += payloadBytes(entry);
    }
    appliedTo(this.#replica, last.index, bytes);
    this.#replica.uncommittedBytes = Math.max(0, this.#replica.uncommittedBytes - payload);
  }
}

/** A small generator (mulberry32): the same seed gives the same elections. */
function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const uint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return { uint32, bytes: (length) => Uint8Array.from({ length }, () => uint32() & 0xff) };
}
