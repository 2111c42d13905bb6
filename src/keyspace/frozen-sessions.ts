import type { Session } from "./session.ts";

/**
 * The sessions of a snapshot as they were when it began. It holds the list of them alone: a session that changes or goes
 * before its turn is kept, as text, when that happens for the first time.
 */
export class FrozenSessions {
  /** Hears of bytes that are held for the snapshot alone; negative: so many are no longer. */
  onHeld: (bytes: number) => void = () => {};
  readonly #sessions: readonly Session[];
  readonly #ended: () => void;
  readonly #kept: Map<Session, string> = new Map();
  #at = 0;

  constructor(sessions: readonly Session[], ended: () => void) {
    this.#sessions = sessions;
    this.#ended = ended;
    for (const [place, session] of sessions.entries()) session.frozenPlace = place;
  }

  /** The next session; undefined behind the last. */
  next(): string | undefined {
    const session = this.#sessions[this.#at];
    if (session === undefined) return undefined;
    this.#at++;
    const kept = this.#kept.get(session);
    if (kept === undefined) return session.toText();
    this.#kept.delete(session);
    this.onHeld(-kept.length);
    return kept;
  }

  /** The session is about to change, or to go. */
  keep(session: Session): void {
    const isToCome = session.frozenPlace >= this.#at && this.#sessions[session.frozenPlace] === session;
    if (!isToCome || this.#kept.has(session)) return;
    const text = session.toText();
    this.#kept.set(session, text);
    this.onHeld(text.length);
  }

  /** Changes need not be told any more. Idempotent. */
  end(): void {
    this.#kept.clear();
    this.#ended();
  }
}
