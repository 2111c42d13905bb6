import type { GossipCounters, MemberState } from "../gossip/index.ts";

/** What a node's gossip has come to since its start: plain values, for JSON. */
export interface GossipStatus {
  readonly sentCount: number;
  readonly receivedCount: number;
  /** Datagrams of strangers, of other secrets, and damaged ones. */
  readonly droppedCount: number;
  /** Datagrams that the operating system did not take. */
  readonly unsentCount: number;
  /** Questions that nobody answered, neither by datagram nor over a connection. */
  readonly failedProbes: number;
  /** How often others took this node for silent, and it said that it is not. */
  readonly refutations: number;
  /** 1 while the node is well; up to so many times as slow in judging others. */
  readonly slowness: number;
  /** How many of the cluster's other nodes it holds for what; of the rest it has heard nothing. */
  readonly peers: Readonly<Record<MemberState, number>>;
}

/** @param states what it holds each of the other nodes for */
export function gossipStatus(
  counters: GossipCounters & { readonly unsentCount: number },
  states: readonly (MemberState | undefined)[],
): GossipStatus {
  const peers = { alive: 0, suspect: 0, dead: 0, left: 0 };
  for (const state of states) if (state !== undefined) peers[state]++;
  const { sentCount, receivedCount, droppedCounts, unsentCount, failedProbes, refutations, slowness } = counters;
  const droppedCount = Object.values(droppedCounts).reduce((sum, count) => sum + count, 0);
  return { sentCount, receivedCount, droppedCount, unsentCount, failedProbes, refutations, slowness, peers };
}
