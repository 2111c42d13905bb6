import { type Cancellation, type Closed, closed, contextOf, Semaphore } from "../channels/index.ts";
import type { Connection } from "./connection.ts";
import { iterate } from "./iterate.ts";
import { anything, decodeMessage, type JsonOptions, jsonBytesMaxDefault, jsonText } from "./json-message.ts";
import { limitOf } from "./limit.ts";
import { MessageError, MessageTruncatedError } from "./message-errors.ts";
import { createSplitter, type Framing, frame, type MessageSplitter } from "./message-splitter.ts";

/** How messages travel, and what becomes of bad ones. */
export interface JsonStreamSettings {
  /** The same on both sides. Default "lines". */
  readonly framing?: Framing;
  /** Of one message, without what stands around it. Default 1 MiB. */
  readonly bytesMax?: number;
  /** Arrays and objects within each other. Default 64. */
  readonly depthMax?: number;
  /** Hears of messages that cannot be received, which are skipped then. Default: `receive` throws the error. */
  readonly onInvalid?: (error: MessageError) => void;
}

/** The settings, and what messages must be. */
export interface JsonStreamOptions<T> extends JsonStreamSettings, JsonOptions<T> {}

/**
 * JSON messages over a connection, one a line or each behind its length. A message that is too large or cannot be read is
 * an error of its `receive`, and the next `receive` goes on behind it. The connection stays its owner's, who closes it.
 */
export class JsonStream<T> implements AsyncIterable<T> {
  readonly connection: Connection;
  readonly #options: JsonStreamOptions<T>;
  readonly #framing: Framing;
  readonly #bytesMax: number;
  readonly #splitter: MessageSplitter;
  /** Held by the receive whose turn it is to read. */
  readonly #receiving = new Semaphore(1);
  #isCutOffTold = false;

  /** @throws InvalidArgumentError (INVALID_ARGUMENT) for a limit that is no whole number above 0, or an unknown framing. */
  constructor(connection: Connection, options: JsonStreamOptions<T>) {
    this.connection = connection;
    if (options.depthMax !== undefined) limitOf("depthMax", options.depthMax);
    this.#options = options;
    this.#framing = options.framing ?? "lines";
    this.#bytesMax = options.bytesMax ?? jsonBytesMaxDefault;
    this.#splitter = createSplitter(this.#framing, this.#bytesMax);
  }

  /** A stream whose messages are `unknown`. */
  static untyped(connection: Connection, settings: JsonStreamSettings = {}): JsonStream<unknown> {
    return new JsonStream(connection, { ...settings, schema: anything });
  }

  /**
   * The next message, {@link closed} at the end; a promise if it has to wait. A cancelled receive takes nothing.
   * @throws MessageError: MessageTooLargeError (MESSAGE_TOO_LARGE), MessageNotUtf8Error (MESSAGE_NOT_UTF8),
   * MessageMalformedError (MESSAGE_MALFORMED), MessageTooDeepError (MESSAGE_TOO_DEEP), MessageInvalidError
   * (MESSAGE_INVALID), MessageTruncatedError (MESSAGE_TRUNCATED); and what the connection's `read` throws.
   */
  receive(cancellation?: Cancellation): T | Closed | Promise<T | Closed> {
    if (cancellation !== undefined) contextOf(cancellation).throwIfDone();
    // What has come already is handed out without waiting, unless somebody waits before.
    if (this.#receiving.held === 0 && this.#options.onInvalid === undefined) {
      const bytes = this.#splitter.next();
      if (bytes !== undefined) return this.#decode(bytes);
    }
    return this.#receiveInTurn(cancellation);
  }

  /**
   * Sends `value`; a promise if it has to wait for messages before it.
   * @throws MessageTooLargeError (MESSAGE_TOO_LARGE), InvalidArgumentError (INVALID_ARGUMENT) for what is no JSON, and
   * what the connection's `write` throws.
   */
  send(value: unknown, cancellation?: Cancellation): Promise<void> | undefined {
    return this.connection.write(frame(jsonText(value, this.#bytesMax), this.#framing), cancellation);
  }

  /** Yields messages until the end; throws what {@link receive} does, after which another loop goes on behind it. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return iterate(() => this.receive());
  }

  async #receiveInTurn(cancellation: Cancellation | undefined): Promise<T | Closed> {
    await this.#receiving.acquire(1, cancellation);
    try {
      for (;;) {
        try {
          return await this.#receiveNext(cancellation);
        } catch (error) {
          const { onInvalid } = this.#options;
          if (onInvalid === undefined || !(error instanceof MessageError)) throw error;
          onInvalid(error);
        }
      }
    } finally {
      this.#receiving.release();
    }
  }

  async #receiveNext(cancellation: Cancellation | undefined): Promise<T | Closed> {
    for (let bytes = this.#splitter.next(); ; bytes = this.#splitter.next()) {
      if (bytes !== undefined) return this.#decode(bytes);
      const piece = await this.connection.read(cancellation);
      if (piece === closed) return this.#end();
      this.#splitter.push(piece);
    }
  }

  #decode(bytes: Uint8Array): T | Promise<T> {
    return decodeMessage(bytes, this.#options, this.#splitter.messageNumber);
  }

  #end(): Closed {
    const { unfinishedBytes, messageNumber } = this.#splitter;
    if (unfinishedBytes === 0 || this.#isCutOffTold) return closed;
    this.#isCutOffTold = true;
    throw new MessageTruncatedError(unfinishedBytes, { messageNumber });
  }
}
