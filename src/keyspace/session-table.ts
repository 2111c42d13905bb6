/**
 * The sessions of a shard, in the order of their last use. They are replicated state like the keys: a session leaves the
 * table by the replicated clock, when it was not used for its time to live, or when there are too many, the one that was
 * used longest ago first; never by what one replica knows alone (CONSENSUS S-2).
 */
import { assert } from "../platform/index.ts";
import { DeadlineIndex } from "./deadline-index.ts";
import type { EntryRandom } from "./entry-random.ts";
import { FrozenSessions } from "./frozen-sessions.ts";
import { Session } from "./session.ts";

/** How many sessions a shard has at most, and what they weigh together. */
export const sessionsMax = 65_536;
export const sessionBytesMax: number = 32 * 1_048_576;
/** How many idle sessions one entry frees at most. */
export const freedSessionsMax = 1_000;

export interface SessionTableLimits {
  readonly countMax: number;
  readonly bytesMax: number;
}

export interface OpenedSession {
  /** A slot of the shard: it stands in the id, so that whoever sees the id knows the shard. */
  readonly slot: number;
  /** Of the entry that opens it: no other entry has it. */
  readonly index: number;
  readonly nowMs: number;
  readonly random: EntryRandom;
  readonly ttlMs: number;
}

export class SessionTable {
  /** When the next session is idle for too long, or has been so; `Infinity` if there is none. Looked at by every entry. */
  earliestMs: number = Number.POSITIVE_INFINITY;
  readonly #limits: SessionTableLimits;
  readonly #sessions: Map<string, Session> = new Map();
  readonly #deadlines: DeadlineIndex = new DeadlineIndex();
  #oldest: Session | undefined;
  #newest: Session | undefined;
  #bytes = 0;
  #frozen: FrozenSessions | undefined;

  /** Other limits than the defaults only in tests: all replicas must have the same. */
  constructor(limits: SessionTableLimits = { countMax: sessionsMax, bytesMax: sessionBytesMax }) {
    this.#limits = limits;
  }

  /** With idle ones that are not freed yet. */
  get count(): number {
    return this.#sessions.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Opens a session, at the cost of others if there are too many. */
  open({ slot, index, nowMs, random, ttlMs }: OpenedSession): Session {
    while (this.count >= this.#limits.countMax) this.#evict(nowMs);
    let id: string;
    // Two of one entry differ in the last part, which also keeps sessions of different shards and clusters apart.
    do id = `${slot}-${index}-${hexOf(random.uint32())}${hexOf(random.uint32())}`;
    while (this.#sessions.has(id));
    const session = new Session({ id, ttlMs, usedMs: nowMs });
    this.add(session);
    return session;
  }

  /** Undefined if there is none of this id, or none any more. */
  find(id: string, nowMs: number): Session | undefined {
    const session = this.#sessions.get(id);
    return session === undefined || session.usedMs + session.ttlMs <= nowMs ? undefined : session;
  }

  /** A command of the session has come. Its client has the replies up to `acknowledged`. */
  use(session: Session, nowMs: number, acknowledged: number): void {
    this.#frozen?.keep(session);
    const { bytes } = session;
    session.use(nowMs, acknowledged);
    this.#bytes += session.bytes - bytes;
    this.#deadlines.move(session.deadlineId, 0, nowMs + session.ttlMs);
    this.earliestMs = this.#deadlines.earliestMs;
    if (session === this.#newest) return;
    this.#unlink(session);
    this.#link(session);
  }

  /** The session's next command was carried out; `text` is its reply, undefined if that is too long to keep. */
  answered(session: Session, text: string | undefined): void {
    assert(session === this.#newest, "a session is answered that was not used");
    this.#frozen?.keep(session);
    const { bytes } = session;
    session.answered(text);
    this.#bytes += session.bytes - bytes;
    while (this.#bytes > this.#limits.bytesMax && this.#oldest !== session) this.#evict(session.usedMs);
  }

  close(session: Session): void {
    this.#remove(session);
  }

  /** The end of an entry: frees sessions that have been idle for too long, in the order in which they became so. */
  freeIdle(nowMs: number): void {
    for (let freed = 0; freed < freedSessionsMax && this.earliestMs <= nowMs; freed++) this.#evict(nowMs);
  }

  /** Adds a session that was used after all others. */
  add(session: Session): void {
    assert(!this.#sessions.has(session.id), "two sessions have one id");
    this.#sessions.set(session.id, session);
    session.deadlineId = this.#deadlines.add(session.id, 0, session.usedMs + session.ttlMs);
    this.earliestMs = this.#deadlines.earliestMs;
    this.#bytes += session.bytes;
    this.#link(session);
  }

  has(id: string): boolean {
    return this.#sessions.has(id);
  }

  /** In the order of their last use. */
  *[Symbol.iterator](): Generator<Session> {
    for (let session = this.#oldest; session !== undefined; session = session.newer) yield session;
  }

  /** All sessions as they are now, for a snapshot that goes through them while they go on. At most one lives. */
  freeze(): FrozenSessions {
    assert(this.#frozen === undefined, "sessions are frozen twice");
    this.#frozen = new FrozenSessions([...this], () => {
      this.#frozen = undefined;
    });
    return this.#frozen;
  }

  /** Removes a session that is idle for too long, or else the one that was used longest ago. */
  #evict(nowMs: number): void {
    const isIdle = this.earliestMs <= nowMs;
    const session = isIdle ? this.#sessions.get(this.#deadlines.earliestKey) : this.#oldest;
    assert(session !== undefined, "an empty table has too many sessions");
    this.#remove(session);
  }

  #remove(session: Session): void {
    this.#frozen?.keep(session);
    this.#sessions.delete(session.id);
    this.#deadlines.remove(session.deadlineId);
    this.earliestMs = this.#deadlines.earliestMs;
    this.#bytes -= session.bytes;
    this.#unlink(session);
  }

  #link(session: Session): void {
    session.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = session;
    else this.#newest.newer = session;
    this.#newest = session;
  }

  #unlink(session: Session): void {
    const { older, newer } = session;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    session.older = session.newer = undefined;
  }
}

function hexOf(value: number): string {
  return value.toString(16).padStart(8, "0");
}
