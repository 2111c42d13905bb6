/**
 * Who votes on the directory: all active nodes up to three, three of four, and five from five on. Sticky: a voter stays
 * unless it is not to be active any more, or is lost while another node could take its place, or stands in a zone twice
 * while another zone has none. Everybody else that is not removed learns the directory without a vote.
 */
import { type ClusterView, isHeard, lostNodes } from "./cluster-view.ts";
import type { DirectoryNode, DirectoryState } from "./directory-state.ts";
import { activeNodes } from "./node-lookup.ts";

/** In numbers of nodes, sorted. */
export interface DirectoryMembers {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
}

/** @param view undefined: all nodes are heard, and none votes yet, as in a cluster that begins. */
export function directoryMembers(state: DirectoryState, view?: ClusterView): DirectoryMembers {
  const voters = directoryVoters(state, view);
  const present = state.nodes.filter((node) => node.state !== "removed").map(({ id }) => id);
  return { voters, learners: present.filter((id) => !voters.includes(id)) };
}

/** @param view as for {@link directoryMembers}. */
export function directoryVoters(state: DirectoryState, view?: ClusterView): readonly number[] {
  const candidates = candidatesOf(state, view);
  const chosen: Candidate[] = [];
  const count = voterCount(candidates.length);
  for (let rank = 0; rank < rankCount && chosen.length < count; rank++) {
    take(
      chosen,
      candidates.filter((candidate) => candidate.rank === rank),
      count,
    );
  }
  spread(chosen, candidates);
  return chosen.map(({ node }) => node.id).sort((a, b) => a - b);
}

/** A node that may vote; the lower its rank the better. */
interface Candidate {
  readonly node: DirectoryNode;
  readonly rank: number;
  readonly isHeard: boolean;
}

const rankCount = 5;

function voterCount(nodes: number): number {
  if (nodes <= 3) return nodes;
  return nodes === 4 ? 3 : 5;
}

/** By number. */
function candidatesOf(state: DirectoryState, view: ClusterView | undefined): readonly Candidate[] {
  const present = new Set(view?.directoryVoters);
  const lost = new Set(view === undefined ? [] : lostNodes(state, view).map(({ id }) => id));
  return activeNodes(state).map((node): Candidate => {
    const heard = view === undefined || isHeard(view, node.id);
    return { node, isHeard: heard, rank: rankOf({ isVoter: present.has(node.id), isLost: lost.has(node.id), heard }) };
  });
}

function rankOf({ isVoter, isLost, heard }: { isVoter: boolean; isLost: boolean; heard: boolean }): number {
  if (isVoter && !isLost) return heard ? 0 : 1;
  if (heard) return 2;
  return isVoter ? 3 : 4;
}

/** As many as there is room for, those of zones not met yet first, then by number. */
function take(chosen: Candidate[], offered: readonly Candidate[], count: number): void {
  const zones = new Set(chosen.map(({ node }) => node.zone));
  const later: Candidate[] = [];
  for (const candidate of offered) {
    if (chosen.length < count && !zones.has(candidate.node.zone)) {
      chosen.push(candidate);
      zones.add(candidate.node.zone);
    } else later.push(candidate);
  }
  chosen.push(...later.slice(0, count - chosen.length));
}

/** One that shares its zone gives way to one that is heard in a zone without any, as long as there are such. */
function spread(chosen: Candidate[], candidates: readonly Candidate[]): void {
  for (;;) {
    const zones = new Set(chosen.map(({ node }) => node.zone));
    const taker = candidates.find((candidate) => candidate.isHeard && !zones.has(candidate.node.zone));
    const givers = chosen.filter((one) => chosen.some((other) => other !== one && other.node.zone === one.node.zone));
    const giver = givers.toSorted((a, b) => b.rank - a.rank || b.node.id - a.node.id)[0];
    if (taker === undefined || giver === undefined) return;
    chosen.splice(chosen.indexOf(giver), 1, taker);
  }
}
