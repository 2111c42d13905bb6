/**
 * Where the directory is led, replicas are placed: once a second, and soon after each change of the directory, the leader looks
 * who is there, has the planner say what comes next, and makes that one change of the directory (CONSENSUS §15). A node that does not lead, or does not hear a majority of
 * those that vote on the directory, does nothing (B-5); should it not know yet that it leads no longer, its change is one
 * for an epoch that has passed.
 *
 * Absence is counted here, from the moment on at which this node began to lead, and only while it heard a majority and those who
 * lead the absent node's shards did not hear it either: who is cut off, or new, takes nobody for lost.
 */
import {
  type ClusterView,
  type DirectoryRecord,
  type DirectoryState,
  decideAll,
  directoryMembers,
  type HeldMove,
  type NodeView,
  type PartlyHeard,
  type PlannedGoal,
  type PlannedStep,
  type PlannerLimits,
  planStep,
} from "../../directory/index.ts";
import { type Clock, CoterieError, type Logger, type Timer } from "../../platform/index.ts";
import type { GroupWish } from "../groups/group-change.ts";
import { heardWithinMs } from "../peers/silences.ts";
import { Absences } from "./absences.ts";

/** That this node leads the directory's group and, lately, heard a majority of those that vote there. */
export interface DirectorySeat {
  readonly term: number;
  /** Numbers of the nodes with a vote; while members change, of both halves. */
  readonly voters: readonly number[];
  /** Whether the node's replica of the directory follows closely. */
  hasCaughtUp(nodeId: number): boolean;
}

export interface PlacementDriverOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** This node's number. */
  readonly self: number;
  /** Undefined: it does not lead, or has no majority. */
  readonly seat: () => DirectorySeat | undefined;
  /** When the node was heard last, on the clock's scale; undefined: not since this one started. */
  readonly heardMs: (nodeId: number) => number | undefined;
  /** Of those who lead shards with a replica on a node that is not heard here, who hears it: then it is not absent. */
  readonly hearersOf: (nodeId: number) => readonly number[];
  /** This node's copy of the directory. */
  readonly state: () => DirectoryState;
  /**
   * Puts the records that follow from the newest state this node knows, if the directory is still at its epoch; asks again
   * with a newer state when it was not. Without records there is nothing to be done.
   */
  readonly change: (decide: (state: DirectoryState) => readonly DirectoryRecord[]) => Promise<void>;
  readonly limits?: PlannerLimits | undefined;
  /** Between two looks while nothing changes; default {@link placementLookMs}. */
  readonly lookMs?: number | undefined;
}

export const placementLookMs = 1_000;
/** Between a change and the look at it: a move that has ended makes room for the next one. */
const changeLookMs = 200;

/** What the last look found, for people. */
export interface PlacementReport {
  /** What waits for something else than other moves. */
  readonly held: readonly HeldMove[];
  /** What an operator has to decide. */
  readonly warnings: readonly string[];
}

export class PlacementDriver {
  constructor(options: PlacementDriverOptions) {
    this.#options = options;
    this.#lookMs = options.lookMs ?? placementLookMs;
    this.#absences = new Absences(this.#lookMs);
    this.#deafness = new Absences(this.#lookMs);
    this.#arm();
  }

  /** Undefined while this node does not place replicas. */
  get report(): PlacementReport | undefined {
    return this.#options.seat() === undefined ? undefined : this.#report;
  }

  /**
   * Who is to vote on the directory, and who to learn it. The same object as long as that does not change; undefined while
   * this node does not lead, and until it has looked once: then the members stay as they are.
   */
  get directoryWish(): GroupWish | undefined {
    return this.#options.seat()?.term === this.#term ? this.#directoryWish : undefined;
  }

  /** No look follows. A change that was sent off may count still. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  readonly #options: PlacementDriverOptions;
  readonly #lookMs: number;
  readonly #absences: Absences;
  /** Of those that are not heard here alone. */
  readonly #deafness: Absences;
  #timer: Timer | undefined;
  #isStopped = false;
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** The directory as it was at the last look that counted. */
  #seen: DirectoryState | undefined;
  #isChanging = false;
  /** In which it led when it looked last. */
  #term: number | undefined;
  #goal: PlannedGoal | undefined;
  #report: PlacementReport | undefined;
  #directoryWish: GroupWish | undefined;
  /** What was said last, so that it is said once. */
  #said = "";

  #arm(): void {
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.setTimer(Math.min(changeLookMs, this.#lookMs), () => {
      const nowMs = this.#options.clock.nowMs();
      if (nowMs - this.#lookedMs >= this.#lookMs || this.#options.state() !== this.#seen) {
        this.#lookedMs = nowMs;
        this.#look();
      }
      this.#arm();
    });
  }

  #look(): void {
    const seat = this.#options.seat();
    if (seat === undefined) {
      this.#absences.pause();
      this.#deafness.pause();
      return;
    }
    if (seat.term !== this.#term) this.#begin(seat.term);
    const state = this.#options.state();
    if (!this.#isChanging) this.#seen = state;
    const view = this.#viewOf(state, seat);
    this.#wishMembers(directoryMembers(state, view));
    if (!this.#isChanging) void this.#plan(state, view, seat.term);
  }

  /** Nothing of an earlier time in which this node led counts now. */
  #begin(term: number): void {
    this.#term = term;
    this.#absences.forget();
    this.#deafness.forget();
    this.#goal = undefined;
    this.#report = undefined;
    this.#directoryWish = undefined;
    this.#said = "";
  }

  #viewOf(state: DirectoryState, seat: DirectorySeat): ClusterView {
    const { clock, heardMs, hearersOf, self } = this.#options;
    const nowMs = clock.nowMs();
    const ids = state.nodes.filter((node) => node.state !== "removed").map(({ id }) => id);
    const isHeard = (id: number): boolean => id === self || nowMs - (heardMs(id) ?? -Infinity) <= heardWithinMs;
    const hearers = new Map(ids.filter((id) => !isHeard(id)).map((id) => [id, hearersOf(id)] as const));
    const isPartlyHeard = (id: number): boolean => (hearers.get(id)?.length ?? 0) > 0;
    const unheard = [...hearers.keys()];
    this.#absences.look(
      nowMs,
      unheard.filter((id) => !isPartlyHeard(id)),
    );
    this.#deafness.look(nowMs, unheard.filter(isPartlyHeard));
    const partlyHeard = (id: number): PartlyHeard | undefined =>
      isPartlyHeard(id) ? { notBy: self, by: hearers.get(id) ?? [], forMs: this.#deafness.msOf(id) } : undefined;
    const viewOfNode = (id: number): NodeView => ({
      isHeard: !hearers.has(id),
      absentMs: this.#absences.msOf(id),
      partlyHeard: partlyHeard(id),
      hasDirectory: id === self || seat.hasCaughtUp(id),
    });
    return { nodes: new Map(ids.map((id) => [id, viewOfNode(id)])), directoryVoters: seat.voters };
  }

  #wishMembers(wish: GroupWish): void {
    const isSame = (left: readonly number[], right: readonly number[]): boolean => String(left) === String(right);
    const before = this.#directoryWish;
    if (before !== undefined && isSame(before.voters, wish.voters) && isSame(before.learners, wish.learners)) return;
    this.#directoryWish = wish;
  }

  async #plan(seen: DirectoryState, view: ClusterView, term: number): Promise<void> {
    const first = planStep(seen, view, this.#options.limits, this.#goal);
    this.#keep(first);
    if (first.changes.length === 0) return;
    this.#isChanging = true;
    let made: PlannedStep | undefined;
    try {
      await this.#options.change((state) => {
        // Who has lost the directory's lead meanwhile decides nothing any more.
        made = undefined;
        if (this.#isStopped || this.#options.seat()?.term !== term) return [];
        made = state === seen ? first : planStep(state, view, this.#options.limits, this.#goal);
        return this.#recordsOf(state, made);
      });
      if (made !== undefined) this.#noteMade(made);
    } catch (error) {
      // What became of it shows in the directory: the next look goes on from there.
      if (!(error instanceof CoterieError)) throw error;
      this.#options.logger.log("warn", "the directory took no change", { code: error.code, message: error.message });
    } finally {
      this.#isChanging = false;
    }
  }

  #recordsOf(state: DirectoryState, { changes }: PlannedStep): readonly DirectoryRecord[] {
    const { records, refused } = decideAll(
      state,
      changes.map(({ request }) => request),
    );
    for (const { request, refusal } of refused) {
      this.#options.logger.log("warn", "a planned change is refused", { kind: request.kind, message: refusal.message });
    }
    return records;
  }

  #keep({ goal, held, warnings }: PlannedStep): void {
    this.#goal = goal;
    this.#report = { held, warnings };
    const said = warnings.join(" ");
    if (said === this.#said) return;
    this.#said = said;
    for (const warning of warnings) this.#options.logger.log("warn", warning, {});
  }

  #noteMade(step: PlannedStep): void {
    this.#keep(step);
    for (const { request, reason } of step.changes) {
      this.#options.logger.log("info", reason, request.kind === "wish" ? { shard: request.shard } : {});
    }
  }
}
