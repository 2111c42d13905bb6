import { type Cancellation, type Closed, closed, Semaphore } from "../channels/index.ts";
import type { Connection } from "./connection.ts";
import { anything, decodeJson, encodeJson, type JsonOptions, jsonBytesMaxDefault } from "./json-message.ts";
import { MessageTooLargeError, MessageTruncatedError } from "./message-errors.ts";

const newline = 0x0a;

/**
 * JSON messages over TCP, one a line. A message that is too large or cannot be read is an error of its `receive`, and
 * the next `receive` goes on behind it. The connection stays its owner's, who closes it.
 */
export class JsonStream<T> implements AsyncIterable<T> {
  readonly #connection: Connection;
  readonly #options: JsonOptions<T>;
  readonly #bytesMax: number;
  readonly #receiving = new Semaphore(1);
  /** Read, and no line of it handed out yet: whole pieces without a line's end, then `#rest`. */
  #begun: Uint8Array[] = [];
  #begunBytes = 0;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(connection: Connection, options: JsonOptions<T>) {
    this.#connection = connection;
    this.#options = options;
    this.#bytesMax = options.bytesMax ?? jsonBytesMaxDefault;
  }

  /** A stream whose messages are `unknown`. */
  static untyped(connection: Connection): JsonStream<unknown> {
    return new JsonStream(connection, { schema: anything });
  }

  /**
   * The next message, {@link closed} at the end. A cancelled receive takes nothing.
   * @throws MessageTooLargeError (MESSAGE_TOO_LARGE), MessageTooDeepError (MESSAGE_TOO_DEEP), MessageMalformedError
   * (MESSAGE_MALFORMED), MessageInvalidError (MESSAGE_INVALID), MessageTruncatedError (MESSAGE_TRUNCATED), and what
   * the connection's `read` throws.
   */
  async receive(cancellation?: Cancellation): Promise<T | Closed> {
    await this.#receiving.acquire(1, cancellation);
    try {
      const line = await this.#readLine(cancellation);
      return line === closed ? closed : await decodeJson(line, this.#options);
    } finally {
      this.#receiving.release();
    }
  }

  /** @throws MessageTooLargeError, InvalidArgumentError for what is no JSON, and what the connection's `write` throws. */
  async send(value: unknown, cancellation?: Cancellation): Promise<void> {
    const bytes = encodeJson(value, this.#bytesMax);
    await this.#connection.write(Buffer.concat([bytes, Uint8Array.of(newline)]), cancellation);
  }

  /** Yields messages until the end; throws what {@link receive} does. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (let value = await this.receive(); value !== closed; value = await this.receive()) yield value as T;
  }

  async #readLine(cancellation: Cancellation | undefined): Promise<Uint8Array | Closed> {
    for (;;) {
      const end = this.#rest.indexOf(newline);
      if (end !== -1) return this.#takeLine(end);
      this.#begin(this.#rest);
      this.#rest = new Uint8Array(0);
      const piece = await this.#connection.read(cancellation);
      if (piece !== closed) {
        this.#rest = piece;
      } else if (this.#begunBytes > 0) {
        const byteCount = this.#begunBytes;
        this.#forget();
        throw new MessageTruncatedError(byteCount);
      } else {
        return closed;
      }
    }
  }

  #takeLine(end: number): Uint8Array {
    this.#begin(this.#rest.subarray(0, end));
    this.#rest = this.#rest.subarray(end + 1);
    const isTooLarge = this.#begunBytes > this.#bytesMax;
    const line = Buffer.concat(this.#begun);
    this.#forget();
    if (isTooLarge) throw new MessageTooLargeError(this.#bytesMax);
    return line;
  }

  /** Of a line that is too large only the length is kept. */
  #begin(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#begunBytes += bytes.length;
    if (this.#begunBytes > this.#bytesMax) this.#begun = [];
    else this.#begun.push(bytes);
  }

  #forget(): void {
    this.#begun = [];
    this.#begunBytes = 0;
  }
}
