/** One command to a Redis server, for `coterie status`: connect, log in, ask, hang up. */
import { background, type Context, closed, DeadlineExceededError } from "../channels/index.ts";
import {
  ConnectFailedError,
  ConnectionClosedError,
  ConnectionLostError,
  dialTcp,
  type TcpConnection,
} from "../net/index.ts";
import { ErrorReply, type Reply, ReplyDecoder, ReplyFormatError } from "../resp/index.ts";
import { formatAddress } from "./peer-list.ts";
import { NoAnswerError, StatusRefusedError } from "./refusal.ts";

export interface RedisRequest {
  readonly host: string;
  readonly port: number;
  readonly password: string | undefined;
  readonly timeoutMs: number;
  /** Words of the command, ASCII. */
  readonly words: readonly string[];
}

/** The reply, which is no error. @throws NO_ANSWER, STATUS_REFUSED */
export async function askRedis(request: RedisRequest): Promise<Reply> {
  const login = request.password === undefined ? [] : [["AUTH", request.password]];
  const replies = await exchange(request, [...login, request.words]);
  const failed = replies.find((reply) => reply instanceof ErrorReply);
  if (failed instanceof ErrorReply) throw refusedError(request, failed.text);
  return replies.at(-1) ?? null;
}

/** One reply a command, or fewer if one of them is an error. */
async function exchange(request: RedisRequest, commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
  const { host, port, timeoutMs } = request;
  const where = formatAddress({ host, port });
  const [context, cancel] = background().withTimeout(timeoutMs);
  let connection: TcpConnection | undefined;
  try {
    connection = await dialTcp({ host, port }, { context });
    await connection.write(commands.map(encode).join(""), context);
    return await readReplies(connection, commands.length, context);
  } catch (cause) {
    throw explained(cause, where, timeoutMs);
  } finally {
    cancel();
    connection?.destroy();
  }
}

async function readReplies(connection: TcpConnection, countMax: number, context: Context): Promise<readonly Reply[]> {
  const replies: Reply[] = [];
  const decoder = new ReplyDecoder();
  while (replies.length < countMax && !(replies.at(-1) instanceof ErrorReply)) {
    const piece = await connection.read(context);
    if (piece === closed) throw new ConnectionClosedError(connection.remoteAddress);
    decoder.feed(piece);
    for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) replies.push(reply);
  }
  return replies;
}

/** What whoever asks for the status can make of it. */
function explained(cause: unknown, where: string, timeoutMs: number): unknown {
  if (cause instanceof DeadlineExceededError)
    return new NoAnswerError(`No answer from ${where} within ${timeoutMs / 1_000} s. Is it a Redis port of Coterie?`);
  if (cause instanceof ConnectionClosedError)
    return new NoAnswerError(`${where} closed the connection. Is it a Redis port of Coterie?`);
  if (cause instanceof ConnectFailedError || cause instanceof ConnectionLostError)
    return new NoAnswerError(unreachableText(where), { cause });
  if (cause instanceof ReplyFormatError) {
    const text = `${where} does not speak the Redis protocol. Give the Redis port of a node.`;
    return new StatusRefusedError(text, { cause });
  }
  return cause;
}

function unreachableText(where: string): string {
  return `Nothing answers at ${where}. Start a cluster with coterie demo, or give --host and --port of a node.`;
}

function refusedError(request: RedisRequest, text: string): StatusRefusedError {
  const where = formatAddress(request);
  if (/^NOAUTH/.test(text))
    return new StatusRefusedError(`${where} asks for a password. Give COTERIE_PASSWORD or --password-file.`);
  if (/^WRONGPASS/.test(text)) return new StatusRefusedError(`${where} does not accept this password.`);
  if (/^ERR unknown command/.test(text))
    return new StatusRefusedError(`${where} is no node of Coterie: it does not know COTERIE STATUS.`);
  return new StatusRefusedError(`${where} answers: ${text}`);
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
