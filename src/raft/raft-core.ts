import { assert } from "../platform/index.ts";
import { ApplyWindow } from "./apply-window.ts";
import { type ChangeRefusal, refusalOfChange } from "./change-refusal.ts";
import { coalesce } from "./coalesce.ts";
import { type Completion, complete, completionOf } from "./completion.ts";
import type { Configuration, ConfigurationChange } from "./configuration.ts";
import { campaign } from "./elections.ts";
import type { HardState, LogIndex, Proposal, ReplicaId, Snapshot, Term } from "./entry.ts";
import { Invariants } from "./invariants.ts";
import { appliedTo, applyConfigurationChange } from "./membership.ts";
import type { Message } from "./message.ts";
import { propose, type Refusal } from "./proposals.ts";
import { askEverybody } from "./reads.ts";
import type { Persist, Ready, SnapshotSource } from "./ready.ts";
import { Replica, type Role } from "./replica.ts";
import { sendPendingEntries } from "./replication.ts";
import type { RaftOptions } from "./settings.ts";
import { handleSnapshotReport } from "./snapshots.ts";
import { type RaftStatus, statusOf } from "./status.ts";
import { step } from "./step.ts";
import { tick } from "./tick.ts";

/** Where a proposal will stand in the log, or why it was refused: then it surely did not happen. */
export type Proposed =
  | { readonly index: LogIndex; readonly term: Term }
  | { readonly refused: Refusal | ChangeRefusal };

/** A persist that was handed out and is not reported as durable yet. */
interface Outstanding {
  readonly id: number;
  readonly completion: Completion;
  /** Its own vote, or acknowledgement of its own entries. */
  readonly ownMessages: readonly Message[];
}

/**
 * One replica of one Raft group, as a pure state machine: inputs are method calls, the output is {@link Ready}. Any
 * number of persists may be under way; a leader's entries go out while it writes them itself.
 *
 * The host's loop: give inputs (`step`, `tick`, `propose`, `persisted`, `applied`, …); while `hasReady()`, take
 * `ready()`, hand its `persist` to the log at once, send its messages, apply its entries.
 *
 * @throws InvariantViolation where an invariant is broken, and AssertionFailure for any other bug, from the constructor
 * as well: this replica must stop, its files be kept.
 */
export class RaftCore {
  readonly #replica: Replica;
  readonly #applyWindow: ApplyWindow;
  #outstanding: Outstanding[] = [];
  #nextPersistId = 1;
  /** What was handed out last, durable or not. */
  #handed: HardState;
  #durableTerm: Term;
  #isCommitDue = false;

  constructor(options: RaftOptions) {
    const { snapshots } = options;
    const invariants = new Invariants(options.invariantSwitch);
    invariants.restores(options.hardState, options.log, options.applied);
    this.#replica = new Replica(
      snapshots === undefined ? options : { ...options, snapshots: onlyUseful(snapshots) },
      invariants,
    );
    this.#applyWindow = new ApplyWindow(this.#replica.settings.entryBytes);
    this.#handed = options.hardState;
    this.#durableTerm = options.hardState.term;
  }

  get id(): ReplicaId {
    return this.#replica.id;
  }

  get role(): Role {
    return this.#replica.role;
  }

  get term(): Term {
    return this.#replica.term;
  }

  /** The leader of `term`, as far as this replica knows. */
  get leader(): ReplicaId | undefined {
    return this.#replica.leader;
  }

  get commitIndex(): LogIndex {
    return this.#replica.log.commitIndex;
  }

  get appliedIndex(): LogIndex {
    return this.#replica.log.appliedIndex;
  }

  /** The end of the log, including what is not durable yet. */
  get lastIndex(): LogIndex {
    return this.#replica.log.lastIndex;
  }

  /** Up to here the log is known to be durable on this replica: no snapshot may hold more (CONSENSUS O-6). */
  get stableIndex(): LogIndex {
    return this.#replica.log.stableIndex;
  }

  get configuration(): Configuration {
    return this.#replica.configuration;
  }

  /** A leader's proof that all that was ever committed is at or below `commitIndex`. */
  get hasCommittedInTerm(): boolean {
    return this.#replica.hasCommittedInTerm;
  }

  /** A copy of everything else; it costs some allocations. */
  status(): RaftStatus {
    return statusOf(this.#replica);
  }

  /**
   * One unit of time passes. With `isBeat` a leader's heartbeats that are due go to everybody; without, only to followers
   * that may lack something, or if reads wait. A host of many groups may so let those at rest beat less often, and together.
   */
  tick(isBeat = true): void {
    tick(this.#replica, isBeat);
    // A commit index alone is written with whatever comes next, or at the next tick.
    if (this.#handed.commit < this.commitIndex) this.#isCommitDue = true;
    this.#check();
  }

  /** A message from another replica of this group. Messages that make no sense are ignored, whoever sent them. */
  step(message: Message): void {
    if (message.from === this.id || message.to !== this.id) return;
    if (isResponse(message) && this.#replica.members.get(message.from) === undefined) return;
    step(this.#replica, message);
    this.#check();
  }

  /** Asks for `data` to be put into the log. Only a leader does. The bytes must not change afterwards. */
  propose(data: Uint8Array): Proposed {
    return this.#propose({ kind: "normal", data });
  }

  /**
   * Asks for a change of the configuration, one at a time (CONSENSUS I-13). It takes effect when its entry is applied.
   * New members are learners first, and made voters once they have caught up.
   */
  proposeConfigurationChange(change: ConfigurationChange): Proposed {
    if (this.role !== "leader") return { refused: "notLeader" };
    const refused = refusalOfChange(this.#replica, change);
    if (refused !== undefined) return { refused };
    return this.#propose({ kind: "configuration", change });
  }

  /** To be called for each configuration entry as it is applied, before `applied`. Returns the new configuration. */
  applyConfigurationChange(change: ConfigurationChange): Configuration {
    // The configuration is that of the snapshot already, which holds what is still being applied.
    if (this.#replica.log.isInstallingSnapshot) return this.configuration;
    const configuration = applyConfigurationChange(this.#replica, change);
    this.#check();
    return configuration;
  }

  /**
   * Sends `data` on to the leader, or proposes it if this replica leads; needs `forwarding`. False if it surely did not
   * happen; true promises nothing.
   */
  forward(data: Uint8Array): boolean {
    const refused = propose(this.#replica, this.id, [{ kind: "normal", data }]);
    this.#check();
    return refused === undefined;
  }

  /**
   * Asks for the index that a read must wait for. It comes in `reads` or `failedReads` with `context`, which need not
   * be unique. Each call is a round of heartbeats, save for those of one turn, which share one. False: not a leader
   * (nor, with `forwarding`, a follower of one; a forwarded read may be lost without a word).
   */
  readIndex(context: number): boolean {
    const { role, leader, settings } = this.#replica;
    if (role !== "leader" && (role !== "follower" || leader === undefined || settings.forwarding === "off"))
      return false;
    step(this.#replica, { type: "readIndexRequest", from: this.id, to: this.id, term: 0, context });
    this.#check();
    return true;
  }

  /** Asks all voters to confirm the reads that wait, if there are any: some may not have been asked yet (`asksFewForReads`). */
  askEverybody(): void {
    askEverybody(this.#replica);
    this.#check();
  }

  /** Stands for election now, as if the election timeout had passed. */
  campaign(): void {
    campaign(this.#replica);
    this.#check();
  }

  /**
   * Hands leadership over to `target`, as soon as its log is complete; given up after an election timeout. False if
   * this replica does not lead or `target` is no other voter.
   */
  transferLeadership(target: ReplicaId): boolean {
    const { role, members } = this.#replica;
    if (role !== "leader" || target === this.id || !members.isVoter(target)) return false;
    step(this.#replica, { type: "transferLeader", from: this.id, to: this.id, term: 0, target });
    this.#check();
    return true;
  }

  /** A follower's host is sure that the leader is gone: votes and pre-votes are no longer held back. */
  forgetLeader(): void {
    const { role, settings } = this.#replica;
    // Voters must keep the lease that reads rely on.
    if (role !== "leader" && settings.readMode !== "lease") this.#replica.leader = undefined;
  }

  /** Messages to `id` were probably lost. */
  reportUnreachable(id: ReplicaId): void {
    const progress = this.#progress(id);
    if (progress?.kind === "replicate") progress.becomeProbe();
  }

  /**
   * The sending of a snapshot to `id` has ended. To be called for every `installSnapshot` message, soon or late: it is
   * what has a follower served that never installed it, or whose next entries were cut from the log meanwhile.
   */
  reportSnapshot(id: ReplicaId, isSuccess: boolean): void {
    const progress = this.#progress(id);
    if (progress !== undefined) handleSnapshotReport(progress, isSuccess);
  }

  /** Entries that the log's reader called "unavailable" have been fetched. */
  entriesAvailable(): void {
    const replica = this.#replica;
    replica.log.isApplyWaitingForEntries = false;
    if (replica.role !== "leader") return;
    for (const progress of replica.members.all) {
      if (!progress.isWaitingForEntries) continue;
      progress.isWaitingForEntries = false;
      sendPendingEntries(replica, progress);
    }
  }

  /** The persist of that `id`, and with it all before, is durable. */
  persisted(id: number): void {
    const outstanding = this.#outstanding.shift();
    assert(outstanding?.id === id, "persists must be reported in the order in which they were handed out");
    this.#durableTerm = outstanding.completion.term;
    for (const message of outstanding.ownMessages) step(this.#replica, message);
    complete(this.#replica, outstanding.completion);
    if (outstanding.completion.snapshotIndex !== undefined) this.#applyWindow.takeUpTo(this.appliedIndex);
    this.#check();
  }

  /** Everything up to `index` is applied. */
  applied(index: LogIndex): void {
    const replica = this.#replica;
    replica.invariants.applied(index, replica.log.applyingIndex);
    const { bytes, payloadBytes } = this.#applyWindow.takeUpTo(index);
    appliedTo(replica, index, bytes);
    replica.uncommittedBytes = Math.max(0, replica.uncommittedBytes - payloadBytes);
    this.#check();
  }

  /** Whether `ready()` has something to do. */
  hasReady(): boolean {
    const { log, outbox, outboxAfterPersist, confirmedReads, failedReads } = this.#replica;
    return (
      log.hasPending ||
      outbox.length > 0 ||
      outboxAfterPersist.length > 0 ||
      confirmedReads.length > 0 ||
      failedReads.length > 0 ||
      this.#hasNewTermOrVote ||
      this.#isCommitDue ||
      log.hasNextCommitted(false)
    );
  }

  /** Hands over what is to be done. Each thing is handed over once. */
  ready(): Ready {
    this.#settle();
    const replica = this.#replica;
    const mustSync = replica.log.hasPending || this.#hasNewTermOrVote;
    // In this order: what is taken as pending is read from the host's log from then on, which does not have it yet.
    const apply = replica.log.takeCommitted(false);
    const { snapshot, entries } = replica.log.takePending();
    this.#applyWindow.add(apply);
    const messages: Message[] = [];
    const withheld: Message[] = [];
    for (const message of replica.outbox) {
      (termBehind(message) > this.#durableTerm ? withheld : messages).push(message);
    }
    const isPersistNeeded =
      mustSync || this.#isCommitDue || withheld.length > 0 || replica.outboxAfterPersist.length > 0;
    const persist = isPersistNeeded ? this.#persist(mustSync, snapshot, entries, withheld) : undefined;
    const { confirmedReads, failedReads } = replica;
    replica.outbox = [];
    replica.confirmedReads = [];
    replica.failedReads = [];
    this.#check();
    return { persist, messages: coalesce(messages), apply, reads: confirmedReads, failedReads };
  }

  get #hasNewTermOrVote(): boolean {
    return this.#replica.term !== this.#handed.term || this.#replica.vote !== this.#handed.vote;
  }

  /** Messages that stand on what is durable already need not wait: its own are taken in, the others go out. */
  #settle(): void {
    const replica = this.#replica;
    while (
      replica.outboxAfterPersist.length > 0 &&
      this.#outstanding.length === 0 &&
      !replica.log.hasPending &&
      !this.#hasNewTermOrVote
    ) {
      const messages = replica.outboxAfterPersist;
      replica.outboxAfterPersist = [];
      for (const message of messages) {
        if (message.to === replica.id) step(replica, message);
        else replica.outbox.push(message);
      }
    }
  }

  #persist(
    mustSync: boolean,
    snapshot: Snapshot | undefined,
    entries: Persist["entries"],
    withheld: readonly Message[],
  ): Persist {
    const replica = this.#replica;
    const { hardState } = replica;
    const isSame = !this.#hasNewTermOrVote && hardState.commit === this.#handed.commit;
    replica.invariants.stores(hardState, this.#handed);
    const id = this.#nextPersistId++;
    const ownMessages: Message[] = [];
    const messages: Message[] = [...withheld];
    for (const message of replica.outboxAfterPersist) {
      (message.to === replica.id ? ownMessages : messages).push(message);
    }
    replica.outboxAfterPersist = [];
    this.#outstanding.push({ id, completion: completionOf(replica, snapshot?.index), ownMessages });
    this.#handed = hardState;
    this.#isCommitDue = false;
    return {
      id,
      snapshot,
      entries,
      hardState: isSame ? undefined : hardState,
      mustSync,
      messages: coalesce(messages),
    };
  }

  #propose(proposal: Proposal): Proposed {
    if (this.#replica.role !== "leader") return { refused: "notLeader" };
    const refused = propose(this.#replica, this.id, [proposal]);
    this.#check();
    return refused === undefined ? { index: this.lastIndex, term: this.term } : { refused };
  }

  #check(): void {
    this.#replica.invariants.check(this.#replica);
  }

  #progress(id: ReplicaId): ReturnType<Replica["members"]["get"]> {
    return this.#replica.role === "leader" && id !== this.id ? this.#replica.members.get(id) : undefined;
  }
}

/** Leaves out snapshots that their receiver would ignore, since it is not in them (CONSENSUS N-3). */
function onlyUseful(source: SnapshotSource): SnapshotSource {
  return {
    latest(follower) {
      const snapshot = source.latest(follower);
      if (snapshot === undefined) return undefined;
      const { voters, votersOutgoing, learners } = snapshot.configuration;
      return [voters, votersOutgoing, learners].some((ids) => ids.includes(follower)) ? snapshot : undefined;
    },
  };
}

/** The term that the sender must not forget once `message` has left. */
function termBehind(message: Message): Term {
  return message.type === "requestVote" && message.isPreVote ? message.term - 1 : message.term;
}

function isResponse(message: Message): boolean {
  switch (message.type) {
    case "appendEntriesResponse":
    case "requestVoteResponse":
    case "heartbeatResponse":
    case "readIndexResponse":
      return true;
    default:
      return false;
  }
}
