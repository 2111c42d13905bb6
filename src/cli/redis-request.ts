/** One command to a Redis server, for `coterie status`: connect, log in, ask, hang up. */
import { connect } from "node:net";
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
function exchange(request: RedisRequest, commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
  const { host, port, timeoutMs } = request;
  const where = formatAddress({ host, port });
  return new Promise((resolve, reject) => {
    const replies: Reply[] = [];
    const decoder = new ReplyDecoder();
    const socket = connect({ host, port, noDelay: true });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(new NoAnswerError(`No answer from ${where} within ${timeoutMs / 1_000} s. Is it a Redis port of Coterie?`));
    }, timeoutMs);
    socket.on("error", (cause) => fail(new NoAnswerError(unreachableText(where), { cause })));
    socket.on("close", () => fail(new NoAnswerError(`${where} closed the connection. Is it a Redis port of Coterie?`)));
    socket.write(commands.map(encode).join(""));
    socket.on("data", (chunk) => {
      try {
        decoder.feed(chunk);
        for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) replies.push(reply);
      } catch (cause) {
        if (!(cause instanceof ReplyFormatError)) throw cause;
        fail(
          new StatusRefusedError(`${where} does not speak the Redis protocol. Give the Redis port of a node.`, {
            cause,
          }),
        );
        return;
      }
      if (replies.length < commands.length && !(replies.at(-1) instanceof ErrorReply)) return;
      resolve(replies);
      clearTimeout(timer);
      socket.destroy();
    });
  });
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
