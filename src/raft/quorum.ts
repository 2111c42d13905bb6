import type { LogIndex, ReplicaId } from "./entry.ts";

/**
 * Majorities. A decision in a joint configuration needs a majority of both halves (thesis §4.3); an empty half always
 * agrees, so that an ordinary configuration is a joint one with an empty outgoing half.
 */

/** The voters of a configuration; the outgoing half is empty unless it is a joint one. */
export interface Halves {
  readonly incoming: readonly ReplicaId[];
  readonly outgoing: readonly ReplicaId[];
}

/** How an election, or any other question put to the voters, stands. */
export type VoteResult = "won" | "lost" | "pending";

/**
 * The highest of `values` that a majority of them has reached; Infinity for none at all. Sorts `values` in place: it
 * is a scratch array of one number a voter.
 */
export function majorityValue(values: number[]): number {
  const count = values.length;
  if (count === 0) return Number.POSITIVE_INFINITY;
  // Insertion sort: groups have a handful of voters.
  for (let right = 1; right < count; right++) {
    const value = values[right]!;
    let left = right - 1;
    while (left >= 0 && values[left]! > value) {
      values[left + 1] = values[left]!;
      left--;
    }
    values[left + 1] = value;
  }
  return values[count - (Math.floor(count / 2) + 1)]!;
}

/** The index that both halves have acknowledged by majority. Voters missing in `acked` count as 0. */
export function committedIndex(halves: Halves, acked: ReadonlyMap<ReplicaId, LogIndex>): LogIndex {
  const incoming = majorityValue(halves.incoming.map((voter) => acked.get(voter) ?? 0));
  const outgoing = majorityValue(halves.outgoing.map((voter) => acked.get(voter) ?? 0));
  return Math.min(incoming, outgoing);
}

/** How both halves together have voted. Voters missing in `votes` have not voted yet. */
export function voteResult(halves: Halves, votes: ReadonlyMap<ReplicaId, boolean>): VoteResult {
  const incoming = majorityVoteResult(halves.incoming, votes);
  const outgoing = majorityVoteResult(halves.outgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === "lost" || outgoing === "lost" ? "lost" : "pending";
}

function majorityVoteResult(voters: readonly ReplicaId[], votes: ReadonlyMap<ReplicaId, boolean>): VoteResult {
  if (voters.length === 0) return "won";
  const quorum = Math.floor(voters.length / 2) + 1;
  let granted = 0;
  let missing = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  if (granted >= quorum) return "won";
  return granted + missing >= quorum ? "pending" : "lost";
}

/** Whether `replicas` are a majority of each half. */
export function isMajority(halves: Halves, replicas: readonly ReplicaId[]): boolean {
  return isMajorityOf(halves.incoming, replicas) && isMajorityOf(halves.outgoing, replicas);
}

function isMajorityOf(voters: readonly ReplicaId[], replicas: readonly ReplicaId[]): boolean {
  let count = 0;
  for (const voter of voters) if (replicas.includes(voter)) count++;
  return voters.length === 0 || 2 * count > voters.length;
}
