import { AssertionFailure } from "../platform/index.ts";
import type { Configuration } from "./configuration.ts";
import type { Entry, HardState, LogIndex, ReplicaId, Term } from "./entry.ts";
import type { Progress } from "./progress.ts";
import type { LogReader } from "./ready.ts";

/** The rules of docs/consensus.md, "Invariants while running", that one replica can hold itself to. */
export type InvariantId =
  | "I-2"
  | "I-3"
  | "I-4"
  | "I-6"
  | "I-8"
  | "I-9"
  | "I-10"
  | "I-11"
  | "I-12"
  | "I-13"
  | "I-14"
  | "I-17";

/** A rule does not hold on this replica, which must stop: nothing that it says counts any more. Its files are kept. */
export class InvariantViolation extends AssertionFailure {
  override readonly name = "InvariantViolation";
  readonly invariant: InvariantId;

  /** `what` is the rule that does not hold, with the values. */
  constructor(invariant: InvariantId, what: string) {
    super(`${invariant}: ${what}`);
    this.invariant = invariant;
  }
}

/** Whether rules are checked. They always are, save by a benchmark that measures what that costs. */
export interface InvariantSwitch {
  readonly isOn: boolean;
}

/** What {@link Invariants.check} looks at. */
export interface Observed {
  readonly term: Term;
  readonly vote: ReplicaId | undefined;
  readonly role: string;
  readonly log: {
    readonly firstIndex: LogIndex;
    readonly lastIndex: LogIndex;
    readonly lastTerm: Term;
    readonly commitIndex: LogIndex;
    readonly appliedIndex: LogIndex;
    readonly applyingIndex: LogIndex;
    readonly isInstallingSnapshot: boolean;
    term(index: LogIndex): Term | undefined;
  };
  readonly members: { readonly all: readonly Progress[] };
}

/**
 * Watches one replica: what must hold of it at all times is looked at where it may break, in production too. `check`
 * compares the whole state with that after the input before; the other methods are called by the steps in between, with
 * what they are about to do. None of them allocates, unless a rule is broken.
 *
 * What can be seen only by looking at several replicas is the simulator's to check, and so is I-7 by digests.
 *
 * @throws InvariantViolation from every method.
 */
export class Invariants {
  readonly #switch: InvariantSwitch;
  /** Whether the fields below hold what was seen after the last input. */
  #isSeen = false;
  #isLeading = false;
  #term: Term = 0;
  #vote: ReplicaId | undefined;
  #commitIndex: LogIndex = 0;
  #appliedIndex: LogIndex = 0;
  /** The end of the log of a leader, which only grows; `#ledTerm` is 0 without one. */
  #ledTerm: Term = 0;
  #ledLastIndex: LogIndex = 0;
  #ledLastTerm: Term = 0;
  /** The members then, and what each was known to hold. */
  #peers: readonly Progress[] = [];
  readonly #matches: LogIndex[] = [];
  /** Changes of the configuration in the log, of which the first may be applied by now. */
  #changes: LogIndex[] = [];

  constructor(invariantSwitch: InvariantSwitch = { isOn: true }) {
    this.#switch = invariantSwitch;
  }

  /** What was stored comes back: nothing of it can be missing (I-12), nor stand apart from the rest (I-17). */
  restores(stored: HardState, log: LogReader, applied: LogIndex): void {
    const { firstIndex, lastIndex } = log;
    if (stored.commit > lastIndex)
      throw new InvariantViolation("I-12", `the log ends at ${lastIndex}, below what was committed, ${stored.commit}`);
    if (applied > lastIndex)
      throw new InvariantViolation("I-12", `the log ends at ${lastIndex}, below what was applied, ${applied}`);
    const lastTerm = log.term(lastIndex);
    if (stored.term < lastTerm)
      throw new InvariantViolation(
        "I-12",
        `the stored term ${stored.term} is older than the last entry's, ${lastTerm}`,
      );
    if (stored.term === 0 && stored.vote !== undefined)
      throw new InvariantViolation("I-12", `a vote for ${stored.vote} is stored without its term`);
    if (firstIndex > applied + 1)
      throw new InvariantViolation("I-17", `the log begins at ${firstIndex}, the state ends at ${applied}`);
  }

  /** The replica enters `term`, as a leader or not. */
  enters(term: Term, before: Term): void {
    if (term < before && this.#switch.isOn)
      throw new InvariantViolation("I-3", `the term goes back from ${before} to ${term}`);
    this.#isLeading = false;
  }

  /** It leads from now on. */
  leads(): void {
    this.#isLeading = true;
  }

  /** `entry` goes to the end of the log, behind (`lastIndex`, `lastTerm`). */
  appends(entry: Entry, lastIndex: LogIndex, lastTerm: Term): void {
    if (!this.#switch.isOn) return;
    if (entry.index !== lastIndex + 1)
      throw new InvariantViolation("I-17", `entry ${entry.index} does not follow ${lastIndex}`);
    if (entry.term < lastTerm)
      throw new InvariantViolation("I-17", `entry ${entry.index} is of term ${entry.term}, after term ${lastTerm}`);
    if (entry.kind === "configuration") this.#changes.push(entry.index);
  }

  /** Entries above `index` are taken out of the log. */
  cuts(index: LogIndex, commitIndex: LogIndex): void {
    if (!this.#switch.isOn) return;
    if (this.#isLeading) throw new InvariantViolation("I-4", `a leader removes its entries above ${index}`);
    if (index < commitIndex)
      throw new InvariantViolation("I-6", `entries above ${index} are replaced, with ${commitIndex} committed`);
    this.#changes = this.#changes.filter((change) => change <= index);
  }

  /** A snapshot takes the place of the log. */
  replaces(snapshotIndex: LogIndex, commitIndex: LogIndex): void {
    if (!this.#switch.isOn) return;
    if (snapshotIndex <= commitIndex)
      throw new InvariantViolation("I-8", `a snapshot of ${snapshotIndex} takes back the commit index ${commitIndex}`);
    this.#changes = [];
  }

  /** The commit index goes to `index`. */
  commits(index: LogIndex, lastIndex: LogIndex): void {
    if (index > lastIndex && this.#switch.isOn) {
      const what = `told to commit ${index}, with a log that ends at ${lastIndex}: it lost entries that it had`;
      throw new InvariantViolation("I-9", what);
    }
  }

  /** A leader of `term` has counted who holds `index`, whose entry is of `entryTerm`, and commits it. */
  counts(
    index: LogIndex,
    term: Term,
    entryTerm: Term | undefined,
    members: { readonly configuration: Configuration; get(id: ReplicaId): Progress | undefined },
  ): void {
    if (!this.#switch.isOn) return;
    if (entryTerm !== term)
      throw new InvariantViolation("I-10", `entry ${index} of term ${entryTerm} is counted in term ${term}`);
    const { voters, votersOutgoing } = members.configuration;
    for (let half = 0; half < 2; half++) {
      const ids = half === 0 ? voters : votersOutgoing;
      let holderCount = 0;
      for (const id of ids) if ((members.get(id)?.matchIndex ?? 0) >= index) holderCount++;
      if (ids.length > 0 && 2 * holderCount <= ids.length)
        throw new InvariantViolation(
          "I-14",
          `${holderCount} of ${ids.length} voters hold ${index}, which is committed`,
        );
    }
  }

  /** Of a committed entry that is handed out to be applied, behind (`index`, `term`). */
  appliesBehind(entry: Entry, index: LogIndex, term: Term): void {
    if (!this.#switch.isOn) return;
    if (entry.index !== index + 1)
      throw new InvariantViolation("I-17", `entry ${entry.index} is to be applied behind ${index}`);
    if (entry.term < term)
      throw new InvariantViolation("I-17", `entry ${entry.index} of term ${entry.term} is applied after term ${term}`);
  }

  /** Everything up to `index` was applied, of what was handed out up to `handedIndex`. */
  applied(index: LogIndex, handedIndex: LogIndex): void {
    if (index > handedIndex && this.#switch.isOn)
      throw new InvariantViolation("I-8", `${index} was applied, with entries handed out up to ${handedIndex}`);
  }

  /** What is to be stored next, after `before`. */
  stores(next: HardState, before: HardState): void {
    if (!this.#switch.isOn) return;
    if (next.term < before.term)
      throw new InvariantViolation("I-3", `the stored term would go back from ${before.term} to ${next.term}`);
    if (next.term === before.term && before.vote !== undefined && next.vote !== before.vote)
      throw new InvariantViolation("I-2", voteChanged(next.term, before.vote, next.vote));
    if (next.commit < before.commit)
      throw new InvariantViolation("I-8", `the stored commit index would go from ${before.commit} to ${next.commit}`);
  }

  /**
   * One configuration follows another: any majority of the one must meet any of the other. Outside of a joint one a
   * single voter may change; a joint one begins and ends with the same voters on the side that stays.
   */
  configures(next: Configuration, before: Configuration): void {
    if (!this.#switch.isOn) return;
    if (next.voters.length === 0) throw new InvariantViolation("I-14", "a configuration without voters");
    const isSafe =
      before.votersOutgoing.length > 0
        ? next.votersOutgoing.length === 0 && isSame(next.voters, before.voters)
        : next.votersOutgoing.length > 0
          ? isSame(next.votersOutgoing, before.voters)
          : differenceOf(next.voters, before.voters) <= 1;
    if (!isSafe) throw new InvariantViolation("I-14", `the voters go from ${shown(before)} to ${shown(next)} at once`);
  }

  /** After every input, and after what it gave was handed out. */
  check(now: Observed): void {
    if (!this.#switch.isOn) {
      this.#isSeen = false;
      return;
    }
    const { term, vote, log } = now;
    const { commitIndex, appliedIndex, lastIndex } = log;
    if (commitIndex > lastIndex)
      throw new InvariantViolation("I-9", `commit ${commitIndex} lies beyond the end of the log, ${lastIndex}`);
    if (appliedIndex > log.applyingIndex || log.applyingIndex > commitIndex)
      throw new InvariantViolation(
        "I-8",
        `applied ${appliedIndex}, handed out ${log.applyingIndex}, commit ${commitIndex}`,
      );
    // While a snapshot is being installed the state is still the old one.
    if (log.firstIndex - 1 > appliedIndex && !log.isInstallingSnapshot)
      throw new InvariantViolation("I-8", `the log begins at ${log.firstIndex}, with ${appliedIndex} applied`);
    if (this.#isSeen) this.#compare(now);
    this.#isSeen = true;
    this.#term = term;
    this.#vote = vote;
    this.#commitIndex = commitIndex;
    this.#appliedIndex = appliedIndex;
    if (this.#isLeading) this.#checkLeader(now);
    else this.#ledTerm = 0;
    if (this.#changes.length > 0) this.#checkChanges(this.#isLeading ? appliedIndex : commitIndex);
  }

  /** Nothing has gone back since the input before. */
  #compare({ term, vote, log }: Observed): void {
    if (term < this.#term) throw new InvariantViolation("I-3", `the term went back from ${this.#term} to ${term}`);
    if (term === this.#term && this.#vote !== undefined && vote !== this.#vote)
      throw new InvariantViolation("I-2", voteChanged(term, this.#vote, vote));
    if (log.commitIndex < this.#commitIndex)
      throw new InvariantViolation("I-8", `commit went back from ${this.#commitIndex} to ${log.commitIndex}`);
    if (log.appliedIndex < this.#appliedIndex)
      throw new InvariantViolation("I-8", `applied went back from ${this.#appliedIndex} to ${log.appliedIndex}`);
  }

  #checkLeader({ term, log, members }: Observed): void {
    const { lastIndex, lastTerm } = log;
    const isSameLead = this.#ledTerm === term;
    const termThere = lastIndex === this.#ledLastIndex ? lastTerm : log.term(this.#ledLastIndex);
    if (isSameLead && termThere !== this.#ledLastTerm) {
      const was = `(${this.#ledLastIndex}, term ${this.#ledLastTerm})`;
      throw new InvariantViolation(
        "I-4",
        `a leader's log ended with ${was} and ends with (${lastIndex}, term ${lastTerm})`,
      );
    }
    this.#ledTerm = term;
    this.#ledLastIndex = lastIndex;
    this.#ledLastTerm = lastTerm;
    const { all } = members;
    // With the configuration members come and go, and one that comes back begins anew.
    const isCompared = isSameLead && this.#peers === all;
    this.#peers = all;
    for (let at = 0; at < all.length; at++) {
      const { id, matchIndex, nextIndex } = all[at]!;
      if (matchIndex >= nextIndex)
        throw new InvariantViolation("I-11", `replica ${id}'s match ${matchIndex} is not below its next ${nextIndex}`);
      if (isCompared && matchIndex < this.#matches[at]!)
        throw new InvariantViolation("I-11", `replica ${id}'s match fell from ${this.#matches[at]} to ${matchIndex}`);
      this.#matches[at] = matchIndex;
    }
  }

  /**
   * A leader proposes a change only when it has applied the one before. A follower may lag in applying; but what shows it
   * the second one shows it that the first one is committed.
   */
  #checkChanges(settledIndex: LogIndex): void {
    const changes = this.#changes;
    while (changes.length > 0 && changes[0]! <= settledIndex) changes.shift();
    if (changes.length > 1)
      throw new InvariantViolation(
        "I-13",
        `changes of the configuration at ${changes.join(" and ")} are both under way`,
      );
  }
}

function voteChanged(term: Term, before: ReplicaId, now: ReplicaId | undefined): string {
  return `the vote of term ${term} went from replica ${before} to ${now ?? "nobody"}`;
}

function isSame(left: readonly ReplicaId[], right: readonly ReplicaId[]): boolean {
  return left.length === right.length && left.every((id, at) => id === right[at]);
}

/** How many replicas are voters in one of the two only. */
function differenceOf(left: readonly ReplicaId[], right: readonly ReplicaId[]): number {
  return left.filter((id) => !right.includes(id)).length + right.filter((id) => !left.includes(id)).length;
}

function shown({ voters, votersOutgoing }: Configuration): string {
  return votersOutgoing.length === 0 ? `(${voters})` : `(${voters})&(${votersOutgoing})`;
}
