/**
 * One client's session: how far its numbered commands have been carried out, and the replies that the client may ask
 * for again (CONSENSUS S-1). It is replicated state: nothing here depends on anything but what was done to it.
 *
 * ```
 *   1 … … … │ kept: answered again as they were │ lastSequence + 1: the next │ beyond: a gap
 *           └ acknowledged, or too much to keep: done, reply lost
 * ```
 */
import { encodeReply, type Reply, ReplyDecoder, ReplyFormatError } from "../resp/index.ts";
import { SnapshotFormatError } from "./snapshot-format.ts";

/** Replies that a session keeps at most, and their bytes. The oldest go first; a longer one is never kept. */
export const keptRepliesMax = 1_024;
export const keptReplyBytesMax = 65_536;
/** What a session weighs besides the replies that it keeps, and what each of these weighs besides its bytes. */
export const sessionOverheadBytes = 400;
const replyOverheadBytes = 24;

/** What there is to know of a session when it begins, or is read from a snapshot. */
export interface SessionState {
  readonly id: string;
  readonly ttlMs: number;
  readonly usedMs: number;
  readonly lastSequence?: number;
  /** The replies to `lastSequence` and those before it, the oldest first; undefined: not kept. */
  readonly kept?: readonly (string | undefined)[];
}

export class Session {
  readonly id: string;
  /** It is gone once it was not used for so long, by the replicated clock. */
  readonly ttlMs: number;
  #usedMs: number;
  #lastSequence: number;
  #kept: (string | undefined)[];
  #bytes = sessionOverheadBytes;

  // The table's own: who was used before and after it, its deadline, and its place in the snapshot that is being made.
  older: Session | undefined;
  newer: Session | undefined;
  deadlineId = -1;
  frozenPlace = -1;

  constructor({ id, ttlMs, usedMs, lastSequence = 0, kept = [] }: SessionState) {
    this.id = id;
    this.ttlMs = ttlMs;
    this.#usedMs = usedMs;
    this.#lastSequence = lastSequence;
    this.#kept = [...kept];
    for (const text of kept) this.#bytes += weightOf(text);
  }

  /** The number of the last command that was carried out; 0 before the first. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** When it was last used, by the replicated clock. */
  get usedMs(): number {
    return this.#usedMs;
  }

  /** What it weighs for the table's limit: a function of its content alone. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The reply to a command that was carried out; undefined if it is not kept. */
  replyTo(sequence: number): string | undefined {
    const place = sequence - this.#firstKept;
    return place < 0 ? undefined : this.#kept[place];
  }

  /** It is used. The client has the replies up to `acknowledged`. */
  use(nowMs: number, acknowledged: number): void {
    this.#usedMs = nowMs;
    this.#dropUntil(acknowledged);
  }

  /** The next command was carried out; its reply is `text`, or undefined if that cannot be kept. */
  answered(text: string | undefined): void {
    this.#lastSequence++;
    this.#kept.push(text);
    this.#bytes += weightOf(text);
    if (this.#kept.length > keptRepliesMax) this.#dropUntil(this.#firstKept);
    while (this.#bytes - sessionOverheadBytes > keptReplyBytesMax + replyOverheadBytes)
      this.#dropUntil(this.#firstKept);
  }

  /** All of it, for snapshots and digests: an array of RESP. Made for good. */
  toText(): string {
    const kept = this.#kept.map((text) => text ?? null);
    return encodeReply([this.id, this.ttlMs, this.#usedMs, this.#lastSequence, kept], 3);
  }

  /** @throws SnapshotFormatError (SNAPSHOT_FORMAT) */
  static fromText(text: string): Session {
    const state = stateOf(decoded(text));
    if (state === undefined) throw new SnapshotFormatError("a snapshot holds a session that cannot be");
    return new Session(state);
  }

  get #firstKept(): number {
    return this.#lastSequence - this.#kept.length + 1;
  }

  #dropUntil(sequence: number): void {
    const count = Math.min(sequence - this.#firstKept + 1, this.#kept.length);
    if (count <= 0) return;
    for (let place = 0; place < count; place++) this.#bytes -= weightOf(this.#kept[place]);
    if (count === this.#kept.length) this.#kept = [];
    else this.#kept.splice(0, count);
  }
}

function weightOf(text: string | undefined): number {
  return replyOverheadBytes + (text?.length ?? 0);
}

function decoded(text: string): Reply | undefined {
  try {
    const decoder = new ReplyDecoder();
    decoder.feed(Buffer.from(text, "latin1"));
    return decoder.next();
  } catch (error) {
    if (error instanceof ReplyFormatError) return undefined;
    throw error;
  }
}

function stateOf(reply: Reply | undefined): SessionState | undefined {
  if (!Array.isArray(reply) || reply.length !== 5) return undefined;
  const [id, ttlMs, usedMs, lastSequence, replies] = reply as readonly Reply[];
  if (typeof id !== "string" || !isCount(ttlMs) || !isCount(usedMs) || !isCount(lastSequence)) return undefined;
  if (id === "" || ttlMs === 0 || !Array.isArray(replies) || replies.length > lastSequence) return undefined;
  const kept: (string | undefined)[] = [];
  for (const text of replies as readonly Reply[]) {
    if (text !== null && typeof text !== "string") return undefined;
    kept.push(text ?? undefined);
  }
  return { id, ttlMs, usedMs, lastSequence, kept };
}

function isCount(reply: Reply | undefined): reply is number {
  return typeof reply === "number" && Number.isSafeInteger(reply) && reply >= 0;
}
