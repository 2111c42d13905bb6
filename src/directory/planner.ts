/**
 * The planner (CONSENSUS §15): from the directory, and what its leader sees of the nodes, to the next changes. It is pure,
 * and remembers nothing: whoever leads the directory goes on from what stands there. Each look does, in this order,
 *
 * 1. nodes: who holds the directory becomes active, who has no replicas left is drained, and removed if that was wished;
 * 2. moves whose target has gone are taken back;
 * 3. replicas leave the nodes that are to have none (draining, removed, and of those lost one at a time), and shards get
 *    the replicas that they lack; those with the fewest live voters come first;
 * 4. when nothing of that is under way, the nodes are evened out, as the ring's plan says.
 *
 * What holds at each step: a shard has one move at a time (B-2), a node no more than `movesPerNodeMax`; a move begins only
 * where the shard is at rest and has a live majority, and goes to a node that is heard, so that no step leaves fewer live
 * voters than there were (B-3), save where fewer replicas are wanted.
 */
import { absentMsOf, type ClusterView, evenNodes, isHeard, lostNodes, spareVoters } from "./cluster-view.ts";
import { decideAll } from "./decide.ts";
import type { DirectoryNode, DirectoryShard, DirectoryState } from "./directory-state.ts";
import { activeNodes, isNodeRemoved, nameOfNode, nodeOfNumber, shardCountOf } from "./node-lookup.ts";
import { continuedGoal, type PlannedGoal } from "./planned-goal.ts";
import { warningsOf } from "./planner-warnings.ts";
import type { DirectoryRequest } from "./request.ts";
import { movesPerNode } from "./shard-changes.ts";
import { differenceOf, isSameList, nodeOfReplica, nodesOfShard, voterNodesOf } from "./shard-report.ts";
import { targetOf } from "./target.ts";

export interface PlannerLimits {
  /** Changes of one look; default 256. */
  readonly changesMax?: number;
  /** A move to a node that was away for so long is taken back; default 30 seconds, `replaceAfterMs` at most. */
  readonly giveUpMs?: number;
}

export interface PlannedChange {
  readonly request: DirectoryRequest;
  /** For people: what happens, and why. */
  readonly reason: string;
}

/** A move that should be, and cannot begin. */
export interface HeldMove {
  readonly shard: number;
  /** Undefined: a replica is lacking. */
  readonly from: number | undefined;
  /** Undefined: nobody can take it, or nobody is to. */
  readonly to: number | undefined;
  /** For people. */
  readonly reason: string;
}

export interface PlannedStep {
  /** To be made as one change, in this order. */
  readonly changes: readonly PlannedChange[];
  /** What waits for something else than other moves. */
  readonly held: readonly HeldMove[];
  /** What an operator has to decide; sentences for people. */
  readonly warnings: readonly string[];
  /** To be handed to the next look. */
  readonly goal: PlannedGoal | undefined;
}

const changesMaxDefault = 256;
const giveUpMsDefault = 30_000;

/** @param goal what the look before wanted; undefined: there was none, as with a new leader, and nothing is lost by that. */
export function planStep(
  state: DirectoryState,
  view: ClusterView,
  limits: PlannerLimits = {},
  goal?: PlannedGoal | undefined,
): PlannedStep {
  const onward = nodeChanges(state, view);
  const requests = onward.map(({ request }) => request);
  const decided = onward.length === 0 ? state : decideAll(state, requests).state;
  const step = new PlannerStep(decided, view, limits, onward);
  step.takeBack();
  const isEvacuating = step.evacuate();
  const next = isEvacuating ? goal : continuedGoal(decided, evenNodes(decided, view), goal);
  if (!isEvacuating) step.evenOut(next);
  return { changes: step.changes, held: step.held, warnings: warningsOf(state, view), goal: next };
}

/** A move that is thought of. */
interface Move {
  readonly shard: number;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly why: string;
}

/** Nodes go on: they take replicas, have none any more, are removed. */
function nodeChanges(state: DirectoryState, view: ClusterView): readonly PlannedChange[] {
  return state.nodes.flatMap((node): readonly PlannedChange[] => {
    const { id, name } = node;
    if (node.state === "joining" && isHeard(view, id) && view.nodes.get(id)?.hasDirectory === true) {
      const reason = `${name} holds the directory: it takes replicas from now on`;
      return [{ request: { kind: "activate", node: id }, reason }];
    }
    if (node.state === "draining" && shardCountOf(state, id) === 0) {
      return [{ request: { kind: "drained", node: id }, reason: `${name} has no replicas any more: it is drained` }];
    }
    // A report that came late may have shown a replica still.
    const isEmpty = (): boolean => !view.directoryVoters.includes(id) && shardCountOf(state, id) === 0;
    if (node.state === "drained" && node.isDecommissioned && isEmpty()) {
      const request: DirectoryRequest = { kind: "remove", node: id, heard: new Set(), isForced: false };
      return [{ request, reason: `${name} is drained, and is removed as was wished` }];
    }
    return [];
  });
}

/** One look, while it is made: what was planned is seen by what comes after. */
class PlannerStep {
  readonly changes: PlannedChange[];
  readonly held: HeldMove[] = [];

  /** @param before what was planned so far, and led to `state`. */
  constructor(state: DirectoryState, view: ClusterView, limits: PlannerLimits, before: readonly PlannedChange[]) {
    const { changesMax = changesMaxDefault, giveUpMs = giveUpMsDefault } = limits;
    this.#state = state;
    this.changes = [...before];
    this.#view = view;
    this.#changesMax = changesMax;
    this.#giveUpMs = Math.min(giveUpMs, state.settings.replaceAfterMs);
    this.#moving = movesPerNode(state);
    this.#leaving = this.#leavingNodes();
  }

  takeBack(): void {
    for (const shard of this.#state.shards) {
      const voters = voterNodesOf(shard.report);
      if (isSameList(voters, shard.wish)) continue;
      const reason = this.#standstill(shard, voters) ?? this.#uselessness(shard, voters);
      if (reason === undefined) continue;
      this.#touched.add(shard.shard);
      this.#wish(shard, voters, `the move of a replica of shard ${shard.shard} is taken back: ${reason}`);
    }
  }

  /** Replicas leave the nodes that are to have none, and come where they lack. Whether there is anything of it under way. */
  evacuate(): boolean {
    const takers = activeNodes(this.#state).filter(({ id }) => isHeard(this.#view, id));
    const moves: { readonly move: Move; readonly spare: number }[] = [];
    let isUnderWay = false;
    for (const shard of this.#state.shards) {
      if (!isSameList(voterNodesOf(shard.report), shard.wish)) {
        if (this.#isEvacuation(shard)) isUnderWay = true;
        continue;
      }
      const move = this.#wantsEvacuation(shard) ? this.#evacuation(shard, takers) : undefined;
      if (move !== undefined) moves.push({ move, spare: spareVoters(this.#view, shard) });
    }
    moves.sort((a, b) => a.spare - b.spare || a.move.shard - b.move.shard);
    for (const { move } of moves) if (this.#begin(move)) isUnderWay = true;
    return isUnderWay;
  }

  evenOut(goal: PlannedGoal | undefined): void {
    const stays = new Set(evenNodes(this.#state, this.#view).map(({ id }) => id));
    const begun = new Set<number>();
    for (const { shard, from, to, reason } of goal?.moves ?? []) {
      // Who does not take part any more is left by evacuation, in its turn.
      if (from === undefined || !stays.has(from) || this.#leaving.has(from) || begun.has(shard)) continue;
      if (this.#begin({ shard, from, to, why: evenReasons[reason] })) begun.add(shard);
    }
  }

  readonly #state: DirectoryState;
  readonly #view: ClusterView;
  readonly #changesMax: number;
  readonly #giveUpMs: number;
  /** By node: replicas that come or go, with what was begun in this look. */
  readonly #moving: Map<number, number>;
  /** Nodes that are to have no replicas, and why. */
  readonly #leaving: ReadonlyMap<number, string>;
  /** Shards whose move was taken back in this look. */
  readonly #touched: Set<number> = new Set();

  /** Draining and removed nodes, and one of those lost: that whose replicas are going already, or are missed most. */
  #leavingNodes(): ReadonlyMap<number, string> {
    const { nodes, shards } = this.#state;
    const leaving = new Map<number, string>();
    for (const { id, name, state } of nodes) if (state === "draining") leaving.set(id, `${name} drains`);
    for (const id of new Set(shards.flatMap(nodesOfShard))) {
      const state = nodeOfNumber(this.#state, id)?.state ?? "removed";
      if (state === "removed" || state === "drained") leaving.set(id, `${nameOfNode(this.#state, id)} is ${state}`);
    }
    const lost = this.#nextLost();
    if (lost !== undefined) leaving.set(lost.id, `${lost.name} has been away for too long`);
    return leaving;
  }

  #nextLost(): DirectoryNode | undefined {
    const lost = lostNodes(this.#state, this.#view);
    if (lost.length === 0) return undefined;
    const urgencies = new Map<number, number>();
    for (const shard of this.#state.shards) {
      const spare = spareVoters(this.#view, shard);
      // A shard that stands still can be helped by nobody, and keeps nobody else waiting.
      if (spare < 0) continue;
      for (const id of nodesOfShard(shard)) {
        const urgency = shard.wish.includes(id) ? spare : Number.NEGATIVE_INFINITY;
        urgencies.set(id, Math.min(urgencies.get(id) ?? Number.POSITIVE_INFINITY, urgency));
      }
    }
    const urgencyOf = ({ id }: DirectoryNode): number => urgencies.get(id) ?? Number.POSITIVE_INFINITY;
    let next: DirectoryNode | undefined;
    for (const node of lost) {
      if (urgencies.has(node.id) && (next === undefined || urgencyOf(node) < urgencyOf(next))) next = node;
    }
    return next;
  }

  /** Such a move would only keep others from its nodes. */
  #standstill(shard: DirectoryShard, voters: readonly number[]): string | undefined {
    if (spareVoters(this.#view, shard) >= 0) return undefined;
    const isDecided = voters.every((id) => isHeard(this.#view, id) || this.#isLongAway(id));
    return isDecided ? "the shard has no live majority" : undefined;
  }

  /** Why a move under way is of no use; undefined: it goes on. */
  #uselessness({ wish }: DirectoryShard, voters: readonly number[]): string | undefined {
    const { gone, come } = differenceOf(voters, wish);
    const [to] = come;
    const { replicas } = this.#state.settings;
    if (to === undefined) {
      if (wish.length < this.#leastReplicas()) return "it should keep all its replicas";
      // Nobody that is live goes while one that stays is not.
      const absent = gone.some((id) => isHeard(this.#view, id)) ? wish.find((id) => this.#isLongAway(id)) : undefined;
      if (absent === undefined) return undefined;
      const how = isNodeRemoved(this.#state, absent) ? "removed" : "away";
      return `${nameOfNode(this.#state, absent)}, which stays, is ${how}`;
    }
    if (gone.length === 0 && wish.length > replicas) return "it should have no more replicas";
    const name = nameOfNode(this.#state, to);
    const state = nodeOfNumber(this.#state, to)?.state ?? "removed";
    if (state !== "active") return `${name} is ${state}`;
    return this.#isLongAway(to) ? `${name} is away` : undefined;
  }

  /** A removed node never comes back, and nobody counts for how long it has been away. */
  #isLongAway(id: number): boolean {
    if (isNodeRemoved(this.#state, id)) return true;
    return !isHeard(this.#view, id) && absentMsOf(this.#view, id) >= this.#giveUpMs;
  }

  /** A shard has this many replicas at least, as far as nodes are there to take them, be they away. */
  #leastReplicas(): number {
    return Math.min(this.#state.settings.replicas, activeNodes(this.#state).length);
  }

  #isEvacuation({ report, wish }: DirectoryShard): boolean {
    const { gone } = differenceOf(voterNodesOf(report), wish);
    return gone.length === 0 || gone.some((id) => this.#leaving.has(id));
  }

  #wantsEvacuation({ wish }: DirectoryShard): boolean {
    return wish.length < this.#leastReplicas() || wish.some((id) => this.#leaving.has(id));
  }

  #evacuation({ shard, wish }: DirectoryShard, takers: readonly DirectoryNode[]): Move | undefined {
    const target = targetOf(this.#state, takers)?.placement[shard] ?? [];
    const going = wish.filter((id) => this.#leaving.has(id));
    const from = going.find((id) => !isHeard(this.#view, id)) ?? going[0];
    const why = from === undefined ? "it lacks a replica" : (this.#leaving.get(from) ?? "");
    const isSurplus = wish.length > this.#state.settings.replicas;
    const to = isSurplus ? undefined : target.find((id) => !wish.includes(id));
    if (from === undefined && to === undefined) {
      this.held.push({ shard, from, to, reason: "no node that is heard could take a replica" });
      return undefined;
    }
    return { shard, from, to, why };
  }

  /** Whether the move begins. */
  #begin(move: Move): boolean {
    const { shard: number, from, to, why } = move;
    const shard = this.#state.shards[number];
    if (shard === undefined || this.#touched.has(number)) return false;
    const hindrance = this.#hindrance(shard, move);
    if (hindrance !== undefined) {
      this.held.push({ shard: number, from, to, reason: hindrance });
      return false;
    }
    const ends = [from, to].filter((id) => id !== undefined);
    const { movesPerNodeMax } = this.#state.settings;
    if (ends.some((id) => (this.#moving.get(id) ?? 0) >= movesPerNodeMax)) return false;
    const nodes = shard.wish.filter((id) => id !== from);
    if (to !== undefined) nodes.push(to);
    nodes.sort((a, b) => a - b);
    if (!this.#wish(shard, nodes, `${this.#moveText(move)}: ${why}`)) return false;
    for (const id of ends) this.#moving.set(id, (this.#moving.get(id) ?? 0) + 1);
    return true;
  }

  /** What keeps a move from beginning, other moves aside; undefined: nothing. */
  #hindrance(shard: DirectoryShard, { from, to }: Move): string | undefined {
    const { report, wish } = shard;
    // Another move of this shard comes first.
    if (!isSameList(voterNodesOf(report), wish)) return "another replica of the shard moves";
    // Of one that goes with this move, or that is away, nothing comes.
    const isAwaited = (id: number): boolean => id !== from && isHeard(this.#view, id);
    if (report.learners.map(nodeOfReplica).some(isAwaited)) return "a replica of the shard is being made anew";
    if (spareVoters(this.#view, shard) < 0) return "the shard has no live majority";
    if (to !== undefined) {
      return isHeard(this.#view, to) ? undefined : `${nameOfNode(this.#state, to)} is away`;
    }
    if (wish.length - 1 < this.#leastReplicas()) return "no node that is heard could take the replica";
    const stays = wish.filter((id) => id !== from);
    const away = stays.find((id) => !isHeard(this.#view, id));
    if (away === undefined || from === undefined || !isHeard(this.#view, from)) return undefined;
    return `${nameOfNode(this.#state, away)} is away, and has a replica that would stay`;
  }

  #moveText({ shard, from, to }: Move): string {
    const name = (id: number): string => nameOfNode(this.#state, id);
    if (from === undefined) return `shard ${shard} gets a replica on ${to === undefined ? "nobody" : name(to)}`;
    if (to === undefined) return `shard ${shard} gives up its replica on ${name(from)}`;
    return `shard ${shard} moves a replica from ${name(from)} to ${name(to)}`;
  }

  #wish({ shard, report }: DirectoryShard, nodes: readonly number[], reason: string): boolean {
    return this.#change({ kind: "wish", shard, nodes, configurationIndex: report.configurationIndex }, reason);
  }

  /** Whether there is room for it. */
  #change(request: DirectoryRequest, reason: string): boolean {
    if (this.changes.length >= this.#changesMax) return false;
    this.changes.push({ request, reason });
    return true;
  }
}

const evenReasons = {
  missing: "it lacks a replica",
  left: "its node does not take part",
  zone: "its replicas come to stand in more zones",
  surplus: "it has more replicas than it should",
  bound: "its node has more than its bound",
  share: "a node that joined or grew gets its share",
} as const;
