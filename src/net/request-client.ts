import {
  type Cancellation,
  Context,
  DeadlineExceededError,
  InvalidArgumentError,
  Semaphore,
  WaitGroup,
} from "../channels/index.ts";
import type { Connection } from "./connection.ts";
import { ConnectionClosedError } from "./connection-errors.ts";
import { checkMessage, type MessageSchema } from "./json-message.ts";
import { JsonStream, type JsonStreamSettings } from "./json-stream.ts";
import { limitOf } from "./limit.ts";
import { MessageInvalidError } from "./message-errors.ts";
import {
  RequestCancelledError,
  RequestFailedError,
  RequestTimeoutError,
  RequestUnansweredError,
} from "./request-errors.ts";
import { cancelMethod, type RequestId, type RequestParams, readAnswer, requestMessage } from "./request-message.ts";

/** How a client asks, and how its messages travel. */
export interface RequestClientOptions extends JsonStreamSettings {
  /** How long a request waits for its answer, unless it says otherwise. Default 30,000. */
  readonly timeoutMs?: number;
  /** Requests that wait for their answers; those beyond wait to be sent. Default 1,024. */
  readonly requestsMax?: number;
}

/** How one request is made. */
export interface RequestOptions {
  /** From the call to the answer. Default: the client's. */
  readonly timeoutMs?: number;
  /** Gives the request up; the other side is told. */
  readonly cancellation?: Cancellation;
}

const timeoutMsDefault = 30_000;
const requestsMaxDefault = 1_024;

interface Waiting {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Asks the other side of a connection, which serves with `serveRequests` or speaks JSON-RPC 2.0 otherwise. Any number of
 * requests may be under way; answers come in any order. The connection becomes the client's, which closes it.
 */
export class RequestClient {
  readonly #stream: JsonStream<unknown>;
  readonly #background: Context;
  readonly #timeoutMs: number;
  readonly #places: Semaphore;
  readonly #waiting = new Map<RequestId, Waiting>();
  readonly #underWay = new WaitGroup();
  #lastId = 0;
  #closing: Promise<void> | undefined;

  constructor(connection: Connection, options: RequestClientOptions = {}) {
    this.#stream = JsonStream.untyped(connection, { onInvalid: () => {}, ...options });
    this.#background = Context.background(connection.runtime);
    this.#timeoutMs = options.timeoutMs ?? timeoutMsDefault;
    this.#places = new Semaphore(limitOf("requestsMax", options.requestsMax ?? requestsMaxDefault));
    void this.#read();
  }

  /**
   * Sends a request and waits for its result.
   * @throws RequestFailedError (REQUEST_FAILED) where the other side answers with an error; RequestTimeoutError
   * (REQUEST_TIMEOUT), RequestCancelledError (REQUEST_CANCELLED), RequestUnansweredError (REQUEST_UNANSWERED) where no
   * answer came: it may have been carried out; MessageInvalidError (MESSAGE_INVALID), of outcome "applied", where the
   * result does not fit `result`. Before it was sent: CancelledError, DeadlineExceededError, MessageTooLargeError, InvalidArgumentError,
   * ConnectionClosedError, ConnectionLostError.
   */
  request(method: string, params?: RequestParams, options?: RequestOptions): Promise<unknown>;
  request<T>(
    method: string,
    params: RequestParams | undefined,
    options: RequestOptions & { readonly result: MessageSchema<T> },
  ): Promise<T>;
  async request(
    method: string,
    params?: RequestParams,
    options: RequestOptions & { readonly result?: MessageSchema<unknown> } = {},
  ): Promise<unknown> {
    const { cancellation, result, timeoutMs = this.#timeoutMs } = options;
    if (this.#closing !== undefined) throw new ConnectionClosedError(this.#stream.connection.remoteAddress);
    const [limit, release] = this.#limit(cancellation, timeoutMs);
    this.#underWay.add();
    try {
      const place = this.#places.acquire(1, limit);
      if (place !== undefined) await place;
      try {
        const answer = await this.#ask(method, params, limit);
        return result === undefined ? answer : await checkResult(method, answer, result);
      } finally {
        this.#places.release();
      }
    } finally {
      this.#underWay.done();
      release();
    }
  }

  /** Sends what needs no answer. @throws what the connection's `write` throws. */
  async notify(method: string, params?: RequestParams, cancellation?: Cancellation): Promise<void> {
    if (method === cancelMethod) throw new InvalidArgumentError("requests are given up by their cancellation");
    await this.#stream.send(requestMessage(method, params), cancellation);
  }

  /** Graceful: takes no more requests, waits for the answers of those under way, and closes the connection. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #limit(cancellation: Cancellation | undefined, timeoutMs: number): [Context, () => void] {
    if (cancellation === undefined) return this.#background.withTimeout(timeoutMs);
    if (cancellation instanceof Context) return cancellation.withTimeout(timeoutMs);
    const parent = Context.fromSignal(cancellation, this.#background);
    const [limit, cancel] = parent.withTimeout(timeoutMs);
    return [
      limit,
      () => {
        cancel();
        parent.cancel();
      },
    ];
  }

  async #ask(method: string, params: RequestParams | undefined, limit: Context): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { method, resolve, reject }));
    // It is awaited below, unless sending fails.
    answer.catch(() => {});
    try {
      await this.#stream.send(requestMessage(method, params, id), limit);
      const leave = limit.onEnd((error) => this.#giveUp(id, error));
      try {
        return await answer;
      } finally {
        leave();
      }
    } finally {
      this.#waiting.delete(id);
    }
  }

  #giveUp(id: RequestId, cause: Error): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    const { method, reject } = waiting;
    const isLate = cause instanceof DeadlineExceededError;
    reject(isLate ? new RequestTimeoutError(method, { cause }) : new RequestCancelledError(method, { cause }));
    void this.#tellGivenUp(id);
  }

  async #tellGivenUp(id: RequestId): Promise<void> {
    try {
      await this.#stream.send(requestMessage(cancelMethod, { id }));
    } catch {
      // The connection is gone, and with it whoever would have carried the request out.
    }
  }

  async #read(): Promise<void> {
    let failure: unknown;
    try {
      for await (const message of this.#stream) this.#take(message);
    } catch (error) {
      failure = error;
    }
    // Nobody answers any more, so that nothing should be asked any more.
    this.#stream.connection.closeWrite();
    for (const { method, reject } of this.#waiting.values()) {
      reject(new RequestUnansweredError(method, failure === undefined ? undefined : { cause: failure }));
    }
  }

  #take(message: unknown): void {
    const answer = readAnswer(message);
    if (answer.kind === "unrelated") return;
    // Answers to requests that were given up come late.
    const waiting = this.#waiting.get(answer.id);
    if (answer.kind === "result") {
      waiting?.resolve(answer.result);
    } else {
      const { code, message: text, data } = answer.error;
      waiting?.reject(new RequestFailedError(text, { errorCode: code, data }));
    }
  }

  async #close(): Promise<void> {
    await this.#underWay.wait();
    await this.#stream.connection.close();
  }
}

/** The other side has carried the request out, whatever is wrong with what it made of it. */
async function checkResult<T>(method: string, answer: unknown, schema: MessageSchema<T>): Promise<T> {
  try {
    return await checkMessage(answer, schema);
  } catch (error) {
    if (!(error instanceof MessageInvalidError)) throw error;
    throw new MessageInvalidError(error.issues, { what: `the result of ${method}` }, "applied");
  }
}
