/**
 * Elections sooner than a time-out (DESIGN §6). A process that dies closes its connections, and nobody listens at its
 * address any more: who follows such a leader forgets it and asks for pre-votes after a short random delay. The same
 * spares a cluster that has just been started the wait for a leader that cannot be there yet. Nothing depends on it for
 * safety: pre-votes disturb no leader that is alive, and when it fails Raft's own time-out comes.
 */
import { type Clock, type Random, randomInteger, type Timer } from "../../platform/index.ts";
import type { Replica } from "../replica/replica.ts";
import { nodeOf } from "../replica/replica-id.ts";

/** Before the first attempt: the others should have noticed too. */
const firstDelayMs = { min: 5, max: 60 };
/** Between attempts. */
const nextDelayMs = { min: 50, max: 250 };
const attemptsMax = 8;

export class ElectionHaste {
  constructor(replica: Replica, options: { readonly clock: Clock; readonly random: Random }) {
    this.#replica = replica;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Nobody listens any more where the node was. */
  nodeGone(nodeId: number): void {
    const { core } = this.#replica;
    if (core.leader !== undefined && nodeOf(core.leader) === nodeId && core.role !== "leader")
      this.#replica.forgetLeader();
    this.begin();
  }

  /** Asks for votes soon, unless there is a leader by then. */
  begin(): void {
    if (this.#timer !== undefined || !this.#isWanted) return;
    this.#attemptsLeft = attemptsMax;
    this.#arm(firstDelayMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #replica: Replica;
  readonly #clock: Clock;
  readonly #random: Random;
  #timer: Timer | undefined;
  #attemptsLeft = 0;

  get #isWanted(): boolean {
    const { core, stoppedBecause } = this.#replica;
    return stoppedBecause === undefined && core.leader === undefined && core.role !== "candidate";
  }

  #arm(delayMs: { readonly min: number; readonly max: number }): void {
    this.#timer = this.#clock.setTimer(randomInteger(this.#random, delayMs), () => {
      this.#timer = undefined;
      if (this.#isWanted) this.#replica.campaign();
      if (--this.#attemptsLeft > 0 && this.#replica.core.leader === undefined) this.#arm(nextDelayMs);
    });
  }
}
