/**
 * The commands of a session to one shard, each of which takes effect once (`docs/sessions.md`). They are numbered when they
 * are first sent, in the order in which they were issued, and several are under way at a time. One whose fate is open, or
 * that was refused for now, is sent again under its number once everything that is under way has been answered, so that
 * the order stays.
 *
 * ```
 *   waiting ── sent ──┬── answered
 *      └──── again ───┘
 * ```
 */
import { type Clock, type Random, randomFloat, type Timer } from "../platform/index.ts";
import type { Reply } from "../resp/index.ts";
import { CommandError, StoreClosedError, TooManyCommandsError } from "./command-error.ts";
import type { CommandArgument } from "./reply-value.ts";
import { SessionClosedError, SessionTimeoutError } from "./session-error.ts";

export interface SessionStreamOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Sends one command. Rejects with the error that is its reply, or with why there is none. */
  readonly send: (words: readonly CommandArgument[]) => Promise<Reply>;
  /** Whether it is of no use to send anything any more. */
  readonly isOver: () => boolean;
  readonly timeoutMs: number;
  readonly ttlMs: number | undefined;
}

interface Call {
  readonly words: readonly CommandArgument[];
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  readonly deadlineMs: number;
  state: "waiting" | "sent" | "again";
  /** 0 before it is first sent. */
  sequence: number;
  /** Some sending of it may have been carried out. */
  isDoubtful: boolean;
  /** Whoever issued it has been told that it is not known what became of it. */
  isGivenUp: boolean;
  lastError: unknown;
}

/** So many commands are under way at once: far fewer than a session keeps replies. */
export const sessionCallsMax = 256;
/** The wait before commands are sent again doubles from the first to the last. */
const retryMsMin = 20;
const retryMsMax = 1_000;

/** Errors of nodes that leave the number free, and promise that nothing happened now. */
const refusals: ReadonlySet<string> = new Set(["TRYAGAIN", "CLUSTERDOWN", "DISKFULL", "LOADING", "SEQUENCEGAP"]);

export class SessionStream {
  readonly #options: SessionStreamOptions;
  /** A key of the shard. */
  readonly #key: CommandArgument | undefined;
  /** Not answered yet, in the order of their numbers. */
  #calls: Call[] = [];
  /** Of them: under way, to be sent again, and awaited by somebody. */
  #sentCount = 0;
  #againCount = 0;
  #awaitedCount = 0;
  #id: string | undefined;
  #isOpening = false;
  #lastSequence = 0;
  /** No reply is awaited to any number up to this one. */
  #acknowledged = 0;
  /** Set if the session is of no use: because it has gone, or because a number of it can not come any more. */
  #renewal: "expired" | "gap" | undefined;
  #failureCount = 0;
  #retryTimer: Timer | undefined;
  #deadlineTimer: Timer | undefined;
  #onIdle: (() => void)[] = [];

  constructor(options: SessionStreamOptions, key: CommandArgument | undefined) {
    this.#options = options;
    this.#key = key;
  }

  call(words: readonly CommandArgument[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#options.clock.nowMs() + this.#options.timeoutMs;
      const call = { words, resolve, reject, deadlineMs, sequence: 0, lastError: undefined };
      this.#calls.push({ ...call, state: "waiting", isDoubtful: false, isGivenUp: false });
      this.#awaitedCount++;
      this.#armDeadline();
      this.#pump();
    });
  }

  /** Resolves once nothing waits for an answer. */
  idle(): Promise<void> {
    if (this.#awaitedCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** What still waits is told so. The session in the cluster is closed if that can be done at once. */
  async close(cause: unknown): Promise<void> {
    this.#retryTimer?.cancel();
    const calls = this.#calls;
    this.#calls = [];
    this.#awaitedCount = this.#againCount = 0;
    for (const call of calls) {
      const outcome = call.isDoubtful || call.state === "sent" ? "unknown" : "notApplied";
      call.reject(new SessionClosedError(String(call.words[0]), { outcome, cause }));
    }
    this.#checkIdle();
    const id = this.#id;
    if (id === undefined || this.#options.isOver()) return;
    // If it fails, the session goes by itself once it was idle for long enough.
    await this.#options.send(["COTERIE", "SESSION", "CLOSE", id]).catch(() => {});
  }

  /** Sends what may be sent now. */
  #pump(): void {
    if (this.#calls.length === 0 || this.#retryTimer !== undefined || this.#isOpening) return;
    const mustSettle = this.#renewal !== undefined || this.#againCount > 0;
    if (mustSettle && this.#sentCount > 0) return;
    if (this.#renewal !== undefined) this.#renew(this.#renewal);
    if (this.#id === undefined) {
      void this.#open();
      return;
    }
    for (const call of this.#calls) {
      if (this.#sentCount >= sessionCallsMax) return;
      if (call.state !== "sent") void this.#send(call, this.#id);
    }
  }

  async #open(): Promise<void> {
    const { send, ttlMs } = this.#options;
    const ttl = ttlMs === undefined ? [] : ["TTL", ttlMs];
    const key = this.#key === undefined ? [] : ["KEY", this.#key];
    this.#isOpening = true;
    try {
      this.#id = String(await send(["COTERIE", "SESSION", "OPEN", ...ttl, ...key]));
      this.#isOpening = false;
      this.#pump();
    } catch (error) {
      this.#isOpening = false;
      // To open another one does no harm. Anything else would be refused again.
      if (this.#isForNow(error)) this.#retryLater();
      else for (const call of [...this.#calls]) this.#finish(call, () => call.reject(this.#lastWord(call, error)));
      this.#checkIdle();
    }
  }

  async #send(call: Call, id: string): Promise<void> {
    if (call.sequence === 0) call.sequence = ++this.#lastSequence;
    if (call.state === "again") this.#againCount--;
    call.state = "sent";
    this.#sentCount++;
    const { send } = this.#options;
    try {
      const reply = await send(["COTERIE", "SESSION", "RUN", id, call.sequence, this.#acknowledged, ...call.words]);
      this.#sentCount--;
      this.#finish(call, () => call.resolve(reply));
    } catch (error) {
      this.#sentCount--;
      call.lastError = error;
      if (!this.#calls.includes(call)) return;
      this.#failed(call, error);
    }
    this.#goOn();
  }

  #failed(call: Call, error: unknown): void {
    const code = error instanceof CommandError ? error.code : undefined;
    if (code === "SESSIONEXPIRED" && !call.isDoubtful) {
      this.#sendAgain(call);
      this.#renewal ??= "expired";
    } else if (code !== "SESSIONEXPIRED" && this.#isForNow(error)) {
      this.#sendAgain(call);
      if (code === "UNCERTAIN" || (error instanceof StoreClosedError && error.outcome === "unknown"))
        call.isDoubtful = true;
      // Everything before it is done, and still there is a gap: a number was used here that no session has seen.
      if (code === "SEQUENCEGAP" && call === this.#calls[0]) this.#renewal = "gap";
    } else {
      this.#finish(call, () => call.reject(this.#lastWord(call, error)));
    }
  }

  #sendAgain(call: Call): void {
    call.state = "again";
    this.#againCount++;
  }

  /** Whether the same may be done with success later. */
  #isForNow(error: unknown): boolean {
    if (this.#options.isOver()) return false;
    if (error instanceof CommandError) return refusals.has(error.code) || error.code === "UNCERTAIN";
    return error instanceof StoreClosedError || error instanceof TooManyCommandsError;
  }

  /** The store is closed: it must not say "not applied" of what may have been applied before. */
  #lastWord(call: Call, error: unknown): Error {
    if (error instanceof StoreClosedError && call.isDoubtful) return new StoreClosedError(error.message, "unknown");
    return error instanceof Error ? error : new Error(String(error));
  }

  #finish(call: Call, tell: () => void): void {
    const place = this.#calls.indexOf(call);
    if (place < 0) return;
    this.#calls.splice(place, 1);
    if (call.state === "again") this.#againCount--;
    this.#failureCount = 0;
    const [first] = this.#calls;
    this.#acknowledged = first === undefined || first.sequence === 0 ? this.#lastSequence : first.sequence - 1;
    if (call.isGivenUp) return;
    this.#awaitedCount--;
    tell();
  }

  /** After an answer. */
  #goOn(): void {
    this.#checkIdle();
    if (this.#againCount > 0 && this.#sentCount === 0) this.#retryLater();
    else this.#pump();
  }

  #retryLater(): void {
    const { clock, random } = this.#options;
    if (this.#retryTimer !== undefined) return;
    const fullMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(this.#failureCount++, 10));
    this.#retryTimer = clock.setTimer(fullMs * (0.5 + 0.5 * randomFloat(random)), () => {
      this.#retryTimer = undefined;
      this.#pump();
    });
  }

  /** Everything that is left goes to another session, but for what may have been carried out in this one. */
  #renew(why: "expired" | "gap"): void {
    this.#renewal = undefined;
    this.#id = undefined;
    this.#lastSequence = this.#acknowledged = 0;
    const calls = this.#calls;
    this.#calls = [];
    this.#againCount = 0;
    for (const call of calls) {
      // Behind a gap nothing can have happened.
      if (call.isGivenUp) continue;
      if (why === "expired" && call.isDoubtful) {
        this.#awaitedCount--;
        call.reject(this.#lastWord(call, call.lastError));
      } else {
        this.#calls.push({ ...call, state: "waiting", sequence: 0, isDoubtful: false });
      }
    }
    this.#checkIdle();
  }

  #armDeadline(): void {
    const next = this.#awaitedCount > 0 ? this.#calls.find(({ isGivenUp }) => !isGivenUp) : undefined;
    if (next === undefined || this.#deadlineTimer !== undefined) return;
    const { clock } = this.#options;
    this.#deadlineTimer = clock.setTimer(Math.max(0, next.deadlineMs - clock.nowMs()), () => {
      this.#deadlineTimer = undefined;
      this.#giveUp();
      this.#armDeadline();
    });
  }

  /** What was sent goes on being sent, so that those behind it can follow; but nobody waits for it any more. */
  #giveUp(): void {
    const { clock, timeoutMs } = this.#options;
    const nowMs = clock.nowMs();
    for (const call of [...this.#calls]) {
      if (call.isGivenUp || call.deadlineMs > nowMs) continue;
      const isOpen = call.isDoubtful || call.state === "sent";
      const outcome = isOpen ? "unknown" : "notApplied";
      call.reject(new SessionTimeoutError(String(call.words[0]), timeoutMs, { outcome, cause: call.lastError }));
      call.isGivenUp = true;
      this.#awaitedCount--;
      if (isOpen) continue;
      if (call.state === "again") this.#againCount--;
      this.#calls.splice(this.#calls.indexOf(call), 1);
      // Its number stays free for ever, and with it this session.
      if (call.sequence > 0) this.#renewal ??= "gap";
    }
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#awaitedCount > 0) return;
    this.#deadlineTimer?.cancel();
    this.#deadlineTimer = undefined;
    const listeners = this.#onIdle;
    this.#onIdle = [];
    for (const listener of listeners) listener();
  }
}
