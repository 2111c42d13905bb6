import { commandTable, keysOf, sessionTtlMsMax, sessionTtlMsMin } from "../keyspace/index.ts";
import { Arguments, type Reply } from "../resp/index.ts";
import { hashSlotOfText, SlotRanges } from "../ring/index.ts";
import { InvalidOptionError } from "./command-error.ts";
import {
  bytesOfText,
  type CommandArgument,
  type ReplyValue,
  textOfBytes,
  toByteString,
  toValue,
} from "./reply-value.ts";
import { SessionClosedError } from "./session-error.ts";
import { SessionStream, type SessionStreamOptions } from "./session-stream.ts";

export interface SessionOptions {
  /** How long a command is tried for before its promise rejects, milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** How long the cluster remembers the session when it is not used, from 1,000 to 2,592,000,000 ms. Default one hour. */
  readonly ttlMs?: number | undefined;
  /** Closes the session at once when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

export interface SessionHost extends Pick<SessionStreamOptions, "clock" | "random" | "send" | "isOver"> {
  readonly shardCount: number;
}

const timeoutMsDefault = 30_000;

/**
 * Commands that take effect exactly once, although they are sent again where their fate is open: when a leader dies, a
 * connection breaks, or a node refuses for now. Made by `store.session()`.
 *
 * ```ts
 * await using session = store.session();
 * await session.command("INCR", "visits");
 * ```
 *
 * Commands of one session take effect in the order in which they were issued; where there are several shards, those of
 * each shard do.
 */
export class Session {
  readonly #host: SessionHost;
  readonly #options: SessionStreamOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #ranges: SlotRanges;
  readonly #streams: Map<number, SessionStream> = new Map();
  #closing: Promise<void> | undefined;
  #cause: unknown;

  /** @throws INVALID_OPTION */
  constructor(host: SessionHost, options: SessionOptions = {}) {
    const { timeoutMs = timeoutMsDefault, ttlMs, signal } = options;
    if (!(timeoutMs > 0)) throw new InvalidOptionError(`timeoutMs is a number above 0, not ${timeoutMs}.`);
    if (ttlMs !== undefined && !(Number.isInteger(ttlMs) && ttlMs >= sessionTtlMsMin && ttlMs <= sessionTtlMsMax)) {
      const rule = `a whole number from ${sessionTtlMsMin} to ${sessionTtlMsMax}`;
      throw new InvalidOptionError(`ttlMs is ${rule}, not ${ttlMs}.`);
    }
    this.#host = host;
    this.#ranges = new SlotRanges(host.shardCount);
    const { clock, random, send, isOver } = host;
    this.#options = { clock, random, send, isOver, timeoutMs, ttlMs };
    this.#signal = signal;
    if (signal?.aborted === true) this.#abort();
    else signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /**
   * Carries out one Redis command exactly once, and resolves to its reply as `store.command` does. What can be in a session
   * are commands with keys.
   *
   * @throws {CommandError} an error reply; `REPLYLOST` (it was done) and `SESSIONEXPIRED` (it may have been) among them
   * @throws SESSION_TIMEOUT, SESSION_CLOSED, STORE_CLOSED
   */
  async command(name: string, ...words: CommandArgument[]): Promise<ReplyValue> {
    return toValue(await this.#run([name, ...words]), textOfBytes);
  }

  /** As `command`, but every bulk string of the reply is a `Uint8Array`. */
  async commandBytes(name: string, ...words: CommandArgument[]): Promise<ReplyValue<Uint8Array>> {
    return toValue(await this.#run([name, ...words]), bytesOfText);
  }

  /** Waits for the commands that are under way, then closes the session. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #run(words: readonly CommandArgument[]): Promise<Reply> {
    if (this.#closing !== undefined) {
      const options = { outcome: "notApplied", cause: this.#cause } as const;
      return Promise.reject(new SessionClosedError(String(words[0]), options));
    }
    const key = this.#host.shardCount === 1 ? undefined : keyOf(words);
    const shard = key === undefined ? 0 : this.#ranges.shardOf(hashSlotOfText(key));
    let stream = this.#streams.get(shard);
    if (stream === undefined) {
      stream = new SessionStream(this.#options, key === undefined ? undefined : Buffer.from(key, "latin1"));
      this.#streams.set(shard, stream);
    }
    return stream.call(words);
  }

  async #close(): Promise<void> {
    const streams = [...this.#streams.values()];
    await Promise.all(streams.map((stream) => stream.idle()));
    this.#signal?.removeEventListener("abort", this.#abort);
    await Promise.all(streams.map((stream) => stream.close(this.#cause)));
  }

  readonly #abort = (): void => {
    this.#cause = this.#signal?.reason;
    const closed = [...this.#streams.values()].map((stream) => stream.close(this.#cause));
    this.#closing ??= Promise.all(closed).then(() => {});
  };
}

/** The first key of a command, as a byte string; undefined if it has none. */
function keyOf(words: readonly CommandArgument[]): string | undefined {
  const texts = words.map(toByteString);
  const spec = commandTable.resolve(Arguments.of(texts));
  const [first] = (spec && keysOf(spec, texts)) ?? [];
  return first && texts[first.word];
}
