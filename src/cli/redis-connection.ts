/** A connection to a Redis port for a few commands, within a time limit. */
import { type Context, closed, DeadlineExceededError } from "../channels/index.ts";
import {
  ConnectFailedError,
  ConnectionClosedError,
  ConnectionLostError,
  dialTcp,
  type TcpConnection,
} from "../net/index.ts";
import type { SocketAddress } from "../platform/index.ts";
import { ErrorReply, type Reply, ReplyDecoder, ReplyFormatError } from "../resp/index.ts";
import { formatAddress } from "./peer-list.ts";
import { NoAnswerError } from "./refusal.ts";

export interface RedisTarget {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** What to do where nothing answers. */
  readonly cure: string;
}

export class RedisConnection {
  readonly #connection: TcpConnection;
  readonly #context: Context;
  readonly #decoder: ReplyDecoder = new ReplyDecoder();

  private constructor(connection: TcpConnection, context: Context) {
    this.#connection = connection;
    this.#context = context;
  }

  /**
   * Connects, and hangs up once `talk` has ended.
   *
   * @throws NoAnswerError (NO_ANSWER), ReplyFormatError (REPLY_FORMAT); CancelledError if `parent` ends; what `talk` throws
   */
  static async use<T>(
    target: RedisTarget,
    parent: Context,
    talk: (connection: RedisConnection) => Promise<T>,
  ): Promise<T> {
    const [context, cancel] = parent.withTimeout(target.timeoutMs);
    let connection: TcpConnection | undefined;
    try {
      connection = await dialTcp({ host: target.host, port: target.port }, { context });
      return await talk(new RedisConnection(connection, context));
    } catch (cause) {
      throw explained(cause, target, connection !== undefined);
    } finally {
      cancel();
      connection?.destroy();
    }
  }

  /** Where the other side sees this one. */
  get localAddress(): SocketAddress {
    return this.#connection.localAddress;
  }

  /** Sends commands, words of ASCII characters, at once; one reply each, or fewer if one of them is an error. */
  async ask(...commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
    await this.#connection.write(commands.map(encode).join(""), this.#context);
    const replies: Reply[] = [];
    while (replies.length < commands.length && !(replies.at(-1) instanceof ErrorReply)) {
      const piece = await this.#connection.read(this.#context);
      if (piece === closed) throw new ConnectionClosedError(this.#connection.remoteAddress);
      this.#decoder.feed(piece);
      for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) replies.push(reply);
    }
    return replies;
  }
}

/** What whoever asked can make of it. What is no answer in the Redis protocol stays a ReplyFormatError. */
function explained(cause: unknown, { host, port, timeoutMs, cure }: RedisTarget, isConnected: boolean): unknown {
  const where = formatAddress({ host, port });
  const outcome = isConnected ? "unknown" : "notApplied";
  if (cause instanceof ReplyFormatError) return cause;
  if (cause instanceof DeadlineExceededError) {
    const what = isConnected ? `${where} has not answered` : `No connection to ${where}`;
    return new NoAnswerError(`${what} within ${timeoutMs / 1_000} s. Is it a Redis port of Coterie?`, { outcome });
  }
  if (cause instanceof ConnectionClosedError || (isConnected && cause instanceof ConnectionLostError))
    return new NoAnswerError(`${where} closed the connection. Is it a Redis port of Coterie?`, { cause, outcome });
  if (cause instanceof ConnectFailedError || cause instanceof ConnectionLostError)
    return new NoAnswerError(`Nothing answers at ${where}. ${cure}`, { cause });
  return cause;
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
