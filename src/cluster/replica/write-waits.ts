/**
 * `WAIT`, truthfully: how many other replicas hold the connection's last write on their disks. A follower acknowledges
 * an entry only once it is durable, so the leader's `match` is that number.
 */
import type { CommandSpec, Keyspace } from "../../keyspace/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { LogIndex, RaftCore } from "../../raft/index.ts";
import { Arguments, type ErrorReply } from "../../resp/index.ts";
import type { Batch } from "./batch.ts";
import type { Lane } from "./lane.ts";
import { nodeOf } from "./replica-id.ts";
import { packWords } from "./words.ts";

/** `WAIT replicas timeoutMs index`, as it travels between nodes: timeout 0 waits without end. Never in an entry. */
export const waitSpec: CommandSpec<Keyspace> = {
  name: "WAIT",
  arity: 4,
  flags: ["noscript"],
  keys: undefined,
  keySpecifications: [],
  group: "generic",
  summary: "Wait until a number of replicas hold the connection's writes",
  since: "0.1.0",
  complexity: "O(1)",
  categories: [],
  tips: [],
  subcommands: [],
  execute: undefined,
};

/** The words of a `WAIT` behind a lane's last write that it knows of. */
export function waitWords(replicaCount: number, timeoutMs: number, index: LogIndex): Arguments {
  return Arguments.of(["WAIT", String(replicaCount), String(timeoutMs), String(index)]);
}

interface Wait {
  readonly lane: Lane;
  readonly ticket: number;
  readonly replicaCount: number;
  readonly timeoutMs: number;
  /** Monotonic; infinite without a time limit. */
  readonly deadlineMs: number;
  /** What the lane had written before it came here. */
  readonly givenIndex: LogIndex;
  /** The batch with the lane's last write, which must be applied first. */
  readonly batch: Batch | undefined;
  readonly sinceMs: number;
}

export class WriteWaits {
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(lane: Lane, ticket: number, args: Arguments): void {
    const sinceMs = this.#clock.nowMs();
    const timeoutMs = Number(args.text(2));
    this.#waiting.push({
      lane,
      ticket,
      replicaCount: Number(args.text(1)),
      timeoutMs,
      deadlineMs: timeoutMs > 0 ? sinceMs + timeoutMs : Number.POSITIVE_INFINITY,
      givenIndex: Number(args.text(3)),
      batch: lane.lastBatch,
      sinceMs,
    });
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Answers those that are satisfied, or late. */
  check(core: RaftCore): void {
    if (this.#waiting.length === 0) return;
    const nowMs = this.#clock.nowMs();
    const matches = core.status().progress.filter(({ id }) => id !== core.id);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wait of waiting) {
      const index = Math.max(wait.givenIndex, wait.lane.lastWriteIndex);
      const isWritten = wait.batch === undefined || wait.batch.isDone;
      // While one replica takes another's place on a node there are two, and one disk.
      const holders = isWritten ? matches.filter(({ matchIndex }) => matchIndex >= index) : [];
      const count = new Set(holders.map(({ id }) => nodeOf(id))).size;
      if ((isWritten && count >= wait.replicaCount) || nowMs >= wait.deadlineMs) wait.lane.answer(wait.ticket, count);
      else this.#waiting.push(wait);
    }
  }

  /** Leadership was lost: the lanes ask the next leader. */
  giveBack(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { lane, ticket, replicaCount, timeoutMs, givenIndex, sinceMs } of waiting) {
      const index = Math.max(givenIndex, lane.lastWriteIndex);
      lane.giveBack(ticket, waitSpec, packWords(waitWords(replicaCount, timeoutMs, index)), sinceMs);
    }
  }

  answerAll(reply: ErrorReply): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { lane, ticket } of waiting) lane.answer(ticket, reply);
  }

  readonly #clock: Clock;
  #waiting: Wait[] = [];
}
