/**
 * Changes of the directory, from any node (CONSENSUS B-5). A change is decided on this node's copy, and counts only if the
 * directory is still at the epoch of that copy; whoever loses the race waits until the copy has what won, and decides again:
 *
 * ```
 *   decide on the copy ──► DIRECTORY-CHANGE epoch … ──► CHANGED: wait until the copy has it; done
 *          ▲                                       ├──► EPOCH n: wait until the copy has epoch n ──┐
 *          │                                       └──► it did not happen, or nobody knows: wait ──┤
 *          └────────────────────────────────────────────────────────────────────────────────────────┘
 * ```
 *
 * What nobody knows is decided again as well: the same request made twice changes nothing the second time. Also that nothing is to
 * be changed, or that it is refused, counts only once the directory has said that the copy was not out of date.
 */
import type { Decision, DirectoryRecord, DirectoryState } from "../../directory/index.ts";
import { directoryCommandTable } from "../../keyspace/index.ts";
import { assert, type Clock, type Timer } from "../../platform/index.ts";
import { Arguments, encodeReply, type Reply } from "../../resp/index.ts";
import { DirectoryUnavailableError } from "../errors.ts";
import type { LaneOwner, LocalLane } from "../lanes/local-lane.ts";
import type { DirectoryCopy } from "./directory-copy.ts";

/** Between two attempts, where the one before did not come through. */
const retryMs = 200;

export interface DirectoryClientOptions {
  readonly clock: Clock;
  readonly copy: DirectoryCopy;
  /** A lane to the directory's group. */
  readonly openLane: (owner: LaneOwner) => Pick<LocalLane, "submit" | "close">;
  /** A change that has not come through by then fails. */
  readonly timeoutMs: number;
}

/** What became of one attempt. */
type Attempt =
  /** It counts, or the directory was at that epoch where nothing was to be put. */
  | { readonly kind: "changed"; readonly epoch: number }
  /** The directory was at another epoch: nothing has happened. */
  | { readonly kind: "late"; readonly epoch: number }
  /** Nothing has happened, and why. */
  | { readonly kind: "failed"; readonly reason: string }
  /** It may have happened, or may yet. */
  | { readonly kind: "uncertain"; readonly reason: string };

export class DirectoryClient {
  constructor(options: DirectoryClientOptions) {
    this.#options = options;
  }

  /**
   * Makes a change, decided on the newest state, as often as it takes. Resolves with a state of this node's copy that holds
   * it, or in which it is so already.
   *
   * @throws the DirectoryRefusal of the decision; DirectoryUnavailableError (DIRECTORY_UNAVAILABLE), whose outcome says
   * whether it may have happened; DirectoryRecordError (DIRECTORY_RECORD)
   */
  async change(decide: (state: DirectoryState) => Decision): Promise<DirectoryState> {
    let decision: Decision | undefined;
    await this.#settle((state) => {
      decision = decide(state);
      return decision.kind === "change" ? decision.records : [];
    });
    if (decision?.kind === "refused") throw decision.refusal;
    return this.#options.copy.state;
  }

  /**
   * The same with the records themselves. None: there is nothing to be done, as far as this node knows, and nobody is asked.
   *
   * @throws DirectoryUnavailableError (DIRECTORY_UNAVAILABLE), DirectoryRecordError (DIRECTORY_RECORD)
   */
  async put(decide: (state: DirectoryState) => readonly DirectoryRecord[]): Promise<void> {
    await this.#settle((state) => {
      const records = decide(state);
      return records.length === 0 ? undefined : records;
    });
  }

  /** The copy has changed. */
  changed(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** The node stops: nothing is begun any more, and whoever waits is told. */
  close(): void {
    this.#isClosed = true;
    this.#lane?.close();
    for (const settle of this.#attempts.values()) settle(uncertainAttempt("the node has stopped"));
    for (const wake of [...this.#waiting]) wake();
  }

  readonly #options: DirectoryClientOptions;
  #lane: Pick<LocalLane, "submit" | "close"> | undefined;
  #ticket = 0;
  /** Those under way, by ticket. */
  readonly #attempts: Map<number, (attempt: Attempt) => void> = new Map();
  /** Of those who wait for the copy, or for time to pass. */
  readonly #waiting: Set<() => void> = new Set();
  #isClosed = false;

  /** Until what was decided counts, or nothing is to be done (undefined). */
  async #settle(decide: (state: DirectoryState) => readonly DirectoryRecord[] | undefined): Promise<void> {
    const { clock, copy, timeoutMs } = this.#options;
    const untilMs = clock.nowMs() + timeoutMs;
    /** Why it may have happened already; undefined: it has not. */
    let doubt: string | undefined;
    for (;;) {
      if (copy.fault !== undefined) throw copy.fault;
      const records = decide(copy.state);
      if (records === undefined) return;
      const attempt = await this.#attempt(copy.state.epoch, records, untilMs);
      const isKnown = !("epoch" in attempt) || (await this.#untilEpoch(attempt.epoch, untilMs));
      if (attempt.kind === "changed") {
        if (isKnown) return;
        throw new DirectoryUnavailableError("it has changed, and this node has yet to hear of that", "applied");
      }
      if (attempt.kind === "uncertain" && records.length > 0) doubt = attempt.reason;
      if (attempt.kind !== "late") await this.#pause(untilMs);
      if (clock.nowMs() < untilMs && isKnown && !this.#isClosed) continue;
      if (doubt !== undefined) throw new DirectoryUnavailableError(doubt, "unknown");
      const reason = isKnown ? reasonOf(attempt) : "this node's copy of it is behind";
      throw new DirectoryUnavailableError(reason, "notApplied");
    }
  }

  async #attempt(epoch: number, records: readonly DirectoryRecord[], untilMs: number): Promise<Attempt> {
    if (this.#isClosed) return { kind: "failed", reason: "the node is stopping" };
    const args = changeArguments(epoch, records);
    const spec = directoryCommandTable.resolve(args);
    assert(spec !== undefined, "the command that changes the directory");
    const ticket = this.#ticket++;
    return await new Promise<Attempt>((resolve) => {
      const { clock } = this.#options;
      const timer: Timer = clock.setTimer(Math.max(0, untilMs - clock.nowMs()), () => {
        settle(uncertainAttempt("no answer came in time"));
      });
      const settle = (attempt: Attempt): void => {
        timer.cancel();
        this.#attempts.delete(ticket);
        resolve(attempt);
      };
      this.#attempts.set(ticket, settle);
      this.#lane ??= this.#options.openLane(this.#owner);
      this.#lane.submit(ticket, spec, args, 3);
    });
  }

  readonly #owner: LaneOwner = {
    isBehind: false,
    reply: (ticket, reply) => this.#attempts.get(ticket)?.(attemptOf(reply)),
    fail: (reason) => {
      this.#lane = undefined;
      for (const settle of [...this.#attempts.values()]) settle(uncertainAttempt(reason));
    },
  };

  /** Whether the copy is at `epoch` or beyond in time. */
  async #untilEpoch(epoch: number, untilMs: number): Promise<boolean> {
    const { clock, copy } = this.#options;
    while (copy.state.epoch < epoch) {
      const leftMs = untilMs - clock.nowMs();
      if (leftMs <= 0 || this.#isClosed || copy.fault !== undefined) return false;
      await this.#wait(Math.min(leftMs, retryMs));
    }
    return true;
  }

  async #pause(untilMs: number): Promise<void> {
    const { clock } = this.#options;
    const endMs = Math.min(untilMs, clock.nowMs() + retryMs);
    while (clock.nowMs() < endMs && !this.#isClosed) await this.#wait(endMs - clock.nowMs());
  }

  /** Until the copy has changed, the node stops, or time is up. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = this.#options.clock.setTimer(Math.max(0, ms), wake);
      this.#waiting.add(wake);
    });
  }
}

function attemptOf(reply: Reply): Attempt {
  const text = encodeReply(reply, 3).trimEnd();
  const [, word, epoch] = /^\+(CHANGED|EPOCH) (\d+)$/.exec(text) ?? [];
  if (word !== undefined) return { kind: word === "CHANGED" ? "changed" : "late", epoch: Number(epoch) };
  return /^-UNCERTAIN /.test(text) ? uncertainAttempt(text.slice(1)) : { kind: "failed", reason: text.slice(1) };
}

function uncertainAttempt(reason: string): Attempt {
  return { kind: "uncertain", reason };
}

function reasonOf(attempt: Attempt): string {
  return "reason" in attempt ? attempt.reason : "others change it all the time";
}

/** The command that puts `records` where the directory is at `epoch`. */
export function changeArguments(epoch: number, records: readonly DirectoryRecord[]): Arguments {
  return Arguments.of(["DIRECTORY-CHANGE", String(epoch), ...records.flat()].map(byteString));
}

/** Words are bytes, a character each. */
function byteString(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
