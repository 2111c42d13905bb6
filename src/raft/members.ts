import { assert } from "../platform/index.ts";
import { type Configuration, emptyConfiguration } from "./configuration.ts";
import type { LogIndex, ReplicaId } from "./entry.ts";
import { Progress } from "./progress.ts";
import { majorityValue, type VoteResult, voteResult } from "./quorum.ts";

/** The members of the group by the applied configuration, what is known of each, and how they voted. */
export class Members {
  configuration: Configuration = emptyConfiguration;
  /** Voters of both halves and learners, each once, sorted by id: the order of every broadcast. */
  all: readonly Progress[] = [];

  readonly #limits: { readonly messagesMax: number; readonly bytesMax: number };
  readonly #byId = new Map<ReplicaId, Progress>();
  readonly #votes = new Map<ReplicaId, boolean>();
  readonly #scratch: number[] = [];
  #incoming: readonly Progress[] = [];
  #outgoing: readonly Progress[] = [];

  constructor(limits: { readonly messagesMax: number; readonly bytesMax: number }) {
    this.#limits = limits;
  }

  get(id: ReplicaId): Progress | undefined {
    return this.#byId.get(id);
  }

  isVoter(id: ReplicaId): boolean {
    return this.configuration.voters.includes(id) || this.configuration.votersOutgoing.includes(id);
  }

  /** All voters of both halves, sorted. */
  get voters(): readonly ReplicaId[] {
    const { voters, votersOutgoing } = this.configuration;
    if (votersOutgoing.length === 0) return voters;
    return [...new Set([...voters, ...votersOutgoing])].sort((a, b) => a - b);
  }

  /** Whether one voter decides alone. */
  get isSingleton(): boolean {
    return this.configuration.voters.length === 1 && this.configuration.votersOutgoing.length === 0;
  }

  /**
   * Takes `configuration` into use. Who stays keeps its progress, save those in `renewed` (removed and added again);
   * who is new is probed from `lastIndex`, and counts as active until the quorum has been checked once.
   */
  configure(configuration: Configuration, lastIndex: LogIndex, renewed: ReadonlySet<ReplicaId> = new Set()): void {
    const { voters, votersOutgoing, learners } = configuration;
    const ids = [...new Set([...voters, ...votersOutgoing, ...learners])].sort((a, b) => a - b);
    const all = ids.map((id) => {
      const isLearner = learners.includes(id);
      const known = this.#byId.get(id);
      if (known === undefined || renewed.has(id)) {
        return new Progress(id, { nextIndex: Math.max(lastIndex, 1), isLearner, isRecentlyActive: true }, this.#limits);
      }
      known.isLearner = isLearner;
      return known;
    });
    this.#byId.clear();
    for (const progress of all) this.#byId.set(progress.id, progress);
    const byId = (id: ReplicaId): Progress => this.#byId.get(id)!;
    this.configuration = configuration;
    this.all = all;
    this.#incoming = voters.map(byId);
    this.#outgoing = votersOutgoing.map(byId);
  }

  /** Forgets what was known of anybody, as at a restart. */
  clear(): void {
    this.#byId.clear();
  }

  /** The highest index that a majority (of both halves) holds. */
  committedIndex(): LogIndex {
    return Math.min(this.#majorityMatch(this.#incoming), this.#majorityMatch(this.#outgoing));
  }

  /** Whether a majority (of both halves) answered since {@link resetActivity}. */
  hasActiveQuorum(): boolean {
    const isActive = new Map<ReplicaId, boolean>();
    for (const progress of this.all) if (!progress.isLearner) isActive.set(progress.id, progress.isRecentlyActive);
    return this.#result(isActive) === "won";
  }

  /** Begins a new period of watching who answers; `self` always does. */
  resetActivity(self: ReplicaId): void {
    for (const progress of this.all) if (progress.id !== self) progress.resetActivity();
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** Notes a vote, the first of each voter only, and tells how the election stands. */
  recordVote(id: ReplicaId, granted: boolean): VoteResult {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
    return this.#result(this.#votes);
  }

  #result(votes: ReadonlyMap<ReplicaId, boolean>): VoteResult {
    return voteResult({ incoming: this.configuration.voters, outgoing: this.configuration.votersOutgoing }, votes);
  }

  #majorityMatch(voters: readonly Progress[]): LogIndex {
    // The usual outgoing half; and the scratch array keeps its length.
    if (voters.length === 0) return Number.POSITIVE_INFINITY;
    const scratch = this.#scratch;
    scratch.length = voters.length;
    for (let i = 0; i < voters.length; i++) scratch[i] = voters[i]!.matchIndex;
    const index = majorityValue(scratch);
    assert(index >= 0, "a match index is negative");
    return index;
  }
}
