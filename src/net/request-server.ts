import {
  background,
  type Cancel,
  type Cancellation,
  type Context,
  closed,
  contextOf,
  go,
  Semaphore,
  TaskGroup,
} from "../channels/index.ts";
import type { Connection } from "./connection.ts";
import { ConnectionClosedError, ConnectionLostError } from "./connection-errors.ts";
import { checkMessage, type MessageSchema } from "./json-message.ts";
import { JsonStream, type JsonStreamSettings } from "./json-stream.ts";
import { limitOf } from "./limit.ts";
import { MessageError, MessageInvalidError, MessageTruncatedError } from "./message-errors.ts";
import { errorCodes, RequestFailedError } from "./request-errors.ts";
import { type AnswerError, errorMessage, type RequestId, readRequest, resultMessage } from "./request-message.ts";

/**
 * Carries out one method. What it returns is the result, as JSON; a `RequestFailedError` that it throws is the answer,
 * any other error is answered as an "internal error". `context` ends when the request is given up.
 */
export type RequestHandler = (params: unknown, context: Context) => unknown;

/** How a connection is served, and how its messages travel. */
export interface ServeOptions extends Omit<JsonStreamSettings, "onInvalid"> {
  /** Ends the serving: requests under way are given up. Default: never. */
  readonly context?: Context;
  /** When it ends no more requests are taken; those under way are answered, and the connection is closed. */
  readonly drain?: Cancellation;
  /** Requests of the connection that are carried out at a time; others wait. Default 64. */
  readonly concurrencyMax?: number;
  /** Requests that wait so; beyond them nothing more is read. Default 1,024. */
  readonly waitingMax?: number;
  /** Hears of what a handler throws by mistake, and of a connection that broke. Default: nobody does. */
  readonly onError?: (error: unknown, method: string | undefined) => void;
}

const concurrencyMaxDefault = 64;
const waitingMaxDefault = 1_024;

const internalError: AnswerError = { code: errorCodes.internal, message: "internal error" };

/** A handler whose params are what `schema` says; others are refused before it is called. */
export function withParams<P>(
  schema: MessageSchema<P>,
  handler: (params: P, context: Context) => unknown,
): RequestHandler {
  return async (params, context) => {
    let checked: P;
    try {
      checked = await checkMessage(params, schema, { what: "the params" });
    } catch (error) {
      if (!(error instanceof MessageInvalidError)) throw error;
      throw new RequestFailedError(error.message, { errorCode: errorCodes.invalidParams, data: error.issues });
    }
    return handler(checked, context);
  };
}

/**
 * Answers the requests that come over `connection`, which becomes its own, until the other side sends no more and has its
 * answers, and then closes it. Never throws: with a connection that breaks its requests are given up.
 *
 * ```ts
 * for await (const connection of listener) {
 *   go(() => serveRequests(connection, { add: withParams(Pair, ({ a, b }) => a + b) }));
 * }
 * ```
 */
export async function serveRequests(
  connection: Connection,
  methods: Readonly<Record<string, RequestHandler>>,
  options: ServeOptions = {},
): Promise<void> {
  await new Serving(connection, new Map(Object.entries(methods)), options).run();
}

class Serving {
  readonly #stream: JsonStream<unknown>;
  readonly #methods: ReadonlyMap<string, RequestHandler>;
  readonly #options: ServeOptions;
  readonly #group: TaskGroup;
  readonly #places: Semaphore;
  readonly #underWay = new Map<RequestId, Cancel>();

  constructor(connection: Connection, methods: ReadonlyMap<string, RequestHandler>, options: ServeOptions) {
    const { context = background(), concurrencyMax = concurrencyMaxDefault, waitingMax = waitingMaxDefault } = options;
    const { framing = "lines", bytesMax, depthMax } = options;
    this.#stream = JsonStream.untyped(connection, {
      framing,
      ...(bytesMax !== undefined && { bytesMax }),
      ...(depthMax !== undefined && { depthMax }),
    });
    this.#methods = methods;
    this.#options = options;
    this.#places = new Semaphore(limitOf("concurrencyMax", concurrencyMax));
    this.#group = new TaskGroup(context, { concurrencyMax: concurrencyMax + limitOf("waitingMax", waitingMax, 0) });
  }

  async run(): Promise<void> {
    const [reading, stop] = this.#group.context.withCancel();
    const leave = this.#options.drain === undefined ? () => {} : contextOf(this.#options.drain).onEnd(() => stop());
    const watching = go((context) => this.#giveUpAtEnd(context), this.#group.context);
    try {
      while (await this.#takeNext(reading));
      await this.#group.wait();
    } catch (error) {
      this.#options.onError?.(error, undefined);
    } finally {
      leave();
      stop();
      await this.#group[Symbol.asyncDispose]();
      await watching.settled();
      await this.#stream.connection.close();
    }
  }

  /** With the connection goes whoever waits for answers. An end of the other side's requests alone is none. */
  async #giveUpAtEnd(context: Context): Promise<void> {
    await this.#stream.connection.ended.receive(context);
    this.#group.cancel();
  }

  /** False at the end. */
  async #takeNext(reading: Context): Promise<boolean> {
    try {
      const message = await this.#stream.receive(reading);
      if (message === closed) return false;
      await this.#take(message);
    } catch (error) {
      // The requests' own context is the group's: it goes on when only the reading has ended.
      if (reading.isDone) return false;
      if (!(error instanceof MessageError)) throw error;
      if (error instanceof MessageTruncatedError) return false;
      await this.#stream.send(errorMessage(null, { code: errorCodes.malformed, message: error.message }));
    }
    return true;
  }

  async #take(message: unknown): Promise<void> {
    const request = readRequest(message);
    switch (request.kind) {
      case "request":
        if (this.#underWay.has(request.id)) {
          await this.#refuse(null, `the id ${JSON.stringify(request.id)} is under way`);
        } else {
          const [context, cancel] = this.#group.context.withCancel();
          this.#underWay.set(request.id, cancel);
          await this.#group.go(() => this.#answer(request, context));
        }
        break;
      case "notification":
        await this.#group.go((context) => this.#carryOutQuietly(request.method, request.params, context));
        break;
      case "cancel":
        this.#underWay.get(request.id)?.();
        break;
      case "invalid":
        await this.#refuse(request.id, request.problem);
        break;
    }
  }

  async #refuse(id: RequestId | null, message: string): Promise<void> {
    await this.#stream.send(errorMessage(id, { code: errorCodes.invalidRequest, message }));
  }

  async #answer(
    { id, method, params }: { readonly id: RequestId; readonly method: string; readonly params: unknown },
    context: Context,
  ): Promise<void> {
    try {
      await this.#send(resultMessage(id, await this.#carryOut(method, params, context)));
    } catch (error) {
      await this.#sendError(id, method, this.#errorOf(error, method, context));
    } finally {
      this.#underWay.get(id)?.();
      this.#underWay.delete(id);
    }
  }

  async #carryOutQuietly(method: string, params: unknown, context: Context): Promise<void> {
    try {
      await this.#carryOut(method, params, context);
    } catch (error) {
      this.#errorOf(error, method, context);
    }
  }

  async #carryOut(method: string, params: unknown, context: Context): Promise<unknown> {
    const handler = this.#methods.get(method);
    if (handler === undefined) {
      throw new RequestFailedError(`there is no method ${JSON.stringify(method)}`, {
        errorCode: errorCodes.methodNotFound,
      });
    }
    await this.#places.acquire(1, context);
    try {
      return await handler(params, context);
    } finally {
      this.#places.release();
    }
  }

  #errorOf(error: unknown, method: string, context: Context): AnswerError {
    if (error instanceof RequestFailedError) {
      const { errorCode, message, data } = error;
      return { code: errorCode, message, ...(data !== undefined && { data }) };
    }
    if (context.isDone) return { code: errorCodes.cancelled, message: "given up" };
    this.#options.onError?.(error, method);
    return internalError;
  }

  async #sendError(id: RequestId, method: string, answer: AnswerError): Promise<void> {
    try {
      await this.#send(errorMessage(id, answer));
    } catch (error) {
      // What the handler added is no JSON, or too large.
      this.#options.onError?.(error, method);
      await this.#send(errorMessage(id, internalError));
    }
  }

  /** Whoever asked may be gone, which is no failure of the others' requests. */
  async #send(message: object): Promise<void> {
    try {
      await this.#stream.send(message);
    } catch (error) {
      if (!(error instanceof ConnectionLostError) && !(error instanceof ConnectionClosedError)) throw error;
    }
  }
}
