/** One command to a Redis server, for `coterie status`: connect, log in, ask, hang up. */
import { background } from "../channels/index.ts";
import { ErrorReply, type Reply, ReplyFormatError } from "../resp/index.ts";
import { formatAddress } from "./peer-list.ts";
import { RedisConnection } from "./redis-connection.ts";
import { StatusRefusedError } from "./refusal.ts";

const cure = "Start a cluster with coterie demo, or give --host and --port of a node.";

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
  const replies = await replyTo(request, [...login, request.words]);
  const failed = replies.find((reply) => reply instanceof ErrorReply);
  if (failed instanceof ErrorReply) throw refusedError(request, failed.text);
  return replies.at(-1) ?? null;
}

async function replyTo(
  { host, port, timeoutMs }: RedisRequest,
  commands: readonly (readonly string[])[],
): Promise<readonly Reply[]> {
  try {
    return await RedisConnection.use({ host, port, timeoutMs, cure }, background(), (redis) => redis.ask(...commands));
  } catch (cause) {
    if (!(cause instanceof ReplyFormatError)) throw cause;
    const text = `${formatAddress({ host, port })} does not speak the Redis protocol. Give the Redis port of a node.`;
    throw new StatusRefusedError(text, { cause });
  }
}

function refusedError(request: RedisRequest, text: string): StatusRefusedError {
  const where = formatAddress(request);
  if (/^NOAUTH/.test(text))
    return new StatusRefusedError(`${where} asks for a password. Give COTERIE_PASSWORD or --password-file.`);
  if (/^WRONGPASS/.test(text)) return new StatusRefusedError(`${where} does not accept this password.`);
  if (/^ERR unknown command/.test(text))
    return new StatusRefusedError(`${where} is no node of Coterie: it does not know COTERIE STATUS.`);
  // What has a code of its own is said in words for people.
  const [, code = "ERR", sentence = ""] = /^([A-Z]+_[A-Z_]+|UNCERTAIN) (.*)$/s.exec(text) ?? [];
  return new StatusRefusedError(code === "ERR" ? `${where} answers: ${text}` : sentence);
}
