/**
 * Appends without entries tell followers of a new commit index. Under load the next append says the same a moment later,
 * so they are held back for a few milliseconds and dropped if one follows: a third of all messages, and of the answers to
 * them. Raft does not mind the loss of a message, and nobody waits for a follower to apply.
 */
import type { Clock, Timer } from "../../platform/index.ts";
import type { AppendEntries, Message, ReplicaId } from "../../raft/index.ts";

export class CommitHints {
  constructor(clock: Clock, delayMs: number, send: (message: Message) => void) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#send = send;
  }

  /** Sends `message`, or keeps it for a while if it is no more than a hint. */
  pass(message: Message): void {
    if (message.type !== "appendEntries") {
      this.#send(message);
    } else if (message.entries.length > 0 || this.#delayMs === 0) {
      if (this.#held.size > 0) this.#held.delete(message.to);
      this.#send(message);
    } else {
      this.#held.set(message.to, message);
      this.#timer ??= this.#clock.setTimer(this.#delayMs, () => this.#sendHeld());
    }
  }

  /** Forgets what is held. */
  clear(): void {
    this.#held.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #send: (message: Message) => void;
  readonly #held: Map<ReplicaId, AppendEntries> = new Map();
  #timer: Timer | undefined;

  #sendHeld(): void {
    this.#timer = undefined;
    for (const message of this.#held.values()) this.#send(message);
    this.#held.clear();
  }
}
