import { assert, randomInteger } from "../platform/index.ts";
import type { Configuration } from "./configuration.ts";
import type { HardState, LogIndex, ReplicaId, Term } from "./entry.ts";
import { Invariants } from "./invariants.ts";
import { Members } from "./members.ts";
import type { Message } from "./message.ts";
import { RaftLog } from "./raft-log.ts";
import { ReadQueue } from "./read-queue.ts";
import type { ConfirmedRead } from "./ready.ts";
import { type RaftOptions, type Settings, settingsOf } from "./settings.ts";

/**
 * - follower: follows a leader, or waits for one.
 * - preCandidate: asks whether it could win an election, before it disturbs anybody (thesis §9.6).
 * - candidate: asks for votes.
 * - leader
 */
export type Role = "follower" | "preCandidate" | "candidate" | "leader";

/**
 * The state of one replica, on which the functions of this folder work: `elections.ts`, `replication.ts`, `reads.ts`,
 * `membership.ts` and so on, with `step.ts` and `tick.ts` as the ways in. It holds what must change together, and
 * nothing outside of this folder sees it; `RaftCore` and the adapter are its two faces.
 */
export class Replica {
  readonly id: ReplicaId;
  readonly settings: Settings;
  readonly invariants: Invariants;
  readonly log: RaftLog;
  readonly members: Members;
  readonly reads: ReadQueue = new ReadQueue();

  role: Role = "follower";
  term: Term;
  vote: ReplicaId | undefined;
  leader: ReplicaId | undefined;

  /** Since the leader was heard of (followers), or since the quorum was checked (leaders). */
  electionElapsedTicks = 0;
  heartbeatElapsedTicks = 0;
  /** Drawn again at each change of role. */
  electionTimeoutTicks = 0;

  /** To whom leadership is being handed over; proposals are refused meanwhile. */
  transferTarget: ReplicaId | undefined;
  /** No configuration change is accepted before this index is applied (CONSENSUS I-13, M-1). */
  pendingConfigurationIndex: LogIndex = 0;
  /** Payload of what was proposed in this term and is not applied yet, as far as this replica led. */
  uncommittedBytes = 0;

  /** To be sent as soon as the term is durable. */
  outbox: Message[] = [];
  /** Votes and acknowledgements, also those to this replica itself: to be sent when all they stand on is durable. */
  outboxAfterPersist: Message[] = [];
  confirmedReads: ConfirmedRead[] = [];
  failedReads: number[] = [];

  constructor(options: RaftOptions, invariants: Invariants = new Invariants()) {
    const settings = settingsOf(options);
    this.id = settings.id;
    this.settings = settings;
    this.invariants = invariants;
    this.log = new RaftLog(
      options.log,
      { commit: options.hardState.commit, applied: options.applied },
      { entryBytes: settings.entryBytes, applyBytesMax: settings.applyBytesMax, invariants },
    );
    this.members = new Members({ messagesMax: settings.inflightMessagesMax, bytesMax: settings.inflightBytesMax });
    this.members.configure(options.configuration, this.log.lastIndex);
    this.term = options.hardState.term;
    this.vote = options.hardState.vote;
    this.becomeFollower(this.term, undefined);
  }

  get configuration(): Configuration {
    return this.members.configuration;
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.commitIndex };
  }

  get isLearner(): boolean {
    return this.members.get(this.id)?.isLearner === true;
  }

  /** Whether this replica may stand for election: a voter, as far as it knows, with its log in place. */
  get isPromotable(): boolean {
    const self = this.members.get(this.id);
    return self !== undefined && !self.isLearner && !this.log.isInstallingSnapshot;
  }

  /** Whether an entry of this term is committed, so that the commit index covers all that earlier leaders committed. */
  get hasCommittedInTerm(): boolean {
    return this.log.matches(this.log.commitIndex, this.term);
  }

  /** Queues a message that stands on nothing but the term. */
  send(message: Message): void {
    assert(message.to !== this.id, "a message to this replica itself was to be sent out");
    this.outbox.push(message);
  }

  /** Queues a vote or an acknowledgement: it waits until everything that is known now is durable (CONSENSUS O-1). */
  sendAfterPersist(message: Message): void {
    this.outboxAfterPersist.push(message);
  }

  becomeFollower(term: Term, leader: ReplicaId | undefined): void {
    this.#reset(term);
    this.role = "follower";
    this.leader = leader;
  }

  /** Begins to ask around. Neither term nor vote nor timeout change. */
  becomePreCandidate(): void {
    assert(this.role !== "leader", "a leader cannot become a pre-candidate");
    this.members.resetVotes();
    this.role = "preCandidate";
    this.leader = undefined;
  }

  becomeCandidate(): void {
    assert(this.role !== "leader", "a leader cannot become a candidate");
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.role = "candidate";
  }

  becomeLeader(): void {
    assert(this.role === "candidate", "only a candidate can become leader");
    this.#reset(this.term);
    this.invariants.leads();
    this.role = "leader";
    this.leader = this.id;
    const self = this.members.get(this.id);
    assert(self !== undefined, "a leader is a member of its group");
    self.becomeReplicate();
    self.isRecentlyActive = true;
    // What the log holds beyond the commit index may be a configuration change; looking would cost more than waiting.
    this.pendingConfigurationIndex = this.log.lastIndex;
  }

  #reset(term: Term): void {
    this.invariants.enters(term, this.term);
    if (this.term !== term) {
      this.term = term;
      this.vote = undefined;
    }
    this.leader = undefined;
    this.electionElapsedTicks = 0;
    this.heartbeatElapsedTicks = 0;
    const { electionTicks, random } = this.settings;
    this.electionTimeoutTicks = randomInteger(random, { min: electionTicks, max: 2 * electionTicks - 1 });
    this.transferTarget = undefined;
    this.members.resetVotes();
    const { lastIndex } = this.log;
    for (const progress of this.members.all) {
      progress.reset(progress.id === this.id ? lastIndex : 0, lastIndex + 1);
    }
    this.pendingConfigurationIndex = 0;
    this.uncommittedBytes = 0;
    for (const context of this.reads.clear(this.id)) this.failedReads.push(context);
  }
}
